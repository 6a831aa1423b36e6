"""Exercise 02.3, The clock on her wall: the moment that is stored is the one that her clock showed."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    select,
)
from sqlalchemy.exc import StatementError

from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l02_models.wall_clock import READ_AS_LOCAL, WallClock
from course_lib.school.judges.registry import judge

MOMENT = "%d %B %Y, %H:%M"


@judge("02.3")
async def the_right_moment(attempt: Attempt) -> None:
    clock = WallClock(2025, 3, 1, 2, 30) + timedelta(days=attempt.chance.randrange(200))
    author_id = await attempt.key("amara")
    for hours in (attempt.chance.choice((5, 8)), attempt.chance.choice((-7, -3))):
        READ_AS_LOCAL.clear()
        async with attempt.sessions() as session:
            got = await attempt.call(session, author_id, clock, hours, expected=(StatementError,))
            if not isinstance(got, Exception):
                await session.commit()
        _is_no_error(attempt, got)
        _is_that_moment(attempt, await _kept_under(attempt, got), clock, hours)


async def _kept_under(attempt: Attempt, got: object) -> datetime:
    attempt.require(
        got is not None,
        "id asked too early",
        f"`{attempt.name}` returned None; the id of the new post was asked for. The database gives the id when it gets "
        "the INSERT. Was it asked for before that, or not returned?",
    )
    if isinstance(got, int):
        stored = await attempt.scalar(select(Post.created_at).where(Post.id == got))
        if isinstance(stored, datetime):
            return stored
    raise attempt.not_yet(
        "not the id", f"`{attempt.name}` returned {got!r:.60}; the id of the new post was asked for."
    )


def _is_no_error(attempt: Attempt, got: object) -> None:
    if not isinstance(got, StatementError):
        return
    if "no time zone" in str(got):
        what, _, _ = told(got).partition(";")  # behind it stands advice for a post of this moment
        raise attempt.not_yet(
            "naive datetime",
            f"`{attempt.name}` raised {what}. Her clock does not say where it hangs; `hours` does.",
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
    attempt.require(stored != as_if_utc, "zone pasted on", f"{story} The hours were left out.")
    attempt.require(
        stored != as_if_utc + timedelta(hours=hours),
        "wrong direction",
        f"{story} Which clock is behind the other?",
    )
    attempt.require(stored == moment, "wrong time", story)
