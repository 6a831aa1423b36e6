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
        self.in_block: list[AsyncSession] = []

    def __call__(self, **options: Any) -> AsyncSession:
        session = super().__call__(**options)
        self.opened.append(session)
        return session

    def begin(self) -> Any:
        context = super().begin()
        self.in_block.append(self.opened[-1])
        return context

    def unclosed(self) -> int:
        """How many of the sessions nobody closed, whether or not they hold a connection now.

        When the commit behind a block of `begin` fails, SQLAlchemy gives the connection back and closes no session.
        """
        return sum(not _is_closed(session) for session in self.opened if not self._let_go(session))

    def _let_go(self, session: AsyncSession) -> bool:
        return session in self.in_block and not session.in_transaction()


RememberedSessions.__name__ = "async_sessionmaker"  # what an error of the learner's code should say


def _is_closed(session: AsyncSession) -> bool:
    """The course's sessions begin nothing any more, once they are closed."""
    if session.in_transaction():
        return False
    try:
        session.sync_session.begin().rollback()
    except InvalidRequestError:
        return True
    return False
