"""Exercise 07.2, Headlines: one statement for all headlines, in their order."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert, select, text, update

from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Post, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l07_eager_loading.what_came_back import call, pairs
from course_lib.school.judges.registry import judge

Headline = tuple[str, str]


@judge("07.2")
async def headlines_with_names(attempt: Attempt) -> None:
    await _late_arrivals(attempt)
    newest = (
        select(Post.title, User.username, Post.created_at)
        .join(Post.author)
        .where(Post.published)
        .order_by(Post.created_at.desc(), Post.id.desc())
    )
    rows = await attempt.rows(newest)
    wanted = [(row.title, row.username) for row in rows]
    times = {(row.title, row.username): row.created_at for row in rows}
    async with attempt.sessions() as session:
        got = pairs(attempt, await call(attempt, session), f"`{attempt.name}`")
    if attempt.sent.repeated():
        attempt.sent_at_most(1, "N+1", "The names can come along with the posts.")
    _each_once(attempt, got, wanted)
    _newest_first(attempt, got, wanted, times)
    attempt.sent_at_most(1, "too many statements", "A post has one author: that is a join.")


async def _late_arrivals(attempt: Attempt) -> None:
    """Keys, times, and times of the last change are three different orders. Two authors chose one title, one author
    wrote the same twice, and one post changed hands. The index brings the lower key of two first."""
    mira, sam = await attempt.key("mira"), await attempt.key("sam")
    arrived = [
        (mira, "Found in a drawer", 30),
        (mira, "An old letter", 20),
        (sam, "Found in a drawer", 40),
        (mira, "An old letter", 20),
        (sam, "A page without a date", 20),
    ]
    posts = [
        {
            "author_id": author,
            "title": title,
            "content": "…",
            "published": True,
            "created_at": FIRST_POST_AT + timedelta(days=day),
            "updated_at": FIRST_POST_AT - timedelta(days=place),
        }
        for place, (author, title, day) in enumerate(arrived)
    ]
    await attempt.change(
        insert(Post).values(posts),
        update(Post).where(Post.title == "Moss is a garden too").values(author_id=mira),
        text("DROP INDEX ix_posts_feed"),
        text("CREATE INDEX by_time ON posts (created_at DESC)"),
    )


def _each_once(attempt: Attempt, got: Sequence[Headline], wanted: Sequence[Headline]) -> None:
    returned = f"`{attempt.name}` returned {len(got)} headlines; {len(wanted)} posts are published."
    if stranger := next((pair for pair in got if pair not in wanted), None):
        raise attempt.not_yet(*_what_is_wrong_with(stranger, wanted, returned, many=len(got) > len(wanted)))
    left_out, too_many = Counter(wanted) - Counter(got), Counter(got) - Counter(wanted)
    attempt.require(not too_many, "posts repeated", f"{returned} {next(iter(too_many), '')} comes too often.")
    attempt.require(not left_out, "posts left out", f"{returned} {next(iter(left_out), '')} is missing.")


def _what_is_wrong_with(
    pair: Headline, wanted: Sequence[Headline], returned: str, *, many: bool
) -> tuple[str, str]:
    if pair[::-1] in wanted:
        return (
            "title and name swapped",
            f"{returned} But {pair} begins with the name, and the title comes first.",
        )
    if pair[0] not in [title for title, _ in wanted]:
        return "wrong posts", f"{returned} {pair} is none of them."
    if many:
        return (
            "join without a condition",
            f"{returned} {pair} is none of them: each post comes with every user. What ties it to its author?",
        )
    return "wrong name", f"{returned} But in {pair} the second is not the author's username."


def _newest_first(
    attempt: Attempt, got: Sequence[Headline], wanted: Sequence[Headline], times: Mapping[Headline, datetime]
) -> None:
    place = next((place for place, pair in enumerate(wanted) if got[place] != pair), 0)
    told = (
        f"Headline {place + 1} is {wanted[place]}, of {times[wanted[place]]:%d %B, %H:%M}; "
        f"`{attempt.name}` puts {got[place]} there, of {times[got[place]]:%d %B, %H:%M}."
    )
    found = [times[pair] for pair in got]
    in_time = found == sorted(found, reverse=True)
    attempt.require(in_time, "order lost", told)
    attempt.require(
        got == wanted, "ties undecided", f"{told} Both have the same time: which id is the higher one?"
    )
