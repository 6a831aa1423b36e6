"""What the fixtures of conftest.py are made of, for tests that name it."""

from dataclasses import dataclass

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import Base

DATABASES = ("sqlite", "postgres")


async def without_rows(engine: AsyncEngine) -> None:
    """The course's tables, made if missing and emptied; keys start at 1."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        if engine.dialect.name == "postgresql":
            tables = ", ".join(Base.metadata.tables)
            await connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
        else:
            for table in (*reversed(Base.metadata.sorted_tables), text("sqlite_sequence")):
                await connection.execute(text(f"DELETE FROM {table}"))


@dataclass
class Site:
    """The web application, served on a free port of loopback, and its client; `engine` is the test's own."""

    engine: AsyncEngine
    client: httpx.AsyncClient
