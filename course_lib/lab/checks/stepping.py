"""Runs a learner's function one statement at a time beside others, though it has no yield: for `interleave`.

with stepping(engine):
    await interleave(sessions, {"A": in_steps(first), "B": in_steps(second)}, order="A B A B")
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.util.concurrency import await_

from course_lib.lab.interleave import Transaction
from course_lib.lab.sql import MARK


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

    async def comes(self, task: asyncio.Future[Any]) -> bool:
        """Whether the task has come to stand. False: it has ended; its error is raised here."""
        reached = asyncio.ensure_future(self.reached.wait())
        await asyncio.wait({reached, task}, return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        if task.done():
            task.result()
            return False
        self.reached.clear()
        return True


_stand: ContextVar[Stand | None] = ContextVar("_stand", default=None)


def in_steps(work: Callable[[AsyncSession], Awaitable[Any]]) -> Transaction:
    """`work` as a transaction for `interleave`: each statement ends a step, and so does its end."""

    async def steps(session: AsyncSession) -> AsyncGenerator[object, None]:
        stand = Stand()
        _stand.set(stand)
        task = asyncio.ensure_future(work(session))
        try:
            while await stand.comes(task):
                yield stand.words
                stand.may_go.set()
            yield "ends"
        finally:
            task.cancel()
            await asyncio.wait([task])

    return steps


@contextmanager
def stepping(engine: AsyncEngine) -> Iterator[None]:
    """Whatever runs `in_steps` stands behind each statement that it sends through `engine`."""

    def stop(connection: Connection, cursor: Any, text: str, *_: Any) -> None:
        stand = _stand.get()
        if stand is not None and not MARK.match(text):
            await_(stand.wait(text.split()[0]))

    event.listen(engine.sync_engine, "after_cursor_execute", stop)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "after_cursor_execute", stop)
