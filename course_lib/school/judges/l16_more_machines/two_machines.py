"""Two databases that answer as a primary and its standby do; how far the standby is, the judge decides.

Of a real one it cannot be said when it arrives. Here functions of the same names stand before the server's own in the
search path, and tell what stands in a table.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import await_, greenlet_spawn

from course_lib.db import READ_ONLY, create_engine, create_session_factory
from course_lib.lab.databases import fresh_url
from course_lib.lab.engine_events import listening
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.time_limit import Stopped

NEWS = "CREATE TABLE news (words text)"
STANDBY = (
    "CREATE SCHEMA stage",
    "CREATE SEQUENCE stage.replayed",  # no snapshot holds its value, as none holds a standby's position
    "CREATE FUNCTION stage.pg_last_wal_replay_lsn() RETURNS pg_lsn LANGUAGE sql"
    " AS $$SELECT pg_lsn '0/0' + last_value FROM stage.replayed$$",
    "CREATE FUNCTION stage.pg_last_wal_receive_lsn() RETURNS pg_lsn LANGUAGE sql AS $$SELECT pg_lsn 'FF/0'$$",
    "CREATE FUNCTION stage.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "CREATE FUNCTION stage.pg_current_wal_lsn() RETURNS pg_lsn LANGUAGE plpgsql AS $$BEGIN"
    " RAISE 'recovery is in progress' USING ERRCODE = '55000'; END$$",
)
"""What it has received is far ahead of what it shows."""
PRIMARY = (
    "CREATE SCHEMA stage",
    "CREATE VIEW stage.pg_stat_replication AS SELECT 'standby' AS application_name, 'streaming' AS state,"
    " 'async' AS sync_state, lsn AS sent_lsn, lsn AS write_lsn, lsn AS flush_lsn, lsn AS replay_lsn,"
    " interval '0' AS replay_lag FROM (SELECT pg_lsn 'FF/0' AS lsn) AS another",
)
"""It knows a standby that is far ahead of the one that is read."""


class TooManyLooks(Stopped):
    """Ends a call that asks the standby without end."""


class Standby:
    """`asked` is all that it was asked in the last call, and `looks` counts how often somebody asked how far it is."""

    def __init__(self, engine: AsyncEngine, readers: AsyncEngine) -> None:
        self.engine = engine
        self.pool = readers.pool
        self.readers = create_session_factory(readers.execution_options(**READ_ONLY))
        self.target = readers
        self.asked: list[str] = []

    @property
    def looks(self) -> int:
        return sum("replay" in sent or "receive" in sent for sent in self.asked)

    async def gets_to(self, position: str, words: str) -> None:
        """It has replayed its log up to here, and so it shows these news."""
        here = "setval('stage.replayed', CAST(CAST(CAST(:at AS text) AS pg_lsn) - pg_lsn '0/0' AS bigint))"
        await tells(self.engine, words, text(f"SELECT {here}").bindparams(at=position))

    @contextmanager
    def arriving(self, position: str, words: str, *, at_look: int, most: int) -> Iterator[None]:
        """It gets there in the moment in which it is asked for the n-th time. Raises TooManyLooks."""
        self.asked.clear()

        def meet(connection: object, cursor: object, sent: str, *_: Any) -> None:
            before = self.looks
            self.asked.append(sent)
            if self.looks > most:
                raise TooManyLooks
            if before < at_look == self.looks:
                await_(self.gets_to(position, words))

        with listening(self.target, before_cursor_execute=meet):
            yield


async def tells(engine: AsyncEngine, words: str, *besides: Any) -> None:
    """The news are these, and no others."""
    async with engine.begin() as connection:
        for statement in (
            text("DELETE FROM news"),
            text("INSERT INTO news VALUES (:words)").bindparams(words=words),
            *besides,
        ):
            await connection.execute(statement)


@asynccontextmanager
async def given_back(engine: AsyncEngine) -> AsyncIterator[None]:
    """What is still open in the end is closed then, and not by the garbage collector, which complains of it."""
    connections: list[Connection] = []
    try:
        with listening(engine, engine_connect=connections.append):
            yield
    finally:
        for connection in connections:
            if not connection.closed:
                with suppress(Exception):
                    await greenlet_spawn(connection.close)


@asynccontextmanager
async def standby_of(attempt: Attempt) -> AsyncIterator[Standby]:
    """A standby of the attempt's database."""
    url = fresh_url("postgres")
    engine, readers = create_engine(url), create_engine(url, pool_size=5)
    try:
        for each, stage in ((engine, STANDBY), (attempt.engine, PRIMARY)):
            async with each.begin() as connection:
                for statement in (NEWS, *stage):
                    await connection.exec_driver_sql(statement)
                path = "SET search_path = stage, public, pg_catalog"
                await connection.exec_driver_sql(f'ALTER DATABASE "{each.url.database}" {path}')
            await each.dispose()
        async with given_back(readers):
            yield Standby(engine, readers)
    finally:
        await readers.dispose()
        await engine.dispose()
