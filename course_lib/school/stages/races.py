"""Others who want the same row at the same moment: each race of lesson 06, with a certain outcome."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any
from unittest.mock import patch

from sqlalchemy import NullPool, Select, event, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.util.concurrency import await_

from course_lib.db import WRITE_LOCK_FIRST, create_session_factory
from course_lib.lab.engine_events import listening
from course_lib.lab.faults import at_each_error
from course_lib.lab.interleave import interleave
from course_lib.lab.interleaving_shown import Interleaving
from course_lib.lab.stepping import WaitsInPython, in_steps, stepping
from course_lib.models import Account
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.time_limit import Stopped
from course_lib.school.attempts.verdicts import NotYet

Work = Callable[[AsyncSession], Awaitable[Any]]
POSTGRES = postgresql.dialect()
LOCK_ON_ROWS = re.compile("FOR (NO KEY )?UPDATE")
LOCK_IN_PYTHON = (
    "waits for a lock of asyncio, which another call holds. Such a lock is a thing of this one process: whoever uses "
    "the database from another one, as a second server does, knows nothing of it. Let the database make them wait."
)
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
def until_refused(
    engine: AsyncEngine, colleague: AsyncConnection, *, times: int
) -> Iterator[list[BaseException]]:
    """All refusals. The colleague commits in the moment of the last of so many."""
    refused: list[BaseException] = []

    def note(context: ExceptionContext) -> None:
        refused.append(context.original_exception)
        if len(refused) >= times and colleague.in_transaction():
            await_(colleague.commit())

    with at_each_error(engine, note):
        yield refused


@contextmanager
def errors_at_most(engine: AsyncEngine, most: int, fault: NotYet) -> Iterator[None]:
    """Raise the fault in place of one error more: whoever catches all that the database raises would never end."""
    seen: list[ExceptionContext] = []

    def stop(context: ExceptionContext) -> None:
        seen.append(context)
        if len(seen) > most:
            raise _Enough

    try:
        with at_each_error(engine, stop):
            yield
    except _Enough:
        raise fault from None


class _Enough(Stopped):
    """Ends the answers to errors."""


_in_a_hurry: ContextVar[bool] = ContextVar("_in_a_hurry", default=False)


@contextmanager
def pauses_skipped() -> Iterator[None]:
    """Who sleeps in this block goes on at once. Tasks that did not begin in it, such as a notebook's own, do sleep."""
    sleep = asyncio.sleep

    async def next_turn(delay: float, result: Any = None) -> Any:
        return await sleep(0 if _in_a_hurry.get() else delay, result)

    before = _in_a_hurry.set(True)
    try:
        with patch.object(asyncio, "sleep", next_turn):
            yield
    finally:
        _in_a_hurry.reset(before)


@contextmanager
def locks_asked_for(engine: AsyncEngine) -> Iterator[list[object]]:
    """The statements that ask for a lock on rows. SQLite has none, and is not sent the words FOR UPDATE."""
    asked: list[object] = []

    def note(connection: object, statement: object, *_: object) -> None:
        if isinstance(statement, Select) and LOCK_ON_ROWS.search(str(statement.compile(dialect=POSTGRES))):
            asked.append(statement)

    with listening(engine, before_execute=note):
        yield asked


async def at_once(
    engine: AsyncEngine, works: Mapping[str, Work], *, order: Sequence[str] = ()
) -> Interleaving:
    """Side by side, a statement each in turn, or in this order."""
    lanes = {name: in_steps(work) for name, work in works.items()}
    with stepping(engine):
        shown = await interleave(
            create_session_factory(engine), lanes, order=" ".join(order or [*works] * ROUNDS)
        )
    for name, state in shown.states.items():
        if WaitsInPython.__name__ in state:
            raise NotYet("lock in Python", f"{name} {LOCK_IN_PYTHON}")
    return shown


@asynccontextmanager
async def usual_engine(attempt: Attempt) -> AsyncIterator[AsyncEngine]:
    """As the driver leaves it: on SQLite no BEGIN in front of a read, so that a lost update can be seen."""
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
