"""Which partitions a statement reads, and how many rows it brings: told by the database's own counters."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from asyncpg import InFailedSQLTransactionError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import await_

from course_lib.lab.engine_events import listening
from course_lib.school.attempts.attempt import Attempt

SCANS = """
    SELECT inhrelid::regclass::text AS name, pg_stat_get_xact_numscans(inhrelid) + (
        SELECT coalesce(sum(pg_stat_get_xact_numscans(indexrelid)), 0) FROM pg_index WHERE indrelid = inhrelid
    ) AS scans
    FROM pg_inherits WHERE inhparent = 'shop_events'::regclass
"""
ELSEWHERE = "America/New_York"
"""The time zone of the check's database: whoever leaves it to the server is five hours late, or four."""


@dataclass
class Read:
    """`partitions` are the names of those that were read, `rows` how many rows came to Python; a stream does not tell.
    `asks_for_some` tells whether any statement had a condition."""

    partitions: set[str] = field(default_factory=set)
    rows: int = 0
    asks_for_some: bool = False


@contextmanager
def reading(engine: AsyncEngine) -> Iterator[Read]:
    """All that is read through the engine in this block."""
    read = Read()
    first: dict[int, dict[str, int]] = {}
    before: dict[int, dict[str, int]] = {}

    def starts(connection: Connection, *_: Any) -> None:
        driver: Any = connection.connection.driver_connection
        before[id(driver)] = _scans(driver)
        first.setdefault(id(driver), before[id(driver)])

    def ends(connection: Connection, cursor: Any, sent: str, *_: Any) -> None:
        driver: Any = connection.connection.driver_connection
        now = _scans(driver)
        read.rows += max(0, cursor.rowcount)
        read.asks_for_some |= "WHERE" in sent.upper()
        for was in (before.pop(id(driver)), first[id(driver)]):  # a stream reads behind its statement
            read.partitions |= {name for name, scans in now.items() if scans > was.get(name, 0)}

    with listening(engine, before_cursor_execute=starts, after_cursor_execute=ends):
        yield read


def _scans(driver: Any) -> dict[str, int]:
    """How often each partition was begun to be read; nothing in a transaction that has failed."""
    try:
        return {row["name"]: row["scans"] for row in await_(driver.fetch(SCANS))}
    except InFailedSQLTransactionError:
        return {}


async def far_away(attempt: Attempt) -> None:
    """The database has another time zone from now on, as one may that somebody else has set up."""
    name = attempt.engine.url.database
    await attempt.change(text(f"ALTER DATABASE \"{name}\" SET timezone = '{ELSEWHERE}'"))
    await attempt.engine.dispose()
