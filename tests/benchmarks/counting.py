"""Counts that no noise touches: how many statements a call sends, and how much the database does for them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.cases import Place, Way
from course_lib.lab.engine_events import listening
from course_lib.lab.sql import watch

UNITS = {"sqlite": "steps of SQLite's virtual machine", "postgres": "blocks of 8 kB read by PostgreSQL"}
EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@dataclass(frozen=True)
class Counts:
    """For one operation. None where it was not done through the case's engine, or cannot be told."""

    statements: float | None
    work: float | None


@dataclass
class Work:
    amount: int = 0
    known: bool = True


async def count(place: Place, way: Way, operations: int) -> Counts:
    """What one call sends, and what another one costs the database."""
    if place.database == "none":
        return Counts(None, None)
    with watch(place.engine) as sent:
        statements = await _counted(way, lambda: len(sent))
    counter = _steps if place.database == "sqlite" else _blocks
    await place.engine.dispose()  # SQLite's steps are counted on connections that are new
    with counter(place.engine) as work:
        await _counted(way, lambda: work.amount)  # a new connection reads the tables' definitions first
        done = await _counted(way, lambda: work.amount)
    await place.engine.dispose()
    if not statements:
        return Counts(None, None)
    return Counts(statements / operations, done / operations if work.known else None)


async def _counted(way: Way, so_far: Callable[[], int]) -> int:
    """By how much a call moves a count on; to make its arguments ready does not count."""
    async with way.arguments(1) as arguments:
        before = so_far()
        done = way.run(*arguments[0])
        if isawaitable(done):
            await done
        return so_far() - before


@contextmanager
def _steps(engine: AsyncEngine) -> Iterator[Work]:
    """Of the connections that are opened meanwhile."""
    work = Work()

    def step() -> bool:
        work.amount += 1
        return False

    def prepare(connection: Any, _: object) -> None:
        connection.run_async(lambda driver: driver.set_progress_handler(step, 1))

    with listening(engine, connect=prepare):
        yield work


@contextmanager
def _blocks(engine: AsyncEngine) -> Iterator[Work]:
    """Each statement is explained, run and rolled back, before it is run."""
    work, explaining = Work(), False

    def explain(
        connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        nonlocal explaining
        if explaining or not statement.startswith(EXPLAINED):
            return
        if many:
            work.known = False
            return
        explaining = True
        try:
            with connection.begin_nested() as savepoint:
                told = connection.exec_driver_sql(
                    f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters
                ).scalar_one()
                savepoint.rollback()
        finally:
            explaining = False
        [top] = json.loads(told) if isinstance(told, str) else told
        work.amount += top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"]

    with listening(engine, before_cursor_execute=explain):
        yield work
