"""Exercise 07.1, The tags, too: everybody, with posts and tags, in three statements."""

from collections.abc import Sequence

from sqlalchemy import insert, select

from course_lib.models import User, post_tags
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.judges.l07_eager_loading.what_came_back import call, nobody_twice, touched
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import a_list, all_of, forget_order


@judge("07.1")
async def posts_and_their_tags(attempt: Attempt) -> None:
    silent = {"email": "silent@example.org", "username": "silent", "hashed_password": ""}
    await attempt.change(insert(User).values(silent))
    await forget_order(attempt)
    async with attempt.sessions() as session:
        users = a_list(attempt, await call(attempt, session), of="users")
        all_of(attempt, users, User, of="users")
        tags = touched(attempt, lambda: sum(len(post.tags) for user in users for post in user.posts))
        names = touched(attempt, lambda: [user.username for user in users])
    wanted = [name for (name,) in await attempt.rows(select(User.username).order_by(User.id))]
    _everybody_in_order(attempt, names, wanted)
    attempt.sent_at_most(
        3, "N+1", "A statement for each post is one too many, however short the list is today."
    )
    links = await attempt.scalar(count_of(select(post_tags)))
    attempt.require(
        tags == links,
        "tags missing",
        f"The posts of `{attempt.name}` have {tags} tags in all; the database has {links}.",
    )


def _everybody_in_order(attempt: Attempt, names: Sequence[str], wanted: Sequence[str]) -> None:
    nobody_twice(attempt, names)
    missing = [name for name in wanted if name not in names]
    attempt.require(
        not missing,
        "people left out",
        f"`{attempt.name}` returned {len(names)} of {len(wanted)} users; missing: {', '.join(missing)}.",
    )
    attempt.require(
        names == wanted,
        "order lost",
        f"`{attempt.name}` returned {', '.join(names[:3])} …; in the order of their keys they are "
        f"{', '.join(wanted[:3])} …",
    )
