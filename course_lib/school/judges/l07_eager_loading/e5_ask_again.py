"""Exercise 07.5, Ask again: a collection that was loaded is asked for again."""

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from course_lib.models import Post, User
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.judges.registry import judge
from course_lib.school.stages.lines_in_order import returns_last


@judge("07.5")
async def asked_again(attempt: Attempt) -> None:
    key = await attempt.key("yuki")
    before = await attempt.scalar(count_of(select(Post).where(Post.author_id == key)))
    letters = returns_last(attempt, attempt.order(await attempt.call(), every=True))
    count_again = attempt.program(
        [attempt.blocks[letter] for letter in letters],
        first="async def count_again(session, key):",
        names={"select": select, "selectinload": selectinload, "User": User, "Post": Post},
    )
    async with attempt.sessions() as session:
        counted = await attempt.call(session, key, function=count_again)
    told = f"`count_again` counted {counted}; yuki has {before} posts, and then {before + 1}."
    attempt.require(
        counted[0] == before, "counted too late", f"{told} The new post was there before the first count."
    )
    lines = [attempt.blocks[letter] for letter in letters]
    added = next(place for place, line in enumerate(lines) if "session.add" in line)
    attempt.require(
        any("session.scalars" in line for line in lines[added:]),
        "asked too early",
        f"{told} Behind the new post no line asks the database: the collection is what it was before.",
    )
    attempt.require(
        counted[1] == before + 1,
        "stale collection",
        f"{told} Which question is the last one behind the new post, and does it believe the session or the database?",
    )
