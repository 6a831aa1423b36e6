"""What the judges of this lesson ask of a row, and of the caller's transaction."""

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import CourseError
from course_lib.models import Tag
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.stages.callers_work import OF_THE_CALLER
from course_lib.school.stages.returned_lists import shown

MISHAPS = (SQLAlchemyError, CourseError)


def require_model(attempt: Attempt, got: object, model: type) -> None:
    attempt.require(
        isinstance(got, model),
        "nothing returned" if got is None else "something else returned",
        f"`{attempt.name}` returned {shown(got)}; a {model.__name__} was asked for.",
    )


async def require_open(attempt: Attempt, session: AsyncSession) -> None:
    """The caller's transaction goes on: no COMMIT was sent, no ROLLBACK, and what was done in it is there."""
    marks = [statement.text for statement in attempt.sent.everything if statement.is_mark]
    attempt.require(
        "COMMIT" not in marks,
        "commit in the repository",
        f"`{attempt.name}` sent COMMIT. Its caller can no longer take back what it did in this transaction.",
    )
    attempt.require(
        session.in_transaction()
        and await session.scalar(count_of(select(Tag).where(Tag.name == OF_THE_CALLER))),
        "transaction ended",
        f"After `{attempt.name}` the caller's transaction is over, and what the caller did in it is lost.",
    )
