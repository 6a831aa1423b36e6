"""Exercise 03.1, A better name: the column has another name, and all else is as before."""

from typing import Any

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l03_migrations.upgrading import NOBODY, require_told, upgraded
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.unchanged import (
    picture,
    require_column,
    require_rest,
    require_rows,
    require_use,
)


@judge("03.1", on=BOTH)
async def content_is_called_body(attempt: Attempt) -> None:
    before = await picture(attempt)
    await upgraded(attempt)
    after = await picture(attempt)
    require_column(attempt, after, "posts.body")
    attempt.require(
        "posts.content" not in after.shape,
        "old column left",
        "`posts` now has both columns, `content` and `body`: that is no rename.",
    )
    before.rename("posts.content", "posts.body")
    require_rows(attempt, before, after, "posts")
    _require_texts(attempt, before.values["posts.body"], after.values["posts.body"])
    attempt.require(
        "NOT NULL" in after.shape["posts.body"],
        "NOT NULL lost",
        "A post without `content` was refused; one without `body` is taken.",
    )
    require_rest(attempt, before, after)
    new = {"title": "New", "body": "…", "author_id": await attempt.key("mira")}
    refused = {"body": None, "title": "t" * 201, "author_id": NOBODY}
    await require_use(attempt, "posts", new, refused=refused)
    await require_told(attempt)


def _require_texts(attempt: Attempt, wanted: dict[int, Any], found: dict[int, Any]) -> None:
    kept = sum(found[key] == text for key, text in wanted.items())
    attempt.require(
        kept == len(wanted),
        "values lost",
        f"{len(wanted)} posts had a `content`. After `{attempt.name}`, {kept} of them have the same text as `body`.",
    )
