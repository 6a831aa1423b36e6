"""A migration that is tried runs as Alembic runs it: whole or not at all, and with every row kept."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import create_engine
from course_lib.lab.databases import open_database
from course_lib.lab.migrating import AsyncMigration, try_migration


@pytest.fixture(params=["sqlite", "postgres"])
async def own(request: pytest.FixtureRequest) -> Any:
    """A database whose tables may be changed."""
    engine = await open_database(request.param)
    yield engine
    await engine.dispose()


async def ask(engine: AsyncEngine, statement: str) -> Any:
    async with create_engine(engine.url, poolclass=sa.NullPool).connect() as connection:
        return await connection.scalar(sa.text(statement))


async def test_a_table_made_anew_keeps_its_rows_and_those_that_refer_to_it(own: AsyncEngine) -> None:
    def longer(op: Any) -> None:
        with op.batch_alter_table("users", table_kwargs={"sqlite_autoincrement": True}) as users:
            users.alter_column("username", type_=sa.String(80))

    posts = await ask(own, "SELECT count(*) FROM posts")
    await try_migration(own, longer)
    assert await ask(own, "SELECT count(*) FROM posts") == posts > 0


async def test_a_migration_that_fails_leaves_nothing(own: AsyncEngine) -> None:
    def half(op: Any) -> None:
        op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))
        op.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(DBAPIError):
        await try_migration(own, half)
    with pytest.raises(DBAPIError, match="notes"):
        await ask(own, "SELECT count(*) FROM notes")


async def test_constraints_are_named_by_the_convention_of_the_metadata(own: AsyncEngine) -> None:
    def unique(op: Any) -> None:
        with op.batch_alter_table("posts") as posts:
            posts.create_check_constraint("short", sa.text("length(title) < 150"))

    convention = sa.MetaData(naming_convention={"ck": "%(constraint_name)s_of_%(table_name)s"})
    await try_migration(own, unique, metadata=convention)
    with pytest.raises(DBAPIError, match="short_of_posts"):
        await try_migration(own, lambda op: op.execute(f"UPDATE posts SET title = '{'x' * 150}'"))


async def test_an_async_migration_is_refused_by_name(own: AsyncEngine) -> None:
    async def upgrade(op: Any) -> None:
        raise AssertionError("nobody awaits this")

    with pytest.raises(AsyncMigration, match="plain function"):
        await try_migration(own, upgrade)
