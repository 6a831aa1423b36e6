"""Exercise 03.3, A name for everybody: everybody has a name of their own, and whoever comes later has to say one."""

from typing import Any

from sqlalchemy import insert

from course_lib.lab.people import PASSWORD_HASH
from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l03_migrations.upgrading import require_told, upgraded
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.unchanged import (
    picture,
    require_column,
    require_rest,
    require_rows,
    require_use,
)

QUOTED = "d'arcy"
LATE = f"{QUOTED}-{'of-a-long-name':x<43}"
"""As long as a username can be, with a quote in it; the address says something else, and there is no post."""
COLUMN = "users.display_name"


@judge("03.3", on=BOTH)
async def everybody_has_a_display_name(attempt: Attempt) -> None:
    late = {"email": "fitz@example.net", "username": LATE, "hashed_password": PASSWORD_HASH}
    await attempt.change(insert(User).values(late))
    before = await picture(attempt)
    await _upgraded(attempt)
    after = await picture(attempt)
    require_column(attempt, after, COLUMN)
    require_rows(attempt, before, after, "users")
    _require_names(attempt, before.values["users.username"], after.values[COLUMN])
    _require_column(attempt, after.shape[COLUMN])
    before.shape[COLUMN] = after.shape[COLUMN]
    require_rest(attempt, before, after)
    new = late | {"email": "new@example.net", "username": "new", "display_name": "New"}
    refused = {"display_name": None, "username": LATE, "email": "New@example.net"}
    await require_use(attempt, "users", new, refused=refused)
    await require_told(attempt)


async def _upgraded(attempt: Attempt) -> None:
    try:
        await upgraded(attempt)
    except NotYet as fault:
        if "arcy" not in fault.told:
            raise
        raise attempt.not_yet(
            "value inside the SQL",
            f"One of the usernames is {LATE!r}, and its quote ends the text in the SQL: {fault.told}",
        ) from None


def _require_column(attempt: Attempt, column: str) -> None:
    attempt.require(
        "generated" not in column,
        "generated column",
        "The database works `display_name` out by itself, so nobody can say one of their own.",
    )
    attempt.require(
        "NOT NULL" in column,
        "NULL still allowed",
        f"Every user has a display name now, and the column still allows NULL: it is {column}.",
    )
    attempt.require(
        "default None" in column,
        "default left behind",
        "Whoever signs up without a display name is given the default, and was to be refused.",
    )
    attempt.require(
        column.startswith("VARCHAR(50) "),
        "wrong type",
        f"The type of `display_name` is {column.partition(' ')[0]}; VARCHAR(50) was asked for.",
    )


def _require_names(attempt: Attempt, usernames: dict[int, Any], found: dict[int, Any]) -> None:
    pairs = [(usernames[key], shown) for key, shown in sorted(found.items())]
    name, wrong = next(((name, shown) for name, shown in pairs if shown != name), ("", ""))
    shown = set(found.values())
    told_names = f"The user {name!r} has the display name {wrong!r}; {name!r} was asked for."
    attempt.require(shown != {None}, "no backfill", told_names)
    attempt.require(len(shown) > 1, "one value for all", f"{told_names} So have all {len(found)} users.")
    attempt.require(not name, "wrong values", told_names)
