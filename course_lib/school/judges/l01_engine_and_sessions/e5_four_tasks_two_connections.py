"""Exercise 01.5, Four tasks, two connections: nobody holds one connection while waiting for another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from sqlalchemy import func, select

from course_lib.db import create_engine
from course_lib.lab.sql import Statements
from course_lib.models import Tag, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l01_engine_and_sessions.connections import no_connection_in_use
from course_lib.school.judges.l01_engine_and_sessions.standing_still import noticed
from course_lib.school.judges.registry import judge

TWO_AT_MOST: dict[str, Any] = {"pool_size": 2, "max_overflow": 0}
how_many_tags = select(func.count()).select_from(Tag)


@judge("01.5")
async def served_by_two_connections(attempt: Attempt) -> None:
    keys = [key for (key,) in await attempt.rows(select(User.id).order_by(User.id).limit(4))]
    letter = attempt.choice(await attempt.call())
    names = {"User": User, "how_many_tags": how_many_tags}
    async with _narrow(attempt) as narrow:
        read = narrow.program(
            [narrow.blocks[letter]], first="async def name_and_tags(sessions, key):", names=names
        )
        stuck: set[asyncio.Task[Any]] = set()
        async with narrow.running(read), noticed(read.__code__.co_filename, partial(_end, stuck)):
            await asyncio.gather(*(read(narrow.sessions, key) for key in keys), return_exceptions=True)
        first, narrow.sent = narrow.sent.everything[:4], Statements()  # the rest differs from run to run
        no_connection_in_use(narrow, f"Option {letter}")
        if stuck:
            raise NotYet(
                "waits for itself",
                f"Option {letter} did not serve all four tasks. Two got a connection, as you see below. Then all "
                "waited for another one, as long as the pool has patience: `pool_timeout`, which is 30 seconds if you "
                "do not say otherwise. Who could have given one back?",
                sent=Statements(first),
            )


def _end(stuck: set[asyncio.Task[Any]], tasks: set[asyncio.Task[Any]]) -> None:
    stuck.update(tasks)
    for task in tasks:
        task.cancel()


@asynccontextmanager
async def _narrow(attempt: Attempt) -> AsyncIterator[Attempt]:
    """The same attempt on an engine with two connections."""
    engine = create_engine(attempt.engine.url, **TWO_AT_MOST)
    narrow = Attempt(attempt.answer, engine, attempt.blocks, hidden=False)
    try:
        yield narrow
    finally:
        await narrow.close()
