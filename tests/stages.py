"""What the fixtures of conftest.py are made of, for tests that name it."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import httpx
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import Base
from course_lib.models import LoginToken

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
