"""Others who want the same row at the same moment: each race of lesson 06, with a certain outcome."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import NullPool, event, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.util.concurrency import await_

from course_lib.db import WRITE_LOCK_FIRST, create_session_factory
from course_lib.lab.checks.judging import Attempt
from course_lib.lab.checks.stepping import in_steps, stepping
from course_lib.lab.interleave import Interleaving, interleave
from course_lib.models import Account

Work = Callable[[AsyncSession], Awaitable[Any]]
ROUNDS = 16
"""Turns for each transaction: enough to wait for the others, and then to send every statement of an answer."""


async def without_patience(attempt: Attempt) -> None:
    """From now on nobody waits for SQLite's write lock: a refusal comes at once."""

    def say_so(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 0")
        cursor.close()

    event.listen(attempt.engine.sync_engine, "connect", say_so)
    await attempt.engine.dispose()


@asynccontextmanager
async def colleague_at_work(attempt: Attempt, key: int, cents: int) -> AsyncIterator[AsyncConnection]:
    """Has taken the cents, holds the write lock, and has not committed."""
    async with attempt.engine.execution_options(**WRITE_LOCK_FIRST).connect() as connection:
        account = update(Account).where(Account.id == key)
        await connection.execute(account.values(balance=Account.balance - cents))
        yield connection
        await connection.commit()


@contextmanager
def until_refused(engine: AsyncEngine, colleague: AsyncConnection) -> Iterator[None]:
    """The colleague commits in the moment in which somebody is refused for the first time."""

    def commit(_: object) -> None:
        if colleague.in_transaction():
            await_(colleague.commit())

    event.listen(engine.sync_engine, "handle_error", commit)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "handle_error", commit)


async def at_once(engine: AsyncEngine, works: Mapping[str, Work]) -> Interleaving:
    """Side by side, a statement each in turn."""
    lanes = {name: in_steps(work) for name, work in works.items()}
    with stepping(engine):
        return await interleave(create_session_factory(engine), lanes, order=" ".join([*works] * ROUNDS))


@asynccontextmanager
async def usual_engine(attempt: Attempt) -> AsyncIterator[AsyncEngine]:
    """SQLite as the driver leaves it: no BEGIN in front of a read, so that a lost update can be seen."""
    engine = create_async_engine(attempt.engine.url, poolclass=NullPool)
    try:
        yield engine
    finally:
        await engine.dispose()


def failed(shown: Interleaving) -> bool:
    return any(state.startswith("failed") for state in shown.states.values())


def ends(shown: Interleaving) -> str:
    return ", ".join(f"{name} {state}" for name, state in shown.states.items())


def told_steps(shown: Interleaving) -> str:
    """The steps of all, in the order of time."""
    told_steps = [
        f"{step.transaction} {step.words.removeprefix('… ')}"
        for step in shown.steps
        if step.kind != "still waits"
    ]
    return f"Step by step: {', '.join(told_steps)}."
