"""Exercise 03.3, A name for everybody: everybody has a name of their own, and whoever comes later has to say one."""

from typing import Any

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l03_migrations.upgrading import upgraded
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.unchanged import picture, require_column, require_rest, require_rows


@judge("03.3", on=BOTH)
async def everybody_has_a_display_name(attempt: Attempt) -> None:
    before = await picture(attempt, "users")
    await upgraded(attempt)
    after = await picture(attempt, "users")
    require_column(attempt, after, "users.display_name")
    require_rows(attempt, before, after)
    _require_names(attempt, before.values["users.username"], after.values["users.display_name"])
    attempt.require(
        "NOT NULL" in after.shape["users.display_name"],
        "NULL still allowed",
        "Every user has a display name now, and the table still takes one without.",
    )
    attempt.require(
        "default None" in after.shape["users.display_name"],
        "default left behind",
        "Whoever signs up without a display name is given the default, and was to be refused.",
    )
    before.shape["users.display_name"] = "VARCHAR(50) NOT NULL, default None"
    require_rest(attempt, before, after)


def _require_names(attempt: Attempt, usernames: dict[int, Any], found: dict[int, Any]) -> None:
    pairs = [(usernames[key], shown) for key, shown in sorted(found.items())]
    name, wrong = next(((name, shown) for name, shown in pairs if shown != name), ("", ""))
    shown = set(found.values())
    told_names = f"The user {name!r} has the display name {wrong!r}; {name!r} was asked for."
    attempt.require(shown != {None}, "no backfill", told_names)
    attempt.require(len(shown) > 1, "one value for all", f"{told_names} So have all {len(found)} users.")
    attempt.require(not name, "wrong values", told_names)
