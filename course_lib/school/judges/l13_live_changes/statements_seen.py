"""What each statement does to a table, and under which locks, seen on its own connection before the commit."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from asyncpg import InFailedSQLTransactionError
from sqlalchemy import Connection
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import await_

from course_lib.lab.engine_events import listening

STOPS_READERS = "AccessExclusiveLock"
STOPS_WRITERS = frozenset(("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", STOPS_READERS))
"""Of the locks of a table, those beside which nobody changes a row; the names are those of `pg_locks`."""
IN_NO_TRANSACTION = re.compile(r"\b(CONCURRENTLY|VACUUM)\b", re.IGNORECASE)
LOOK = """
    SELECT pg_relation_filenode($1::oid) AS file,
        (SELECT virtualtransaction FROM pg_locks WHERE pid = pg_backend_pid() LIMIT 1) AS transaction,
        (SELECT array_agg(mode) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = $1::oid AND granted) AS modes,
        pg_stat_get_xact_tuples_returned($1::oid) + pg_stat_get_xact_tuples_fetched($1::oid) + coalesce((
            SELECT sum(pg_stat_get_xact_tuples_fetched(indexrelid)) FROM pg_index WHERE indrelid = $1::oid
        ), 0)::bigint AS read,
        pg_stat_get_xact_tuples_inserted($1::oid) + pg_stat_get_xact_tuples_updated($1::oid)
            + pg_stat_get_xact_tuples_deleted($1::oid) AS changed
"""


@dataclass(frozen=True)
class Seen:
    """One statement. `modes` are the locks on the table that its transaction holds behind it; `read` and `changed` are
    rows of the table, by this statement; `anew` tells that the rows lie in a new file."""

    text: str
    transaction: str
    modes: frozenset[str]
    read: int
    changed: int
    anew: bool

    @property
    def is_work(self) -> bool:
        """Whether it took as long as the table has rows, or some of them."""
        return bool(self.read or self.changed or self.anew)

    @property
    def short(self) -> str:
        words = " ".join(self.text.split())
        return words if len(words) <= 70 else f"{words[:70]} …"


@contextmanager
def seeing(engine: AsyncEngine, table: int) -> Iterator[list[Seen]]:
    """All statements that are sent through the engine and come to their end, with what they did to the table with this
    oid. One that commits by itself is put into a transaction, in which it can be looked at.
    """
    seen: list[Seen] = []
    before: dict[int, Any] = {}
    opened: set[int] = set()

    def starts(connection: Connection, cursor: Any, sent: str, *_: Any) -> None:
        adapter = connection.connection.dbapi_connection
        driver = _driver(connection)
        if IN_NO_TRANSACTION.search(sent):
            pass
        elif adapter.autocommit:  # type: ignore[union-attr]
            await_(driver.execute("BEGIN"))
            opened.add(id(driver))
        else:
            _begun(adapter)
        before[id(driver)] = _look(driver, table)

    def ends(connection: Connection, cursor: Any, sent: str, *_: Any) -> None:
        driver = _driver(connection)
        was, now = before.pop(id(driver)), _look(driver, table)
        if was and now:
            read, changed = (max(0, now[name] - was[name]) for name in ("read", "changed"))
            modes = frozenset(now["modes"] or ())
            anew = now["file"] not in (None, was["file"])
            seen.append(Seen(sent, now["transaction"], modes, read, changed, anew))
        if id(driver) in opened:
            opened.discard(id(driver))
            await_(driver.execute("COMMIT"))

    def fails(context: ExceptionContext) -> None:
        if context.connection is not None and id(driver := _driver(context.connection)) in opened:
            opened.discard(id(driver))
            await_(driver.execute("ROLLBACK"))

    with listening(engine, before_cursor_execute=starts, after_cursor_execute=ends, handle_error=fails):
        yield seen


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _begun(adapter: Any) -> None:
    """SQLAlchemy says BEGIN with the first statement, and not before."""
    if adapter._transaction is None:
        cursor = adapter.cursor()
        cursor.execute("SELECT 1")
        cursor.close()


def _look(driver: Any, table: int) -> Any:
    """None in a transaction that has failed: it answers nothing."""
    try:
        return await_(driver.fetchrow(LOOK, table))
    except InFailedSQLTransactionError:
        return None
