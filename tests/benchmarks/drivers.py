"""The driver alone: what no library above it can be faster than.

It gets the same SQL with the same values, and gives tuples."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.compiler import SQLCompiler

from benchmarks.cases import Place, Way

NAME = "raw driver"


@asynccontextmanager
async def driver_of(engine: AsyncEngine) -> AsyncIterator[Any]:
    """aiosqlite's or asyncpg's own connection, lent by the engine's pool."""
    async with engine.connect() as connection:
        yield (await connection.get_raw_connection()).driver_connection


async def ask(driver: Any, statement: str, values: Sequence[object] = ()) -> list[Any]:
    """The rows of a statement that is written for this driver."""
    if not hasattr(driver, "fetch"):
        async with driver.execute(statement, values) as cursor:
            return list(await cursor.fetchall())
    return list(await driver.fetch(statement, *values))


def straight(place: Place, *statements: Executable) -> Way:
    """What SQLAlchemy makes of these statements, made once; each has to find rows."""
    ready = [written_for(place.engine, statement) for statement in statements]

    async def run(driver: Any) -> None:
        for statement, values in ready:
            assert await ask(driver, statement, values)

    @asynccontextmanager
    async def around(calls: int) -> AsyncIterator[Sequence[tuple[Any]]]:
        async with driver_of(place.engine) as driver:
            yield [(driver,)] * calls

    return Way(run, around)


def written_for(engine: AsyncEngine, statement: Any) -> tuple[str, list[object]]:
    """The text of a statement and its values, in the driver's order and types."""
    compiled: SQLCompiler = statement.compile(
        dialect=engine.dialect, compile_kwargs={"render_postcompile": True}
    )
    given: Any = compiled.construct_params()
    made = compiled._bind_processors
    values = [
        made[name](given[name]) if name in made else given[name]  # type: ignore[operator]
        for name in compiled.positiontup or ()
    ]
    return str(compiled), values
