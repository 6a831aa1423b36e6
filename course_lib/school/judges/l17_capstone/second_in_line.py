"""Two who come for the same thing: the second one begins while the first one's transaction is still open."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.lab.sql import Statements
from course_lib.school.attempts.attempt import Attempt
from course_lib.transactions import unit_of_work

Work = Callable[[AsyncSession], Awaitable[Any]]
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
)
A_MOMENT, A_LOOK = 0.05, 0.002


class RolledBack(Exception):
    """The first one's transaction comes to nothing."""


async def one_behind_the_other(
    attempt: Attempt, first: Work, second: Work, *, commits: bool = True
) -> tuple[Any, Any]:
    """What comes of both: a result or an error. The first one's transaction ends when the second waits or has ended.

    On SQLite nobody can see who waits: there is one who writes, and the others wait, whatever they do.
    """
    async with attempt.running():
        done: list[Any] = []
        with suppress(RolledBack):
            async with unit_of_work(attempt.sessions) as session:
                done.append(await first(session))
                follower = asyncio.create_task(outcome_of(attempt, second))
                await _waits(attempt, follower)
                if not commits:
                    raise RolledBack
        ends = done[0], await follower
    attempt.sent = Statements()  # those of two, and of whoever looked on, in any order: no evidence
    return ends


async def outcome_of(attempt: Attempt, work: Work) -> Any:
    """What a unit of work gives, or the error that it raises."""
    try:
        async with unit_of_work(attempt.sessions) as session:
            return await work(session)
    except Exception as error:
        return error


async def all_at_once(attempt: Attempt, *works: Work) -> list[Any]:
    """What comes of each, in a transaction of its own, all of them begun together."""
    async with attempt.running():
        ends = await asyncio.gather(*(outcome_of(attempt, work) for work in works))
    attempt.sent = Statements()
    return ends


async def _waits(attempt: Attempt, task: "asyncio.Task[Any]") -> None:
    if attempt.database == "sqlite":
        await asyncio.wait([task], timeout=A_MOMENT)
        return
    while not task.done() and not await attempt.scalar(WAITING):
        await asyncio.wait([task], timeout=A_LOOK)


def of_the_database(found: Any) -> bool:
    return isinstance(found, DBAPIError)
