"""Many new rows at once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks import drivers, peers
from benchmarks.cases import Place, Way, Ways, case
from benchmarks.repository import fields
from course_lib.db import WRITE_LOCK_FIRST
from course_lib.lab.posts import BATCH, COLUMNS, add_posts
from course_lib.lab.posts import _batches as batches
from course_lib.models import Post, User
from course_lib.repositories import UserRepository

USERS, POSTS = 1_000, 20_000


@case("bulk", "create_many, 1,000 rows")
async def create_many(place: Place) -> AsyncIterator[Ways]:
    """Each sample is rolled back: the table stays as small as it was."""

    @asynccontextmanager
    async def rolled_back(calls: int) -> AsyncIterator[Sequence[tuple[AsyncSession, list[dict[str, Any]]]]]:
        async with place.sessions(execution_options=WRITE_LOCK_FIRST) as session:
            await session.begin()
            yield [(session, [fields() for _ in range(USERS)]) for _ in range(calls)]
            await session.rollback()

    async def ours(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
        assert len(await UserRepository(session).create_many(rows)) == USERS

    async def by_hand(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
        users = [User(**row) for row in rows]
        session.add_all(users)
        await session.flush()
        assert users[-1].id

    async def core(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
        await session.execute(insert(User), rows)

    async def alchemy(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
        await peers.advanced_alchemy(session=session).add_many([User(**row) for row in rows])

    async def sqlmodel(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
        session.add_all([peers.sqlmodel_user(**row) for row in rows])
        await session.flush()

    async def driver(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
        """COPY on PostgreSQL, executemany on SQLite; neither tells the new keys."""
        raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        records = [tuple(row.values()) for row in rows]
        if place.database == "postgres":
            await raw.copy_records_to_table("users", records=records, columns=list(rows[0]))
        else:
            await raw.executemany(
                f"INSERT INTO users ({', '.join(rows[0])}, created_at, updated_at) VALUES (?, ?, ?, 0, 0)",
                records,
            )

    works = {
        "course_lib": ours,
        "by hand": by_hand,
        "insert() without objects": core,
        "Advanced Alchemy": alchemy,
        "SQLModel": sqlmodel,
        drivers.NAME: driver,
    }
    missing = peers.absent("Advanced Alchemy", "SQLModel") | {"FastCRUD": "it creates one row in a call"}
    yield Ways(
        {name: Way(work, rolled_back) for name, work in works.items() if name not in missing}, missing=missing
    )


@case("bulk", "add_posts, 20,000 rows")
async def many_posts(place: Place) -> AsyncIterator[Ways]:
    """The lab's posts, with all that it does behind them, beside the driver's fastest way to write the same rows."""
    rows = [
        row
        for batch in batches(range(1_000, 1_000 + POSTS), list(range(1, 9)), Random(2026))
        for row in batch
    ]
    stored = Post.created_at.type.dialect_impl(place.engine.dialect).bind_processor(place.engine.dialect)

    async def clear() -> None:
        async with place.engine.begin() as connection:
            await connection.execute(delete(Post).where(Post.id > 24))
        if place.database == "postgres":
            async with place.engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                await connection.execute(text("VACUUM posts"))

    @asynccontextmanager
    async def cleared(calls: int) -> AsyncIterator[Sequence[tuple[()]]]:
        await clear()
        yield [()] * calls

    async def ours() -> None:
        await add_posts(place.engine, count=POSTS)

    def for_sqlite(row: Sequence[Any]) -> tuple[Any, ...]:
        assert stored is not None
        return tuple(stored(value) if isinstance(value, datetime) else value for value in row)

    ready: list[Any] = rows if place.database == "postgres" else [for_sqlite(row) for row in rows]

    async def driver() -> None:
        async with place.engine.execution_options(**WRITE_LOCK_FIRST).begin() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            for start in range(0, POSTS, BATCH):
                part = ready[start : start + BATCH]
                if place.database == "postgres":
                    await raw.copy_records_to_table("posts", records=part, columns=COLUMNS)
                else:
                    marks = ", ".join("?" * len(COLUMNS))
                    await raw.executemany(f"INSERT INTO posts ({', '.join(COLUMNS)}) VALUES ({marks})", part)

    yield Ways(
        {"course_lib": Way(ours, cleared), "raw driver": Way(driver, cleared)}, base="raw driver", rounds=5
    )
