"""Looks on while lanes run: each statement goes to the one that knows their database."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.lab.engine_events import listening
from course_lib.lab.waits.lanes import Database, Lane, current
from course_lib.lab.waits.on_postgres import Postgres
from course_lib.lab.waits.on_sqlite import Sqlite


@asynccontextmanager
async def look_on(lanes: Sequence[Lane], patience: float) -> AsyncIterator[Database]:
    """The database of the lanes, seen through one more connection, which is closed at the end for its settings."""
    engine = lanes[0].engine
    kinds: dict[str, type[Database]] = {"aiosqlite": Sqlite, "asyncpg": Postgres}
    if engine.driver not in kinds:
        raise ValueError(f"interleave knows the drivers {' and '.join(kinds)}, not {engine.driver}")
    async with AsyncEngine(engine).connect() as connection:
        try:
            driver = (await connection.get_raw_connection()).driver_connection
            database = kinds[engine.driver](lanes, patience, driver)
            await database.prepare()
            with _listening(engine, database):
                yield database
        finally:
            await connection.invalidate()


@contextmanager
def _listening(engine: Engine, database: Database) -> Iterator[None]:
    """Hand each statement of a lane to `database`, and note how its transactions end. Others are left alone."""

    def take(context: Any, run: Callable[[], None]) -> bool:
        lane = current.get()
        if lane is None or lane not in database.lanes or context.statement.startswith("ROLLBACK TO"):
            return False  # to roll back waits for nobody, and is all that a failed transaction still answers
        database.execute(lane, context.root_connection.connection, run)
        return True

    def note(mark: str) -> None:
        lane = current.get()
        if lane is not None and lane in database.lanes:
            lane.marks.append(mark)

    listeners: dict[str, Callable[..., Any]] = {
        "do_execute": lambda cursor, text, values, context: take(
            context, lambda: cursor.execute(text, values)
        ),
        "do_executemany": lambda cursor, text, sets, context: take(
            context, lambda: cursor.executemany(text, sets)
        ),
        "commit": lambda _: note("commits"),
        "rollback": lambda _: note("rolls back"),
    }
    with listening(engine, **listeners):
        yield
