"""Whether a refused statement stood in a savepoint: begin_nested flushes first, and sends SAVEPOINT behind that."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import SessionTransaction

from course_lib.school.attempts.attempt import Attempt


@contextmanager
def savepoints_of(session: AsyncSession) -> Iterator[list[bool]]:
    """A True for each savepoint that the session is asked to begin: one whose first flush fails is never sent."""
    asked: list[bool] = []
    begin = session.sync_session.begin_nested

    def note() -> SessionTransaction:
        asked.append(True)
        return begin()

    session.sync_session.begin_nested = note  # type: ignore[method-assign]  # no event comes before that flush
    try:
        yield asked
    finally:
        session.sync_session.begin_nested = begin  # type: ignore[method-assign]


def flushed_before(attempt: Attempt, savepoints: list[bool]) -> bool:
    """Whether there were savepoints, and the first refused statement of the last call stood in none of them."""
    refused = next((each for each in attempt.sent.everything if each.error), None)
    if refused is None or not savepoints:
        return False
    before = takewhile(lambda each: each is not refused, attempt.sent.everything)
    marks = [each.text for each in before if each.is_mark and each.connection == refused.connection]
    return not marks or not marks[-1].startswith("SAVEPOINT")
