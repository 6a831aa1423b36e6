"""Exercise 07.2, Headlines: one statement for all headlines, in their order."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from course_lib.models import Post, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l07_eager_loading.what_came_back import call, pairs
from course_lib.school.judges.registry import judge


@judge("07.2")
async def headlines_with_names(attempt: Attempt) -> None:
    published = select(Post.title, User.username).join(Post.author).where(Post.published)
    newest = published.order_by(Post.created_at.desc(), Post.id.desc())
    wanted = [tuple(row) for row in await attempt.rows(newest)]
    async with attempt.sessions() as session:
        got = pairs(attempt, await call(attempt, session), f"`{attempt.name}`")
    if attempt.sent.repeated():
        attempt.sent_at_most(1, "N+1", "The names can come along with the posts.")
    strangers = [pair for pair in got if pair not in wanted]
    attempt.require(
        len(got) == len(wanted) and not strangers,
        "wrong posts",
        f"`{attempt.name}` returned {len(got)} headlines; {len(wanted)} posts are published."
        + "".join(f" {pair} is none of them." for pair in strangers[:1]),
    )
    _newest_first(attempt, got, wanted)
    attempt.sent_at_most(1, "too many statements", "A post has one author: that is a join.")


def _newest_first(attempt: Attempt, got: Sequence[Any], wanted: Sequence[Any]) -> None:
    place = next((place for place, pair in enumerate(wanted) if got[place] != pair), 0)
    attempt.require(
        got == wanted,
        "order lost",
        f"Headline {place + 1} is {wanted[place]}; `{attempt.name}` puts {got[place]} there.",
    )
