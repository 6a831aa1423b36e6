"""Questions that a learner's function asks at once: they note their sessions, and wait for one another."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError

from course_lib.models import User
from course_lib.school.attempts.explaining import told

Question = Callable[[Any], Awaitable[object]]


class Unanswered(Exception):
    """What the failing question raises."""


class Gate:
    """Opens when so many have come, or when it is told to."""

    def __init__(self, wanted: int) -> None:
        self.missing, self.opened = wanted, asyncio.Event()

    def come(self) -> None:
        self.missing -= 1
        if not self.missing:
            self.opened.set()


class Desk:
    """Questions that stay until all have been asked. The last one to answer, or to fail, waits for the others.

    With `fails`, the others then stay at work. Where everybody waits for somebody, `give_way` opens the next gate.
    """

    def __init__(self, questions: int, *, fails: bool = False) -> None:
        self.fails = fails
        self.sessions: list[object] = []
        self.refusals: list[str] = []
        self.at_work = self.most_at_work = 0
        self.asked, self.answered, self.over = Gate(questions), Gate(questions - 1), Gate(1)

    def give_way(self, _: object = None) -> None:
        closed = [gate for gate in (self.asked, self.answered, self.over) if not gate.opened.is_set()]
        for gate in closed[:1]:
            gate.opened.set()

    def question(self, key: int, *, last: bool = False) -> Question:
        async def name_of_one(session: Any) -> object:
            with self._noted(session):
                await self.asked.opened.wait()
                name = await session.scalar(select(User.username).where(User.id == key))
                await self._answered(key, last=last)
                return name

        return name_of_one

    async def _answered(self, key: int, *, last: bool) -> None:
        if not last:
            self.answered.come()
            if self.fails:
                await self.over.opened.wait()
            return
        await self.answered.opened.wait()
        if self.fails:
            raise Unanswered(f"nobody may know the name of user {key}")

    @contextmanager
    def _noted(self, session: object) -> Iterator[None]:
        self.sessions.append(session)
        self.at_work += 1
        self.most_at_work = max(self.at_work, self.most_at_work)
        self.asked.come()
        try:
            yield
        except InvalidRequestError as error:
            self.refusals.append(told(error))
            raise
        finally:
            self.at_work -= 1

    @property
    def different_sessions(self) -> int:
        return len({id(session) for session in self.sessions})
