"""What the fixtures of conftest.py are made of, for tests that name it."""

import atexit
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

import httpx
import uvicorn
from asyncpg import UndefinedTableError
from fastapi import FastAPI
from sqlalchemy import insert, select
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
def _prepared(*, people: bool) -> sqlite3.Connection:
    """The course's tables, made once per process and kept in memory: to copy them takes a tenth of the time."""
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    atexit.register(memory.close)

    async def fill() -> None:
        engine = await open_database("sqlite", people=people)
        await engine.dispose()
        with closing(sqlite3.connect(str(engine.url.database))) as file:
            file.backup(memory)

    run_apart(fill())
    return memory


def _overwrite(engine: AsyncEngine, prepared: sqlite3.Connection) -> None:
    """All of the engine's file becomes what is `prepared`, also under open connections."""
    with closing(sqlite3.connect(str(engine.url.database))) as target:
        target.execute("PRAGMA synchronous = OFF")
        prepared.backup(target)


@cache
def _people_as_script() -> str:
    """The sample people as statements for PostgreSQL, written down once per process."""

    async def read() -> list[str]:
        engine, script = await open_database("sqlite"), []
        async with engine.connect() as connection:
            for table in TABLES:
                if rows := [dict(row) for row in (await connection.execute(select(table))).mappings()]:
                    statement = insert(table).values(rows)
                    written = statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
                    script.append(written.string)
                    if "id" in table.columns:
                        script.append(f"SELECT setval('{table}_id_seq', {len(rows)})")
        await engine.dispose()
        return script

    return "; ".join(run_apart(read()))


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
