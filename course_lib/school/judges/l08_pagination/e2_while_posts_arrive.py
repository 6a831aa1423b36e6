"""Exercise 08.2, While posts arrive: no post comes twice while others arrive."""

from datetime import timedelta
from typing import Any

from sqlalchemy import and_, or_, select, tuple_

from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l08_pagination.more_posts import ARRIVALS, MOST_PAGES, write
from course_lib.school.judges.registry import judge

NEWEST = (Post.created_at.desc(), Post.id.desc())


@judge("08.2")
async def while_posts_arrive(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    turn = attempt.program(
        [f"return (await session.scalars(\n{attempt.blocks[letter]}\n)).all()"],
        first="async def turn(session, newest, seen, last):",
        names={"Post": Post, "and_": and_, "or_": or_, "tuple_": tuple_},
    )
    every = {key for (key,) in await attempt.rows(select(Post.id))}
    seen = await _read_on(attempt, turn, attempt.chance.choice((3, 5)))
    twice, never = len(seen) - len(set(seen)), len(every - set(seen))
    attempt.require(
        not twice,
        "OFFSET while rows arrive",
        f"While a reader turned the pages of option {letter}, {ARRIVALS} posts arrived, one before each page. "
        f"The reader met {twice} posts twice.",
    )
    attempt.require(
        not never,
        "ties lost",
        f"A reader turned the pages of option {letter} to the end, and {never} of {len(every)} posts "
        "stood on none of them. Where a page ends between two posts of the same time, with what does the next begin?",
    )


async def _read_on(attempt: Attempt, turn: Any, limit: int) -> list[int]:
    """The keys that a reader sees who turns page after page, while others write."""
    newest = select(Post).order_by(*NEWEST).limit(limit)
    async with attempt.sessions() as session:
        page = seen = list(await session.scalars(newest))
    for visit in range(MOST_PAGES):
        if not page:
            break
        if visit < ARRIVALS:
            await write(attempt, [{"created_at": FIRST_POST_AT + timedelta(days=400 + visit)}])
        async with attempt.sessions() as session:
            page = await attempt.call(session, newest, seen, seen[-1], function=turn)
        seen = seen + list(page)
    return [post.id for post in seen]
