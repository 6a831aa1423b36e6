"""A fresh database for each attempt, with the sample people and, before them, strangers where the rows are hidden."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from sqlalchemy import URL, NullPool, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from course_lib.db import Base, create_engine
from course_lib.lab.databases import fresh_copy, fresh_url
from course_lib.lab.people import FIRST_POST_AT, PASSWORD_HASH, add_people
from course_lib.lab.postgres import PostgresUnavailable
from course_lib.models import Post, User
from course_lib.school.attempts.attempt import Attempt

STRANGERS = ("ada", "bo", "chidi", "dana", "eske")
"""People of the hidden rows, who come before the sample people: so every key differs, and every count."""


@asynccontextmanager
async def attempting(
    answer: Callable[..., Any],
    database: str,
    blocks: Mapping[str, str],
    *,
    hidden: bool,
    kind: type[Attempt] = Attempt,
) -> AsyncIterator[Attempt]:
    """An attempt on a fresh database; afterwards nothing of it is left, no connection and no task."""
    engine = create_engine(await _filled(database, hidden=hidden), pool_size=20)
    tasks, threads = asyncio.all_tasks(), _driver_threads()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_end_threads, threads)
        stack.push_async_callback(engine.dispose)
        attempt = kind(answer, engine, blocks, hidden=hidden)
        stack.push_async_callback(attempt.close)
        stack.push_async_callback(end_tasks, tasks)
        yield attempt


async def end_tasks(tasks: set[asyncio.Task[Any]]) -> None:
    """End all tasks but these; first they may end by themselves.

    To stop a task in the middle of a statement leaves the driver with an answer for nobody.
    """
    if left := asyncio.all_tasks() - tasks:
        await asyncio.wait(left, timeout=0.5)
    if left := asyncio.all_tasks() - tasks:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=5)


def _driver_threads() -> set[threading.Thread]:
    """aiosqlite has a thread for each connection."""
    return {thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name}


async def _end_threads(before: set[threading.Thread]) -> None:
    """Wait until no threads but these are left.

    After a MissingGreenlet the pool drops a connection without waiting for it: its thread would speak to a closed loop.
    """
    for _ in range(50):
        if not _driver_threads() - before:
            break
        await asyncio.sleep(0.01)


PREPARED: dict[tuple[str, bool, int], URL] = {}
"""What this process copies for each attempt: that costs less than to write the rows anew."""


async def _filled(database: str, *, hidden: bool) -> URL:
    key = (database, hidden, os.getpid())
    with suppress(KeyError, OSError, PostgresUnavailable):  # it may be gone, as temporary files go
        return fresh_copy(PREPARED[key])
    engine = create_engine(fresh_url(database), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        if hidden:
            await _add_strangers(connection)
        await add_people(connection)
    PREPARED[key] = engine.url
    return fresh_copy(engine.url)


async def _add_strangers(connection: AsyncConnection) -> None:
    users = [
        {
            "email": f"{name}@example.net",
            "username": name,
            "hashed_password": PASSWORD_HASH,
            "is_active": place % 2 == 0,
        }
        for place, name in enumerate(STRANGERS)
    ]
    await connection.execute(insert(User), users)
    keys = (await connection.scalars(select(User.id).order_by(User.id))).all()
    posts = [
        {
            "title": f"Notes of stranger {key}, part {part}",
            "content": "Nobody has read this yet.",
            "published": (key + part) % 3 > 0,
            "author_id": key,
            "created_at": FIRST_POST_AT,
            "updated_at": FIRST_POST_AT,
        }
        for key in keys
        for part in range(1 + key % 4)
    ]
    await connection.execute(insert(Post), posts)
