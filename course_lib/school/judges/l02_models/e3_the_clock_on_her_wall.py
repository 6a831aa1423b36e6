"""Exercise 02.3, The clock on her wall: the moment that is stored is the one that her clock showed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, StatementError

from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l02_models.wall_clock import READ_AS_LOCAL, WallClock
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import shown

MOMENT = "%d %B %Y, %H:%M"


@judge("02.3")
async def the_right_moment(attempt: Attempt) -> None:
    day, author_id = attempt.chance.randrange(200), await attempt.key("amara")
    east, west = attempt.chance.choice((5, 8)), attempt.chance.choice((-7, -3))
    for hours, hand in ((east, 2), (west, 22), (0, 12)):
        clock = WallClock(2025, 3, 1, hand, 30) + timedelta(days=day)
        READ_AS_LOCAL.clear()
        newest = await attempt.scalar(select(func.max(Post.id)))
        async with attempt.sessions() as session:
            got = await attempt.call(session, author_id, clock, hours, expected=(StatementError,))
            if not isinstance(got, Exception):
                await session.commit()
        _is_no_error(attempt, got)
        post = await _kept_under(attempt, got, newest)
        attempt.require(
            post.author_id == author_id,
            "wrong author",
            f"The new post is one of user {post.author_id}; `author_id` was {author_id}.",
        )
        _is_that_moment(attempt, post.created_at, clock, hours)


async def _kept_under(attempt: Attempt, got: object, newest: int) -> Any:
    """The one new post, by the id that was returned."""
    attempt.require(
        attempt.sent,
        "nothing sent",
        f"`{attempt.name}` sent no INSERT. Was the session told of the post, and of the moment to send what it notes?",
    )
    attempt.require(
        got is not None,
        "id asked too early",
        f"`{attempt.name}` returned None; the id of the new post was asked for. The database gives the id when it gets "
        "the INSERT. Was it asked for before that, or not returned?",
    )
    posts = await attempt.rows(select(Post.id, Post.author_id, Post.created_at).where(Post.id > newest))
    attempt.require(len(posts) < 2, "more than one post", f"`{attempt.name}` added {len(posts)} posts.")
    if not posts or not isinstance(got, int) or posts[0].id != got:
        raise attempt.not_yet(
            "not the id", f"`{attempt.name}` returned {shown(got)}; the id of the new post was asked for."
        )
    return posts[0]


def _is_no_error(attempt: Attempt, got: object) -> None:
    if not isinstance(got, StatementError):
        return
    if "no time zone" in str(got):
        what, _, _ = told(got).partition(";")  # behind it stands advice for a post of this moment
        raise attempt.not_yet(
            "naive datetime",
            f"`{attempt.name}` raised {what}. Her clock does not say where it hangs; `hours` does.",
        )
    attempt.require(
        isinstance(got, DBAPIError),
        "not a datetime",
        f"`{attempt.name}` raised {told(got)}. The column wants a `datetime` that knows its zone.",
    )
    raise attempt.not_yet("refused by the database", f"`{attempt.name}` raised {told(got)}")


def _is_that_moment(attempt: Attempt, stored: datetime, clock: datetime, hours: int) -> None:
    as_if_utc = clock.replace(tzinfo=UTC)
    moment = as_if_utc - timedelta(hours=hours)
    side = "ahead of" if hours > 0 else "behind"
    asked = (
        f"Her clock showed {clock:{MOMENT}}, {abs(hours)} hours {side} UTC, so it was {moment:{MOMENT}} UTC."
    )
    attempt.require(
        abs(datetime.now(UTC) - stored) > timedelta(days=1),
        "now instead of then",
        f"{asked} `{attempt.name}` stored the present moment.",
    )
    story = f"{asked} `{attempt.name}` stored {stored:{MOMENT}} UTC."
    attempt.require(
        stored == moment or not READ_AS_LOCAL,
        "the computer's zone",
        f"{story} A bare time was taken for a time of the computer's own clock, as `astimezone` and `timestamp` do. In "
        "this check that clock is 11 hours and 15 minutes ahead of UTC. Which zone was hers?",
    )
    off = timedelta(hours=hours)
    attempt.require(stored != as_if_utc or not hours, "zone pasted on", f"{story} The hours were left out.")
    attempt.require(
        stored != as_if_utc + off or not hours,
        "wrong direction",
        f"{story} Which clock is behind the other?",
    )
    attempt.require(
        stored != moment - off or not hours,
        "hours counted twice",
        f"{story} A zone says how far ahead the clock is; whoever gives it need not subtract the hours as well.",
    )
    attempt.require(
        stored == moment or stored.time() != moment.time(),
        "wrong day",
        f"{story} The hour is right. What becomes of the day, when the hours go past midnight?",
    )
    attempt.require(stored == moment, "wrong time", story)
