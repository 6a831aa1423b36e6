"""Listings of ten thousand, a hundred thousand and a million rows: every kind of order, first pages and deep ones.

fastapi-pagination counts all rows for each page by key, too: that is its second statement."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import Select, tuple_

from benchmarks import drivers, peers
from benchmarks.cases import CASES, DATABASES, Case, Place, Way, Ways
from benchmarks.places import Note
from course_lib.models import Post
from course_lib.pagination import Keyset, get_paginated
from course_lib.services import feed

SIZES = (10_000, 100_000, 1_000_000)
LIMIT, SECRET = 20, "of the benchmarks alone"

newest = Post.created_at.desc(), Post.id.desc()
published = select(Post).where(Post.published)
ORDERS: dict[str, tuple[Select[Any], tuple[Any, ...]]] = {
    "newest first": (published, newest),
    "oldest first": (published, (Post.created_at.asc(), Post.id.asc())),
    "mixed directions": (select(Note), (Note.score.asc(), Note.written_at.desc(), Note.id.asc())),
    "mixed, many rows a value": (select(Note), (Note.rank.asc(), Note.written_at.desc(), Note.id.asc())),
    "nullable key": (select(Note), (Note.read_at.asc(), Note.id.asc())),
    "nullable key, downwards": (select(Note), (Note.read_at.desc(), Note.id.desc())),
}
"""Each has an index on exactly its order, or on its reverse. In the fourth, one row in a hundred shares a value of the
first column: that is where pages by key break."""
NOT_OFFERED = {
    "Advanced Alchemy": "it has no pages by key",
    "FastCRUD": "its cursor is one column, so that rows that share a value get lost",
    "SQLModel": "it has no pages by key",
}


def behind(keys: list[tuple[Any, bool, Any]]) -> ColumnElement[bool]:
    """What people write by hand who know where an index can begin: a <= x AND (a < x OR …)."""
    (column, down, value), *others = keys
    further: ColumnElement[bool] = column < value if down else column > value
    if not others:
        return further
    bound = column <= value if down else column >= value
    return and_(bound, or_(further, behind(others)))


async def a_row(session: AsyncSession, statement: Select[Any], order: tuple[Any, ...], skip: int) -> Any:
    return (await session.scalars(statement.order_by(*order).offset(skip).limit(1))).one()


def name_of(order: Any) -> str:
    return str(order.element.key)


async def in_pages(place: Place, kind: str) -> AsyncIterator[Ways]:
    """A page of twenty by key: the first one, and one behind nine tenths of the rows (three quarters, before NULLs)."""
    statement, order = ORDERS[kind]
    pages: Keyset[Any] = Keyset(statement, *order, secret=SECRET)
    nullable = kind.startswith("nullable key")
    nulls_last = (order[0].nulls_last(), order[1]) if nullable else order
    async with place.sessions() as session:
        counted = select(func.count()).select_from(statement.subquery())
        rows = await session.scalar(counted) or 0
        deep = int(rows * (0.75 if nullable else 0.9))
        row = await a_row(session, statement, nulls_last, deep)
        sought = pages.rows.where(type(row).id == row.id)
        values = (await session.execute(sought)).one()[1:]
    cursor = pages._write(False, values)  # what a reader has who has read so far
    keys = [
        (each.element, each.modifier.__name__ == "desc_op", getattr(row, name_of(each))) for each in order
    ]

    async def ours(session: AsyncSession, cursor: str | None) -> None:
        session.expunge_all()
        assert len((await pages.get_page(session, limit=LIMIT, cursor=cursor)).items) == LIMIT

    async def by_hand(session: AsyncSession, deep: bool) -> None:
        session.expunge_all()
        wanted = written_by_hand() if deep else statement.order_by(*nulls_last).limit(LIMIT + 1)
        assert len((await session.scalars(wanted)).all()) == LIMIT + 1

    def written_by_hand() -> Select[Any]:
        wanted = statement.order_by(*nulls_last).limit(LIMIT + 1)
        where = behind(keys)
        if place.database == "postgres" and kind in ("newest first", "oldest first"):
            pair, given = tuple_(*(key[0] for key in keys)), tuple_(*(key[2] for key in keys))
            where = pair < given if keys[0][1] else pair > given
        return wanted.where(or_(where, Note.read_at.is_(None)) if nullable else where)

    async def by_offset(session: AsyncSession) -> None:
        session.expunge_all()
        wanted = statement.order_by(*nulls_last).offset(deep + 1).limit(LIMIT + 1)
        assert len((await session.scalars(wanted)).all()) == LIMIT + 1

    async def sqlakeyset(session: AsyncSession, after: tuple[Any, ...] | None) -> None:
        session.expunge_all()
        page = await peers.sqlakeyset(session, statement.order_by(*order), per_page=LIMIT, after=after)
        assert len(page) == LIMIT

    async def pagination(session: AsyncSession, after: str | None) -> None:
        session.expunge_all()
        page = await peers.pages_by_cursor(session, statement.order_by(*order), after, LIMIT)
        assert len(page.items) == LIMIT

    place_of_row = tuple(key[2] for key in keys)
    works: dict[str, Callable[..., Awaitable[None]]] = {
        "page 1": partial(ours, cursor=None),
        "course_lib": partial(ours, cursor=cursor),
        "page 1, by hand": partial(by_hand, deep=False),
        "by hand": partial(by_hand, deep=True),
        "OFFSET": by_offset,
    }
    missing = NOT_OFFERED | peers.absent("sqlakeyset", "fastapi-pagination")
    if nullable:
        missing |= dict.fromkeys(
            ("sqlakeyset", "fastapi-pagination"), "does not support keys that may be NULL"
        )
    if "sqlakeyset" not in missing:
        works["sqlakeyset"] = partial(sqlakeyset, after=place_of_row)
    if "fastapi-pagination" not in missing and "sqlakeyset" not in missing:
        works["fastapi-pagination"] = partial(pagination, after=peers.bookmark(place_of_row))
    found = {name: Way(work, place.session) for name, work in works.items()}
    # Without an index's help there is nothing that a driver could be the limit of.
    limit = {} if nullable else {drivers.NAME: drivers.straight(place, written_by_hand())}
    yield Ways(found | limit, missing=missing, rounds=7)


async def the_feed(place: Place) -> AsyncIterator[Ways]:
    """As the application ships it, with author and tags."""
    pages = feed(SECRET)

    async def ours(session: AsyncSession) -> None:
        session.expunge_all()
        assert len((await pages.get_page(session, limit=LIMIT)).items) == LIMIT

    async def by_hand(session: AsyncSession) -> None:
        session.expunge_all()
        wanted = pages.rows.with_only_columns(Post).order_by(*newest).limit(LIMIT + 1)
        assert len((await session.scalars(wanted)).all()) == LIMIT + 1

    async def without_an_index(session: AsyncSession) -> None:
        """Of an expression no index knows the order."""
        session.expunge_all()
        first, *others = newest
        order = func.coalesce(first.element, first.element).desc(), *others
        wanted = pages.rows.with_only_columns(Post).order_by(*order).limit(LIMIT + 1)
        assert len((await session.scalars(wanted)).all()) == LIMIT + 1

    works = {"course_lib": ours, "by hand": by_hand, "without an index": without_an_index}
    yield Ways({name: Way(work, place.session) for name, work in works.items()}, rounds=7)


async def with_totals(place: Place) -> AsyncIterator[Ways]:
    """Page 1 by number, of the published posts, newest first, and how many there are."""
    statement = published.order_by(*newest)

    async def ours(session: AsyncSession, cap: int | None = None) -> None:
        session.expunge_all()
        assert len((await get_paginated(session, statement, cap=cap)).items) == LIMIT

    async def by_hand(session: AsyncSession) -> None:
        session.expunge_all()
        counted = select(func.count()).select_from(Post).where(Post.published)
        assert await session.scalar(counted)
        assert len((await session.scalars(statement.limit(LIMIT))).all()) == LIMIT

    async def alchemy(session: AsyncSession) -> None:
        session.expunge_all()
        posts = peers.advanced_alchemy_posts(session=session)
        found, total = await posts.list_and_count(
            peers.limit_offset(LIMIT, 0),
            statement=select(Post),
            published=True,
            order_by=[("created_at", True), ("id", True)],
        )
        assert len(found) == LIMIT
        assert total

    async def fastcrud(session: AsyncSession) -> None:
        session.expunge_all()
        found = await peers.fastcrud(Post).get_multi(
            session,
            limit=LIMIT,
            sort_columns=["created_at", "id"],
            sort_orders=["desc", "desc"],
            published=True,
        )
        assert len(found["data"]) == LIMIT
        assert found["total_count"]

    async def pagination(session: AsyncSession) -> None:
        session.expunge_all()
        assert len((await peers.pages_by_number(session, statement, 1, LIMIT)).items) == LIMIT

    works: dict[str, Callable[..., Awaitable[None]]] = {
        "course_lib": ours,
        "course_lib, capped at 10,000": partial(ours, cap=10_000),
        "by hand": by_hand,
        "Advanced Alchemy": alchemy,
        "FastCRUD": fastcrud,
        "fastapi-pagination": pagination,
    }
    missing = peers.absent("Advanced Alchemy", "FastCRUD", "fastapi-pagination") | {
        "sqlakeyset": "it has no totals",
        "SQLModel": "it offers nothing for this, so that it costs what it costs by hand",
    }
    found = {name: Way(work, place.session) for name, work in works.items() if name not in missing}
    counted = select(func.count()).select_from(Post).where(Post.published)
    raw = drivers.straight(place, counted, statement.limit(LIMIT))
    yield Ways(found | {drivers.NAME: raw}, missing=missing, rounds=7)


LISTED: dict[str, Callable[[Place], AsyncIterator[Ways]]] = {
    **{f"a deep page, {kind}": partial(in_pages, kind=kind) for kind in ORDERS},
    "the feed, page 1": the_feed,
    "page 1 and the total": with_totals,
}
CASES += [
    Case("listings", operation, database, rows, ways, part="listings")
    for rows in SIZES
    for database in DATABASES
    for operation, ways in LISTED.items()
]
