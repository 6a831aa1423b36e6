"""Sessions that are remembered, so that a check can say which of them nobody closed.

A commit gives the connection back, and an open session is not seen by counting connections.
"""

from typing import Any

from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.db import create_session_factory


class RememberedSessions(async_sessionmaker[AsyncSession]):
    """The course's own factory, to be given to the learner's function. `opened` are the sessions that it made."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(**create_session_factory(engine).kw)
        self.opened: list[AsyncSession] = []

    def __call__(self, **options: Any) -> AsyncSession:
        session = super().__call__(**options)
        self.opened.append(session)
        return session

    def unclosed(self) -> int:
        """How many of the sessions nobody closed, whether or not they hold a connection now."""
        return sum(not _is_closed(session) for session in self.opened)


def _is_closed(session: AsyncSession) -> bool:
    """The course's sessions begin nothing any more, once they are closed."""
    if session.in_transaction():
        return False
    try:
        session.sync_session.begin().rollback()
    except InvalidRequestError:
        return True
    return False
