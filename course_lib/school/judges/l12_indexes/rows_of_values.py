"""Rows as the judges of this lesson ask for them: a list of tuples, and no more of them sent than there are people."""

from typing import Any

from sqlalchemy import insert, select

from course_lib.lab.people import PASSWORD_HASH
from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.stages.returned_lists import a_list, forget_order, most_rows, shown


async def add_person(attempt: Attempt, name: str) -> int:
    """A user who has nothing yet."""
    new = {"email": f"{name}@example.net", "username": name, "hashed_password": PASSWORD_HASH}
    await attempt.change(insert(User).values(new))
    return await attempt.key(name)


async def any_order(attempt: Attempt) -> None:
    """PostgreSQL shows by itself that rows without an order come in any."""
    if attempt.database == "sqlite":
        await forget_order(attempt)


async def everybody(attempt: Attempt) -> list[str]:
    return [name for (name,) in await attempt.rows(select(User.username).order_by(User.username))]


def tuples(attempt: Attempt, got: object, *, of: str, width: int) -> list[tuple[Any, ...]]:
    """What was returned, if it is a list of rows of so many values; raises NotYet for anything else."""
    rows = a_list(attempt, got, of=of)
    for row in rows:
        attempt.require(
            hasattr(row, "__len__") and not isinstance(row, str | dict | set) and len(row) == width,
            f"not a list of {of}",
            f"`{attempt.name}` returned {shown(row)} in its list; {of} were asked for.",
        )
    return [tuple(row) for row in rows]


def in_two_statements(attempt: Attempt, people: int) -> None:
    """Raise NotYet for an answer that is right and costs too much."""
    if attempt.sent.repeated():
        attempt.sent_at_most(2, "N+1", "One question is asked again for each person.")
    attempt.sent_at_most(2, "too many statements", "The values of all people can come along together.")
    rows = most_rows(attempt)
    attempt.require(
        rows <= people,
        "all rows fetched",
        f"`{attempt.name}` is right, but the database sent {rows} rows for {people} people. It can choose and add up "
        "itself, and send a row for each of them.",
    )
