"""Exercise 07.1, The tags, too: everybody, with posts and tags, in three statements."""

from collections.abc import Sequence

from sqlalchemy import insert, select

from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Post, User, post_tags
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.judges.l07_eager_loading.what_came_back import call, nobody_twice, touched
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import a_list, all_of, forget_order


@judge("07.1")
async def posts_and_their_tags(attempt: Attempt) -> None:
    await _somebody_silent_and_a_post_without_tags(attempt)
    async with attempt.sessions() as session:
        users = a_list(attempt, await call(attempt, session), of="users")
        all_of(attempt, users, User, of="users")
        posts = touched(attempt, lambda: [post for user in users for post in user.posts])
        tags = touched(attempt, lambda: sum(len(post.tags) for post in posts))
        names = touched(attempt, lambda: [user.username for user in users])
    wanted = [name for (name,) in await attempt.rows(select(User.username).order_by(User.id))]
    _everybody_in_order(attempt, names, wanted)
    if attempt.sent.repeated():
        attempt.sent_at_most(3, "N+1", "The same one goes out again and again: for whom?")
    attempt.sent_at_most(3, "too many statements", "One for the users, one for all posts, one for all tags.")
    await _all_there(attempt, posts=len(posts), tags=tags)


async def _somebody_silent_and_a_post_without_tags(attempt: Attempt) -> None:
    """The somebody has the last key, and joined before all others."""
    silent = {"email": "silent@example.org", "username": "silent", "hashed_password": ""}
    untagged = {"title": "No tags yet", "content": "…", "author_id": await attempt.key("yuki")}
    await attempt.change(
        insert(User).values(silent | {"created_at": FIRST_POST_AT.replace(year=2000)}),
        insert(Post).values(untagged),
    )
    await forget_order(attempt)


async def _all_there(attempt: Attempt, *, posts: int, tags: int) -> None:
    written = await attempt.scalar(count_of(select(Post)))
    attempt.require(
        posts == written,
        "posts left out",
        f"The users of `{attempt.name}` have {posts} posts in all; the database has "
        f"{written}, drafts and posts without tags among them.",
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
        f"`{attempt.name}` returned {len(names)} of {len(wanted)} users; missing: {', '.join(missing)}."
        + " That one has written nothing, and is a user, too." * (missing == ["silent"]),
    )
    attempt.require(
        names == wanted,
        "order lost",
        f"`{attempt.name}` returned {', '.join(names[:3])} …; in the order of their keys they are "
        f"{', '.join(wanted[:3])} …",
    )
