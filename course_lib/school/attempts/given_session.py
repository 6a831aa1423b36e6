"""Whether a function that was given a session asks the database through it, or past it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from course_lib.lab.engine_events import listening

SESSION_NOT_USED = "session not used"
PASSED_BY = (
    "`{name}` was given a session, and asked the database through another connection. What the caller has done in its "
    "own transaction cannot be seen there, and what happens there is not part of it."
)


@contextmanager
def passed_by(session: AsyncSession | None, engine: AsyncEngine) -> Iterator[Callable[[], bool]]:
    """Gives a function that says, also later, whether statements were sent in the block, and none by the session."""
    sent: set[int] = set()
    if session is None:
        yield lambda: False
        return
    transaction = session.sync_session.get_transaction()
    own = (
        {_number(connection) for connection, *_ in transaction._connections.values()}
        if transaction
        else set()
    )

    def begins(_: object, __: object, connection: Connection) -> None:
        own.add(_number(connection))

    def sends(connection: Connection, *_: object) -> None:
        sent.add(_number(connection))

    event.listen(session.sync_session, "after_begin", begins)
    try:
        with listening(engine, before_cursor_execute=sends):
            yield (
                lambda: (
                    bool(sent) and not sent & own and not (session.new or session.dirty or session.deleted)
                )
            )
    finally:
        event.remove(session.sync_session, "after_begin", begins)


def _number(connection: Connection) -> int:
    """The same for as long as the driver's connection is the same."""
    return id(connection.info)
