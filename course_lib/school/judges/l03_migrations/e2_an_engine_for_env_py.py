"""Exercise 03.2, An engine for env.py: an engine for migrations loses no row and leaves no half of a migration."""

from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from course_lib.db import create_engine
from course_lib.lab.migrating import run_migration
from course_lib.lab.sql import watch
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l03_migrations.upgrading import KEEP_IDS, leave_changes
from course_lib.school.judges.registry import judge


@judge("03.2")
async def an_engine_for_migrations(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    engine_for = attempt.program(
        [f"return {attempt.blocks[letter]}"],
        first="def engine_for(url):",
        names={
            "create_engine": create_engine,
            "create_async_engine": create_async_engine,
            "NullPool": sa.NullPool,
        },
    )
    await attempt.change(sa.text("DELETE FROM accounts"))  # their RESTRICT would refuse what comes
    engine = await attempt.call(attempt.engine.url, function=engine_for)
    try:
        await _try_engine(attempt, engine, f"With option {letter},")
    finally:
        await engine.dispose()


async def _try_engine(attempt: Attempt, engine: AsyncEngine, called: str) -> None:
    posts = await attempt.scalar(sa.text("SELECT count(*) FROM posts"))
    with watch(engine) as attempt.sent:
        await run_migration(engine, _longer_username)
    left = await attempt.scalar(sa.text("SELECT count(*) FROM posts"))
    leave_changes(attempt)
    attempt.require(
        left == posts,
        "posts lost",
        f"{called} the longer `username` came without an error, and {left} of {posts} posts are left.",
    )
    with watch(engine) as attempt.sent, suppress(DBAPIError):
        await run_migration(engine, _fails_half_way)
    async with attempt.engine.connect() as connection:
        tables = await connection.run_sync(lambda own: sa.inspect(own).get_table_names())
    attempt.require(
        "notes" not in tables,
        "half a migration",
        f"{called} the failed migration left its table `notes` behind: the next run fails at its first step.",
    )


def _longer_username(op: Any) -> None:
    with op.batch_alter_table("users", table_kwargs=KEEP_IDS) as users:
        users.alter_column("username", type_=sa.String(80))


def _fails_half_way(op: Any) -> None:
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO nowhere VALUES (1)")
