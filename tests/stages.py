"""What the fixtures of conftest.py are made of, for tests that name it."""

import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

import httpx
from asyncpg import UndefinedTableError
from sqlalchemy import create_engine, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import Base
from course_lib.lab.databases import open_database
from course_lib.lab.run_apart import run_apart
from course_lib.models import LoginToken

DATABASES = ("sqlite", "postgres")
TABLES = Base.metadata.sorted_tables
DIALECT = postgresql.dialect()


async def without_rows(engine: AsyncEngine) -> None:
    """The course's tables, made if missing and emptied; keys start at 1."""
    if engine.dialect.name == "sqlite":
        return _overwrite(engine, _prepared(people=False))
    empty = f"TRUNCATE {', '.join(table.name for table in TABLES)} RESTART IDENTITY"
    try:
        await _run_script(engine, empty)
    except UndefinedTableError:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        await _run_script(engine, empty)


async def with_people(engine: AsyncEngine) -> None:
    """The course's tables with the eight sample people, and no other row."""
    if engine.dialect.name == "sqlite":
        return _overwrite(engine, _prepared(people=True))
    await without_rows(engine)
    await _run_script(engine, _people_as_script())


@cache
def _prepared(*, people: bool) -> str:
    """A file with the course's tables, made once per process: to copy it takes a tenth of the time."""

    async def made() -> str:
        engine = await open_database("sqlite", people=people)
        await engine.dispose()
        return str(engine.url.database)

    return run_apart(made())


def _overwrite(engine: AsyncEngine, prepared: str) -> None:
    """All of the engine's file becomes what is in the `prepared` one, also under open connections."""
    with (
        closing(sqlite3.connect(prepared)) as source,
        closing(sqlite3.connect(str(engine.url.database))) as target,
    ):
        target.execute("PRAGMA synchronous = OFF")
        source.backup(target)


@cache
def _people_as_script() -> str:
    """The sample people as statements for PostgreSQL, written down once per process."""
    script = []
    with create_engine(f"sqlite:///{_prepared(people=True)}").connect() as connection:
        for table in TABLES:
            if rows := [dict(row) for row in connection.execute(select(table)).mappings()]:
                statement = insert(table).values(rows)
                script.append(
                    statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}).string
                )
                if "id" in table.columns:
                    script.append(f"SELECT setval('{table}_id_seq', {len(rows)})")
    return "; ".join(script)


async def _run_script(engine: AsyncEngine, script: str) -> None:
    """All statements in one message, and in one transaction."""
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute(script)


async def logged_in(
    engine: AsyncEngine, user_id: int, *, token: str = "", lasts: timedelta = timedelta(days=1)
) -> dict[str, str]:
    """The header of somebody who has logged in (with a new `token`), without the work of a password."""
    token = token or secrets.token_urlsafe(32)
    hashed = sha256(token.encode()).hexdigest()
    row = {"user_id": user_id, "token_hash": hashed, "expires_at": datetime.now(UTC) + lasts}
    async with engine.begin() as connection:
        await connection.execute(insert(LoginToken).values(row))
    return {"Authorization": f"Bearer {token}"}


@dataclass
class Site:
    """The web application, served on a free port of loopback; `engine` is the test's own.

    `client` is mira, who is an administrator here; `stranger` has not logged in.
    """

    engine: AsyncEngine
    client: httpx.AsyncClient
    stranger: httpx.AsyncClient
