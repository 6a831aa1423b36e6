"""Change a table while others use it: ask for its lock with patience, fill a column in
small steps. Each step is a unit of work."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, TableClause, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import OutOfRange
from course_lib.transactions import retry, unit_of_work


async def patiently(
    sessions: Callable[..., AsyncSession],
    statement: str,
    *,
    lock_timeout: float = 0.05,
    attempts: int = 30,
) -> None:
    """Run a statement that needs a lock for itself, such as ALTER TABLE, and commit.

    On PostgreSQL whoever comes after one that waits for such a lock waits too. So each
    attempt asks for `lock_timeout` seconds, in a transaction of its own, and then lets
    the others in, for up to a second. Raises Conflict at the end. Source: PostgreSQL's
    manual, lock_timeout."""

    async def attempt() -> None:
        async with unit_of_work(sessions) as session:
            if session.get_bind().dialect.name == "postgresql":
                milliseconds = round(1_000 * lock_timeout)  # 0 would be: for ever
                limit = f"SET LOCAL lock_timeout = {max(1, milliseconds)}"
                await session.execute(text(limit))
            await session.execute(text(statement))

    await retry(attempt, attempts=attempts, first_wait=1)


async def backfill(
    sessions: Callable[..., AsyncSession],
    table: TableClause,
    column: str,
    value: ColumnElement[Any],
    size: int = 1_000,
) -> int:
    """Set `column` to `value` where it is NULL; how many rows were set.

    Goes through the keys (`id`, above zero) in ranges of `size` rows, and commits after
    each: nobody waits for more than one range. What somebody else has filled meanwhile
    stays. After a failure run it again. Name the table with `sa.table`: that of a model
    would move `updated_at` too."""
    OutOfRange.check("size", size, 1, 100_000)
    key, last, filled = table.c.id, 0, 0
    while True:
        async with unit_of_work(sessions) as session:
            keys = select(key).where(key > last).order_by(key).limit(size).subquery()
            first, last = last, await session.scalar(select(func.max(keys.c.id)))
            if last is None:
                return filled
            empty = (key > first) & (key <= last) & table.c[column].is_(None)
            rows = update(table).where(empty).values({column: value})
            done: Any = await session.execute(rows)
            filled += done.rowcount
