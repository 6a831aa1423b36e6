"""A test that a learner wrote: it has to pass on what is right, in whatever words, and to fail on all that is broken.

The function under test is an argument of the test, so nothing is patched. The rows are the same in front of each run,
but for the second one, which finds what the first one left.
"""

import asyncio
import unittest
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

from sqlalchemy import MetaData, insert, select

from course_lib.db import Base
from course_lib.errors import CourseError
from course_lib.lab.sql import Statements
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.fresh_database import end_tasks
from course_lib.school.attempts.sandbox import finished
from course_lib.school.attempts.time_limit import Stopped
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.stages.returned_lists import shown

Function = Callable[..., Awaitable[Any]]
MOST_CALLS = 300
"""Of the function under test in one run: whoever calls it more often waits for something that does not come."""
OF_THE_TEST = ("assertion of your own", "error in the code", "None used", "nothing at that place")
"""What the rows may bring about: any other error is explained as it is anywhere."""
NOT_PROMISED = "The right one raises nothing there. Which of the promises says that it does?"


@dataclass(frozen=True)
class Versions:
    """`in_another_way` is as right as `right`, and sends other statements; `in_other_words` differs in its messages
    alone. `broken` has a name for each."""

    right: Function
    in_another_way: Function
    broken: Mapping[str, Function]
    in_other_words: Function | None = None


Arranged = Callable[[Function], AbstractAsyncContextManager[tuple[Any, ...]]]
"""Gives the arguments of the test, for a function under test, and takes back afterwards what it opened for them."""


class _CallsWithoutEnd(Stopped):
    """Ends a test that never does."""


class Rehearsal:
    """One written test, and what comes of its runs; `calls` are those of the function under test in the last run."""

    def __init__(self, attempt: Attempt, versions: Versions, arranged: Arranged) -> None:
        self.attempt, self.versions, self.arranged = attempt, versions, arranged
        self.calls = self.awaited = 0
        self.error: BaseException | None = None

    @property
    def of(self) -> str:
        """The name of the function under test, whichever version of it is running."""
        return self.versions.right.__name__

    async def run(self, function: Function) -> NotYet | None:
        """What kept the test from passing. Whatever it left open is given back."""
        self.calls = self.awaited = 0
        self.error, tasks = None, asyncio.all_tasks()
        try:
            async with self.arranged(self._counted(function)) as arguments:
                try:
                    result = await self.attempt.call(*arguments, function=self._test())
                    open_now = self.attempt.left_open() - _lent_for(arguments)
                finally:
                    await end_tasks(tasks)
        except NotYet as fault:
            fault.sent = self.attempt.sent
            return fault
        except _CallsWithoutEnd:
            told = f"`{self.attempt.name}` had called `{self.of}` {MOST_CALLS} times, and was stopped."
            return NotYet("runs for ever", told)
        finally:
            await self.attempt.give_back()
        return self._of_the_end(result, open_now)

    def _of_the_end(self, result: object, left_open: int) -> NotYet | None:
        if result is not None:
            told = f"`{self.attempt.name}` returned {shown(result)}, and nobody looks at what a test returns. What has "
            return NotYet("returns instead of asserts", f"{told}to be true stands behind `assert`.")
        if left_open:
            told = f"`{self.attempt.name}` had ended, and {left_open} connection was still in use."
            return NotYet("leaked session", told)
        return None

    def _test(self) -> Callable[..., Any]:
        @wraps(self.attempt.answer)
        async def test(*arguments: Any) -> Any:
            try:
                return await finished(self.attempt.answer(*arguments))
            except BaseException as error:  # those of pytest are no Exception
                self.error = error
                if _skips(error):
                    name = type(error).__name__
                    raise NotYet("skipped", f"`{self.attempt.name}` ends with {name}: {error}") from None
                raise

        return test

    def _counted(self, function: Function) -> Function:
        async def awaited(*arguments: Any, **options: Any) -> Any:
            self.awaited += 1
            return await function(*arguments, **options)

        @wraps(function)
        def counted(*arguments: Any, **options: Any) -> Awaitable[Any]:
            self.calls += 1
            if self.calls > MOST_CALLS:
                raise _CallsWithoutEnd
            return awaited(*arguments, **options)

        awaited.__name__ = awaited.__qualname__ = counted.__name__ = self.of
        return counted


def _skips(error: BaseException) -> bool:
    """pytest.skip, pytest.xfail, pytest.exit, unittest.SkipTest."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, unittest.SkipTest) or not names.isdisjoint({"Skipped", "XFailed", "Exit"})


def _lent_for(arguments: tuple[Any, ...]) -> int:
    """The connections of sessions that were handed to the test."""
    given = [each for each in arguments if hasattr(each, "in_transaction")]
    return sum(bool(each.in_transaction()) for each in given)


async def put_to_the_test(
    attempt: Attempt,
    versions: Versions,
    arranged: Arranged,
    *,
    other_rows: str,
    before_the_second: Callable[[], Awaitable[None]],
    metadata: MetaData = Base.metadata,
    in_part: bool = False,
) -> None:
    """Raise NotYet for a test that refuses what is right, or misses something broken. `other_rows` says how the rows
    of the check differ from those of the notebook; `metadata` has the tables. With `in_part`, what is caught counts."""
    rehearsal, name = Rehearsal(attempt, versions, arranged), attempt.name
    async with same_rows(attempt, metadata) as put_back:
        await _passes_on_the_right_one(rehearsal, other_rows)
        await before_the_second()
        await _passes_once_more(rehearsal)
        await put_back()
        if versions.in_other_words and (fault := await rehearsal.run(versions.in_other_words)):
            await put_back()
            await _passes_once_more(rehearsal)
            raise NotYet(
                "asserts on words",
                f"`{name}` refuses a function that does all that is asked, and words its messages otherwise. "
                f"{fault.told} Words change; the class of an error and its facts are the promise.",
                sent=fault.sent,
            )
        await put_back()
        if fault := await rehearsal.run(versions.in_another_way):
            await put_back()
            await _passes_once_more(rehearsal)
            raise _refuses_another(name, fault)
        missed: dict[str, Statements] = {}
        for what, broken in versions.broken.items():
            await put_back()
            if await rehearsal.run(broken) is None:
                missed[what] = attempt.sent
    try:
        _nothing_is_missed(attempt, missed, len(versions.broken))
    except NotYet as fault:
        fault.share = 1 - len(missed) / len(versions.broken) if in_part else 0
        raise


def _refuses_another(name: str, fault: NotYet) -> NotYet:
    told = f"`{name}` refuses a function that does all that is asked, with other statements. {fault.told}"
    return NotYet("refuses another right one", told, sent=fault.sent)


async def _passes_on_the_right_one(rehearsal: Rehearsal, other_rows: str) -> None:
    attempt, fault = rehearsal.attempt, await rehearsal.run(rehearsal.versions.right)
    if fault is not None:
        of_the_test = fault.misconception in OF_THE_TEST or isinstance(rehearsal.error, CourseError)
        if not of_the_test:
            raise fault
        attempt.require(
            rehearsal.awaited == rehearsal.calls,
            "missing await",
            f"`{rehearsal.of}` was called without `await`, so it never ran. {fault.told}",
        )
        if await rehearsal.run(rehearsal.versions.in_another_way) is None:
            raise _refuses_another(attempt.name, fault)
        hint = f"{NOT_PROMISED} {other_rows}" if "DID NOT RAISE" in str(rehearsal.error) else other_rows
        raise attempt.not_yet(
            "fails on the right one",
            f"`{attempt.name}` fails although the function is right. {fault.told} {hint}",
        )
    attempt.require(
        rehearsal.calls,
        "never calls it",
        f"`{attempt.name}` passed, and `{rehearsal.of}`, which it was given, had not been called. One that is "
        "imported is another one: only the one that is given gets broken.",
    )


async def _passes_once_more(rehearsal: Rehearsal) -> None:
    if fault := await rehearsal.run(rehearsal.versions.right):
        raise rehearsal.attempt.not_yet(
            "depends on what was there",
            f"`{rehearsal.attempt.name}` passed, and in a second run, when there were other rows, it fails with "
            f"the same right function. {fault.told} Look before and after, and compare.",
        )


def _nothing_is_missed(attempt: Attempt, missed: Mapping[str, Statements], of: int) -> None:
    attempt.require(
        len(missed) < of,
        "passes on everything",
        f"`{attempt.name}` passes on the right function, and on all {of} broken ones. What would make it fail?",
    )
    for name, sent in [*missed.items()][:1]:
        more = f", and {len(missed) - 1} more" if len(missed) > 1 else ""
        raise NotYet(
            f"not caught: {name}",
            f"Of {of} broken versions `{attempt.name}` catches {of - len(missed)}. This one got away: *{name}*{more}. "
            "What could one see that is not as it should be?",
            sent=sent,
        )


@asynccontextmanager
async def same_rows(
    attempt: Attempt, metadata: MetaData = Base.metadata
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Gives a function that puts all rows back as they are now, whatever has been committed."""
    tables = metadata.sorted_tables
    async with attempt.engine.connect() as connection:
        rows = {
            table: [dict(row) for row in (await connection.execute(select(table))).mappings()]
            for table in tables
        }

    async def put_back() -> None:
        async with attempt.engine.begin() as connection:
            for table in reversed(tables):
                await connection.execute(table.delete())
            for table in tables:
                if rows[table]:
                    await connection.execute(insert(table), rows[table])

    yield put_back
