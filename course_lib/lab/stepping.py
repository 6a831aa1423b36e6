"""Runs a learner's function one statement at a time beside others, though it has no yield: for `interleave`.

with stepping(engine):
    await interleave(sessions, {"A": in_steps(first), "B": in_steps(second)}, order="A B A B")
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.util.concurrency import await_

from course_lib.lab.engine_events import listening
from course_lib.lab.interleave import Transaction
from course_lib.lab.sql import MARK

GLANCE = 0.1
"""Seconds between two looks at what a function waits for."""


class WaitsInPython(Exception):
    """A function waits for a lock of asyncio, of which the database knows nothing: no step of another ends that."""


class Stand:
    """The place behind a statement where a function stands, until somebody lets it go on."""

    def __init__(self) -> None:
        self.reached, self.may_go = asyncio.Event(), asyncio.Event()
        self.words = ""

    async def wait(self, words: str) -> None:
        self.words = words
        self.reached.set()
        await self.may_go.wait()
        self.may_go.clear()

    async def comes(self, task: asyncio.Task[Any]) -> bool:
        """Whether the task has come to stand. False: it has ended; its error is raised here."""
        reached = asyncio.ensure_future(self.reached.wait())
        try:
            while not await _first_of(reached, task):
                if not self.reached.is_set() and stands_at_a_lock(task):
                    raise WaitsInPython
        finally:
            reached.cancel()
        if task.done():
            task.result()
            return False
        self.reached.clear()
        return True


async def _first_of(*waiting: asyncio.Future[Any]) -> set[asyncio.Future[Any]]:
    """Those that are done. None of them: after a GLANCE."""
    done, _ = await asyncio.wait(waiting, timeout=GLANCE, return_when=asyncio.FIRST_COMPLETED)
    return done


def stands_at_a_lock(task: asyncio.Task[Any]) -> bool:
    """Whether the task waits inside asyncio's module of locks."""
    inner: Any = task.get_coro()
    while code := getattr(inner, "cr_code", None):
        if code.co_filename == asyncio.locks.__file__:
            return True
        inner = inner.cr_await
    return False


_stand: ContextVar[Stand | None] = ContextVar("_stand", default=None)


def in_steps(work: Callable[[AsyncSession], Awaitable[Any]]) -> Transaction:
    """`work` as a transaction for `interleave`: each statement ends a step, and so does its end."""

    async def steps(session: AsyncSession) -> AsyncGenerator[object, None]:
        stand = Stand()
        _stand.set(stand)
        task = asyncio.ensure_future(_awaited(work(session)))
        try:
            while await stand.comes(task):
                yield stand.words
                stand.may_go.set()
            yield "ends"
        finally:
            task.cancel()
            await asyncio.wait([task])

    return steps


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


@contextmanager
def stepping(engine: AsyncEngine) -> Iterator[None]:
    """Whatever runs `in_steps` stands behind each statement that it sends through `engine`."""

    def stop(connection: Connection, cursor: Any, text: str, *_: Any) -> None:
        stand = _stand.get()
        if stand is not None and not MARK.match(text):
            await_(stand.wait(text.split()[0]))

    with listening(engine, after_cursor_execute=stop):
        yield
