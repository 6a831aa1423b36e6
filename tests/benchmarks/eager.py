"""A hundred posts, each with its author and its tags, in the ways that people load them."""

from collections.abc import AsyncIterator

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from benchmarks import drivers, peers
from benchmarks.cases import Place, Way, Ways, case
from course_lib.eager_loading import author_and_tags, posts_and_their_tags
from course_lib.models import Post, Tag, User, post_tags

POSTS = 100
RAW = text(
    "SELECT p.id, p.title, u.username, t.name FROM (SELECT * FROM posts WHERE id > 24 ORDER BY id LIMIT 100) p"
    " JOIN users u ON u.id = p.author_id LEFT JOIN post_tags l ON l.post_id = p.id"
    " LEFT JOIN tags t ON t.id = l.tag_id ORDER BY p.id, t.name"
)
some_posts = select(Post).where(Post.id > 24).order_by(Post.id).limit(POSTS)


def check(posts: list[Post]) -> None:
    assert len(posts) == POSTS
    assert all(post.author.username and post.tags for post in posts)


@case("eager loading", "100 posts, with author and tags", rows=10_000)
async def posts_with_all(place: Place) -> AsyncIterator[Ways]:
    async def ours(session: AsyncSession) -> None:
        session.expunge_all()
        check(list(await session.scalars(some_posts.options(*author_and_tags()))))

    async def by_hand(session: AsyncSession) -> None:
        session.expunge_all()
        options = joinedload(Post.author), selectinload(Post.tags)
        check(list(await session.scalars(some_posts.options(*options))))

    async def selects(session: AsyncSession) -> None:
        session.expunge_all()
        options = selectinload(Post.author), selectinload(Post.tags)
        check(list(await session.scalars(some_posts.options(*options))))

    async def joins(session: AsyncSession) -> None:
        session.expunge_all()
        options = joinedload(Post.author), joinedload(Post.tags)
        check(list((await session.scalars(some_posts.options(*options))).unique()))

    async def one_by_one(session: AsyncSession) -> None:
        """What a lazy load does: two more statements for each post; authors met before cost none."""
        session.expunge_all()
        for post in (await session.scalars(some_posts)).all():
            assert await session.get(User, post.author_id)
            links = select(Tag).join(post_tags).where(post_tags.c.post_id == post.id)
            assert (await session.scalars(links)).all()

    async def alchemy(session: AsyncSession) -> None:
        session.expunge_all()
        users = peers.advanced_alchemy_posts(session=session)
        check(await users.list(statement=some_posts, load=[Post.author, Post.tags]))

    async def driver(session: AsyncSession) -> None:
        assert (await session.execute(RAW)).all()

    works = {
        "course_lib": ours,
        "by hand": by_hand,
        "two statements more": selects,
        "joins alone": joins,
        "post by post": one_by_one,
        "Advanced Alchemy": alchemy,
        "SQL, no objects": driver,
    }
    missing = peers.absent("Advanced Alchemy") | {
        "FastCRUD": "it joins one table to a row, and gives dictionaries",
        "SQLModel": "it loads as SQLAlchemy does, so that it costs what it costs by hand",
    }
    found = {name: Way(work, place.session) for name, work in works.items() if name not in missing}
    yield Ways(found | {drivers.NAME: drivers.straight(place, RAW)}, missing=missing)


@case("eager loading", "8 users, with posts and tags")
async def users_with_all(place: Place) -> AsyncIterator[Ways]:
    async def ours(session: AsyncSession) -> None:
        session.expunge_all()
        users = (await session.scalars(select(User).options(*posts_and_their_tags()))).all()
        assert sum(len(user.posts) for user in users) == 24

    async def by_hand(session: AsyncSession) -> None:
        session.expunge_all()
        options = selectinload(User.posts).selectinload(Post.tags)
        users = (await session.scalars(select(User).options(options))).all()
        assert sum(len(user.posts) for user in users) == 24

    async def joins(session: AsyncSession) -> None:
        session.expunge_all()
        options = joinedload(User.posts).joinedload(Post.tags)
        users = (await session.scalars(select(User).options(options))).unique().all()
        assert sum(len(user.posts) for user in users) == 24

    works = {"course_lib": ours, "by hand": by_hand, "joins alone": joins}
    yield Ways({name: Way(work, place.session) for name, work in works.items()})
