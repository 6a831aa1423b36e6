"""Questions that a learner's function asks at once: each notes its session; one may wait for the others, or fail."""

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


class Desk:
    """Questions for the function: they note which session each was given, how many were asked at once, what failed."""

    def __init__(self) -> None:
        self.sessions: list[object] = []
        self.refusals: list[str] = []
        self.at_work = self.most_at_work = 0
        self.others_answered = asyncio.Event()

    def question(self, key: int, *, slow: bool = False, fails: bool = False) -> Question:
        async def name_of_one(session: Any) -> object:
            with self._noted(session):
                name = await session.scalar(select(User.username).where(User.id == key))
                if slow and self.at_work > 1:
                    await self.others_answered.wait()
                if fails:
                    raise Unanswered(f"nobody may know the name of user {key}")
                return name

        return name_of_one

    @contextmanager
    def _noted(self, session: object) -> Iterator[None]:
        self.sessions.append(session)
        self.at_work += 1
        self.most_at_work = max(self.at_work, self.most_at_work)
        try:
            yield
        except InvalidRequestError as error:
            self.refusals.append(told(error))
            raise
        finally:
            self.at_work -= 1
            if self.at_work == 1:
                self.others_answered.set()

    @property
    def different_sessions(self) -> int:
        return len({id(session) for session in self.sessions})
