"""What the fixtures of conftest.py are made of, for tests that name it."""

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import httpx
import uvicorn
from fastapi import FastAPI
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


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve `app` from a thread; gives its address. The end of the block ends the server in good order."""
    # Named as TCP, or asyncio would not switch off Nagle's algorithm, and each reply would take 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        deadline = time.monotonic() + 300
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield "http://{}:{}".format(*listener.getsockname())
        finally:
            server.should_exit = True
            thread.join(300)
        assert not thread.is_alive()


@dataclass
class Site:
    """The web application, served on a free port of loopback; `engine` is the test's own.

    `client` is mira, who is an administrator here; `stranger` has not logged in.
    """

    engine: AsyncEngine
    client: httpx.AsyncClient
    stranger: httpx.AsyncClient
