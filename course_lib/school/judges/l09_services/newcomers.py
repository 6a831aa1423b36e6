"""Who signs up in the exercises of this lesson."""

from course_lib.schemas import UserCreate
from course_lib.school.attempts.attempt import Attempt

PASSWORD, TOO_SHORT = "night-train-9", "night-t"


def new_name(attempt: Attempt) -> str:
    return f"nora{attempt.chance.randrange(1_000, 9_999)}"


def newcomer(attempt: Attempt) -> UserCreate:
    name = new_name(attempt)
    return UserCreate.model_validate({"email": f"{name}@example.org", "username": name, "password": PASSWORD})
