"""A caller with work of its own in the session that it hands over: is that work kept, and does nobody else end it?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import select
from sqlalchemy.exc import PendingRollbackError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.models import Tag
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told

OF_THE_CALLER = "a tag of the caller"


async def add_own_tag(session: AsyncSession) -> Tag:
    session.add(own := Tag(name=OF_THE_CALLER))
    await session.flush()
    return own


@asynccontextmanager
async def callers_session(attempt: Attempt) -> AsyncIterator[AsyncSession]:
    """A session in which the caller has done something of its own, not committed yet."""
    async with attempt.sessions() as session:
        await add_own_tag(session)
        yield session


async def own_tag(attempt: Attempt) -> bool:
    """Whether the caller's work is committed."""
    return await attempt.scalar(select(Tag.id).where(Tag.name == OF_THE_CALLER)) is not None


async def sees_own_tag(session: AsyncSession) -> bool:
    """Whether the caller's transaction goes on. One in which a flush has failed has not ended: it waits for its end."""
    try:
        return await session.scalar(select(Tag.id).where(Tag.name == OF_THE_CALLER)) is not None
    except PendingRollbackError:
        return True


async def takes_change_of(session: AsyncSession, own: Tag) -> bool:
    """Whether the caller's object is in the caller's session still: what the caller changes of it is written."""
    own.name = f"{OF_THE_CALLER}, changed"
    await session.flush()
    return await session.scalar(select(Tag.id).where(Tag.name == own.name)) is not None


async def commit(attempt: Attempt, session: AsyncSession) -> None:
    """As the caller does. A session that cannot is the function's doing."""
    try:
        await session.commit()
    except SQLAlchemyError as error:
        raise attempt.not_yet(
            "session left broken",
            f"`{attempt.name}` reported no error, and the caller's commit failed behind it: {told(error)}",
        ) from None


def sent_something(attempt: Attempt, given: str) -> None:
    attempt.require(
        attempt.sent.everything,
        "nothing sent",
        f"`{attempt.name}` sent nothing through the `{given}` that it was given. Does it ask the database at all, and "
        "not through another session, such as one of the notebook?",
    )
