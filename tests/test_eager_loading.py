"""What is fetched along with a row, and in how many statements."""

from collections.abc import Sequence

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from course_lib.eager_loading import author_and_tags, posts_and_their_tags, published_posts
from course_lib.lab.people import POSTS_BY_AUTHOR
from course_lib.lab.sql import watch
from course_lib.models import Post, Tag, User

pytestmark = pytest.mark.usefixtures("people")


async def users_with(session: AsyncSession, *options: object) -> Sequence[User]:
    return (await session.scalars(select(User).options(*options).order_by(User.id))).all()  # type: ignore[arg-type]


async def test_posts_come_with_author_and_tags_in_two_statements(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    with watch(engine) as sent:
        posts = (await session.scalars(select(Post).options(*author_and_tags()))).all()
        shown = {(post.author.username, post.title, *(tag.name for tag in post.tags)) for post in posts}

    assert len(sent) == 2
    assert len(shown) == 24


async def test_tags_of_a_post_come_in_the_order_of_their_names(session: AsyncSession) -> None:
    await session.execute(update(Tag).where(Tag.name == "bread").values(name="zithers"))
    posts = (await session.scalars(select(Post).options(*author_and_tags()))).all()

    names = [[tag.name for tag in post.tags] for post in posts]
    assert names == [sorted(each) for each in names]
    assert max(map(len, names)) > 1


async def test_users_come_with_posts_and_their_tags_in_three_statements(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    with watch(engine) as sent:
        users = await users_with(session, *posts_and_their_tags())
        titles = {user.username: tuple(post.title for post in user.posts if post.tags) for user in users}

    assert len(sent) == 3
    assert titles == POSTS_BY_AUTHOR


async def test_more_than_500_users_take_one_more_statement(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    more = [{"email": f"{n}@example.org", "username": str(n), "hashed_password": ""} for n in range(500)]
    await session.execute(insert(User), more)

    with watch(engine) as sent:
        await users_with(session, *posts_and_their_tags())
    assert len(sent) == 4


async def test_published_posts_leave_the_drafts_out(session: AsyncSession) -> None:
    users = await users_with(session, *published_posts())

    assert {len(user.posts) for user in users} == {2}
    assert all(post.published for user in users for post in user.posts)


async def test_what_was_not_asked_for_still_raises(session: AsyncSession) -> None:
    mira = (await users_with(session, *published_posts()))[0]

    with pytest.raises(InvalidRequestError, match="lazy='raise'"):
        mira.posts[0].tags  # noqa: B018


async def test_the_tags_come_in_one_more_statement_for_each_500_posts(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    people = [{"email": f"{n}@example.org", "username": str(n), "hashed_password": ""} for n in range(300)]
    await session.execute(insert(User), people)
    keys = (await session.scalars(select(User.id))).all()
    await session.execute(
        insert(Post), [{"title": "t", "content": "c", "author_id": key} for key in keys for _ in "ab"]
    )
    with watch(engine) as sent:
        await session.scalars(select(User).options(*posts_and_their_tags()))

    assert len(sent) == 1 + 1 + 2
