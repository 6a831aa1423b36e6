"""Who signs up in the exercises of this lesson."""

from inspect import iscoroutine

from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.models import User
from course_lib.schemas import UserCreate
from course_lib.school.attempts.attempt import Attempt

PASSWORD, TOO_SHORT = "night-train-9", "night-t"


def new_name(attempt: Attempt) -> str:
    return f"nora{attempt.chance.randrange(1_000, 9_999)}"


def newcomer(attempt: Attempt) -> UserCreate:
    name = new_name(attempt)
    return UserCreate.model_validate({"email": f"{name}@example.org", "username": name, "password": PASSWORD})


def hash_awaited(attempt: Attempt, session: AsyncSession) -> None:
    """Raise NotYet where a user of the session has a coroutine in place of a hash."""
    for user in session:
        hashed: object = vars(user).get("hashed_password") if isinstance(user, User) else None
        if iscoroutine(hashed):
            hashed.close()  # or Python warns of it later
            raise attempt.not_yet(
                "missing await",
                f"`{hashed.__name__}` was called without `await`, and `hashed_password` got its coroutine.",
            )
