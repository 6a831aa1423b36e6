"""Exercise 07.5, Ask again: a collection that was loaded is asked for again."""

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from course_lib.models import Post, User
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.registry import judge


@judge("07.5")
async def asked_again(attempt: Attempt) -> None:
    key = await attempt.key("yuki")
    before = await attempt.scalar(count_of(select(Post).where(Post.author_id == key)))
    letters = attempt.order(await attempt.call(), every=True)
    count_again = attempt.program(
        [attempt.blocks[letter] for letter in letters],
        first="async def count_again(session, key):",
        names={"select": select, "selectinload": selectinload, "User": User, "Post": Post},
    )
    async with attempt.sessions() as session:
        counted = await attempt.call(session, key, function=count_again)
    told = f"`count_again` counted {counted}; yuki has {before} posts, and then {before + 1}."
    if not isinstance(counted, tuple) or len(counted) != 2:
        raise NotYet(
            "nothing returned", "The line with `return` has to be reached, and everything before it."
        )
    attempt.require(counted[0] == before, "counted too late", told)
    attempt.require(counted[1] == before + 1, "stale collection", told)
