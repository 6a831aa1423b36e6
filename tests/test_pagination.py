"""Pages by number and pages by key: every row once, in any order, forwards and backwards."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column

from course_lib.db import UtcDateTime
from course_lib.eager_loading import author_and_tags, posts_and_their_tags
from course_lib.errors import InvalidCursor, OutOfRange
from course_lib.lab.sql import watch
from course_lib.models import Post, User
from course_lib.pagination import CursorPage, Keyset, get_paginated

SECRET = "for these tests"
UNBOUND = AsyncSession()
"""A session that could send nothing anywhere."""


class SampleBase(DeclarativeBase):
    pass


class Sample(SampleBase):
    """Rows full of what listings stumble over: ties, NULLs, zero, the empty string, times and truth values."""

    __tablename__ = "samples"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    gap: Mapped[int | None]
    word: Mapped[str]
    note: Mapped[str | None]
    flag: Mapped[bool]
    doubt: Mapped[bool | None]
    size: Mapped[float]
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def sample(chance: random.Random) -> dict[str, object]:
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=n) for n in (0, 1, 1000, 10**9)]
    return {
        "number": chance.choice([-1, 0, 0, 1, 2**31 - 1]),
        "gap": chance.choice([None, None, -1, 0, 1]),
        "word": chance.choice(["", "", "a", "B", "b", "é", "it's", '"', "\\"]),
        "note": chance.choice([None, "", "x"]),
        "flag": chance.choice([True, False]),
        "doubt": chance.choice([None, True, False]),
        "size": chance.choice([-0.1, 0.0, 0.1, 0.1 + 0.2, 1e300]),
        "seen_at": chance.choice(moments),
        "read_at": chance.choice([None, *moments]),
    }


COLUMNS = [column.name for column in Sample.__table__.columns if not column.primary_key]


def random_order(chance: random.Random) -> tuple[Any, ...]:
    columns = [getattr(Sample, name) for name in chance.sample(COLUMNS, k=chance.randint(1, 3))]
    return tuple(chance.choice([column, column.asc(), column.desc()]) for column in columns)


def plain(order: Any) -> str:
    return ", ".join(str(each).replace("samples.", "") for each in order)


ONE_EACH = [(getattr(Sample, name).desc(),) for name in COLUMNS] + [
    (getattr(Sample, name),) for name in COLUMNS
]
SEVERAL = [random_order(random.Random(seed)) for seed in range(12)]
BY_KEY: list[tuple[Any, ...]] = [(), (Sample.id.desc(),), (func.lower(Sample.word), Sample.id.desc())]
ORDERS = [*ONE_EACH, *SEVERAL, *BY_KEY]


@pytest.fixture
async def samples(engine: AsyncEngine, session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """A session that sees 40 samples; they were never committed."""
    chance = random.Random(8)
    await session.run_sync(lambda sync: SampleBase.metadata.create_all(sync.connection()))
    await session.execute(insert(Sample), [sample(chance) for _ in range(40)])
    yield session
    await session.rollback()


async def in_order(session: AsyncSession, order: tuple[Any, ...]) -> list[int]:
    """What the database says the order is, NULLs last and ties by key."""
    return list(
        await session.scalars(select(Sample.id).order_by(*[nulls_last(each) for each in order], Sample.id))
    )


def nulls_last(order: Any) -> Any:
    return (order if hasattr(order, "modifier") else order.asc()).nulls_last()


async def pages(
    session: AsyncSession, keyset: Keyset[Any], *, backwards_from: str | None = None
) -> list[CursorPage[Any]]:
    """All pages from the first to the last, or from before a cursor back to the first; of 1 to 7 rows each."""
    chance = random.Random(7)
    found = [await keyset.get_page(session, limit=chance.randint(1, 7), cursor=backwards_from)]
    while cursor := found[-1].previous_cursor if backwards_from else found[-1].next_cursor:
        found.append(await keyset.get_page(session, limit=chance.randint(1, 7), cursor=cursor))
        assert len(found) < 100
    return found


def ids(page: CursorPage[Any]) -> list[int]:
    return [row.id for row in page.items]


@pytest.mark.parametrize("order", ORDERS, ids=plain)
async def test_walking_either_way_meets_every_row_once_in_the_order_of_the_database(
    samples: AsyncSession, order: tuple[Any, ...]
) -> None:
    keyset = Keyset(select(Sample), *order, secret=SECRET)
    forwards = await pages(samples, keyset)
    backwards = await pages(samples, keyset, backwards_from=forwards[-1].previous_cursor)

    rows = await in_order(samples, order)
    assert [key for page in forwards for key in ids(page)] == rows
    assert [key for page in reversed(backwards) for key in ids(page)] + ids(forwards[-1]) == rows


async def test_there_and_back_is_the_same_page(samples: AsyncSession) -> None:
    keyset = Keyset(select(Sample), Sample.gap.desc(), Sample.word, secret=SECRET)
    first = await keyset.get_page(samples, limit=6)
    second = await keyset.get_page(samples, limit=6, cursor=first.next_cursor)
    back = await keyset.get_page(samples, limit=6, cursor=second.previous_cursor)

    assert ids(back) == ids(first)
    assert (first.previous_cursor, back.previous_cursor) == (None, None)
    assert ids(await keyset.get_page(samples, limit=6, cursor=back.next_cursor)) == ids(second)


@pytest.mark.parametrize("seed", range(4))
async def test_rows_that_come_and_go_during_a_walk_repeat_none_and_hide_none(
    samples: AsyncSession, seed: int
) -> None:
    chance = random.Random(seed)
    keyset = Keyset(select(Sample), *random_order(chance), secret=SECRET)
    staying = set(range(1, 31))
    page = await keyset.get_page(samples, limit=4)
    seen = ids(page)
    while page.next_cursor:
        await samples.execute(insert(Sample), [sample(chance)])
        await samples.execute(delete(Sample).where(Sample.id == chance.randint(31, 60)))
        page = await keyset.get_page(samples, limit=4, cursor=page.next_cursor)
        seen += ids(page)

    assert len(seen) == len(set(seen))
    assert set(seen) >= staying


@pytest.mark.parametrize("limit", [39, 40, 41])
async def test_a_listing_ends_where_its_rows_end(samples: AsyncSession, limit: int) -> None:
    page = await Keyset(select(Sample), secret=SECRET).get_page(samples, limit=limit)

    assert (len(page.items), page.next_cursor is None) == (min(limit, 40), limit >= 40)


async def test_an_empty_listing_has_no_cursors(samples: AsyncSession) -> None:
    page = await Keyset(select(Sample).where(Sample.id < 0), secret=SECRET).get_page(samples)

    assert page == CursorPage(items=[], next_cursor=None, previous_cursor=None)


async def test_a_page_by_key_is_one_statement(engine: AsyncEngine, samples: AsyncSession) -> None:
    keyset = Keyset(select(Sample), Sample.gap, secret=SECRET)
    first = await keyset.get_page(samples, limit=5)
    with watch(engine) as sent:
        await keyset.get_page(samples, limit=5, cursor=first.next_cursor)

    assert len(sent) == 1


async def test_the_statements_own_order_gives_way_and_its_filter_stays(samples: AsyncSession) -> None:
    statement = select(Sample).where(Sample.flag).order_by(Sample.word)
    walked = await pages(samples, Keyset(statement, Sample.id.desc(), secret=SECRET))

    found = select(Sample.id).where(Sample.flag).order_by(Sample.id.desc())
    assert [key for page in walked for key in ids(page)] == [*await samples.scalars(found)]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    "option", [(joinedload(User.posts),), posts_and_their_tags()], ids=["join", "select"]
)
async def test_a_page_by_key_counts_users_and_not_their_posts(session: AsyncSession, option: Any) -> None:
    keyset = Keyset(select(User).options(*option), User.created_at.desc(), User.username, secret=SECRET)
    walked = await pages(session, keyset)

    users = [user for page in walked for user in page.items]
    assert [len(user.posts) for user in users] == [3] * 8
    assert [user.username for user in users] == sorted(user.username for user in users)


async def a_cursor(session: AsyncSession, *order: Any, secret: str = SECRET) -> str:
    page = await Keyset(select(Sample), *order, secret=secret).get_page(session, limit=3)
    assert page.next_cursor is not None
    return page.next_cursor


@pytest.mark.parametrize(
    "cursor", ["", "x", ".", "a.b", "é", "\x00", "\ud800", "W10.x", "[false, 1]", "x" * 10_000]
)
async def test_a_cursor_that_was_made_up_is_refused_before_any_statement(cursor: str) -> None:
    with pytest.raises(InvalidCursor) as caught:
        await Keyset(select(Sample), secret=SECRET).get_page(UNBOUND, cursor=cursor)

    assert caught.value.cursor == cursor


async def test_a_cursor_with_any_letter_changed_is_refused(samples: AsyncSession) -> None:
    cursor = await a_cursor(samples, Sample.word)
    keyset = Keyset(select(Sample), Sample.word, secret=SECRET)

    # The last letter holds spare bits: there another letter can mean the same signature.
    for place in range(len(cursor) - 1):
        other = "A" if cursor[place] != "A" else "B"
        with pytest.raises(InvalidCursor):
            await keyset.get_page(samples, cursor=cursor[:place] + other + cursor[place + 1 :])


@pytest.mark.parametrize(
    "order", [(), (Sample.word.desc(),), (Sample.number,), (Sample.word, Sample.number)], ids=plain
)
async def test_a_cursor_of_another_order_is_refused(samples: AsyncSession, order: tuple[Any, ...]) -> None:
    cursor = await a_cursor(samples, Sample.word)

    with pytest.raises(InvalidCursor):
        await Keyset(select(Sample), *order, secret=SECRET).get_page(samples, cursor=cursor)


@pytest.mark.usefixtures("people")
async def test_a_cursor_of_another_table_or_another_secret_is_refused(samples: AsyncSession) -> None:
    cursors = await a_cursor(samples), await a_cursor(samples, Sample.id, secret="another")

    for cursor, statement in zip(cursors, (select(User), select(Sample)), strict=True):
        with pytest.raises(InvalidCursor):
            await Keyset(statement, secret=SECRET).get_page(samples, cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 101, 2**63, 10**30, True, "5", 1.0, None])
async def test_a_limit_out_of_range_is_refused_before_any_statement(limit: Any) -> None:
    with pytest.raises(OutOfRange, match=r"limit is .* from 1 to 100"):
        await Keyset(select(Sample), secret=SECRET).get_page(UNBOUND, limit=limit)


@pytest.mark.parametrize("bad", [0, -1, 10**6 + 1, 2**63, 10**30, True, "1", 1.0, None])
@pytest.mark.parametrize("name", ["page", "per_page"])
async def test_a_page_by_number_out_of_range_is_refused_before_any_statement(name: str, bad: Any) -> None:
    with pytest.raises(OutOfRange, match=f"{name} is"):
        await get_paginated(UNBOUND, select(User), **{name: bad})


async def test_a_page_by_number_says_how_many_there_are_in_two_statements(
    engine: AsyncEngine, samples: AsyncSession
) -> None:
    with watch(engine) as sent:
        found = await get_paginated(samples, select(Sample), page=2, per_page=15)

    assert (found.total, found.page, found.per_page, found.pages, len(sent)) == (40, 2, 15, 3, 2)
    assert [row.id for row in found.items] == list(range(16, 31))


@pytest.mark.parametrize(("page", "found"), [(3, 10), (4, 0), (10**6, 0)])
async def test_a_page_behind_the_last_is_empty(samples: AsyncSession, page: int, found: int) -> None:
    answer = await get_paginated(samples, select(Sample), page=page, per_page=15)

    assert (len(answer.items), answer.total) == (found, 40)


async def test_an_empty_table_has_no_pages(session: AsyncSession) -> None:
    answer = await get_paginated(session, select(User))

    assert (answer.items, answer.total, answer.pages) == ([], 0, 0)


async def test_the_total_counts_what_the_filter_lets_through(samples: AsyncSession) -> None:
    statement = select(Sample).where(Sample.flag).order_by(Sample.word)
    answer = await get_paginated(samples, statement, per_page=100)

    assert answer.total == len(answer.items) == await samples.scalar(select(func.count()).where(Sample.flag))


async def test_a_page_by_number_keeps_the_statements_order_and_breaks_ties_by_key(
    samples: AsyncSession,
) -> None:
    statement = select(Sample).order_by(Sample.flag.desc())
    walked = [await get_paginated(samples, statement, page=page, per_page=7) for page in range(1, 7)]

    assert [row.id for page in walked for row in page.items] == await in_order(samples, (Sample.flag.desc(),))


@pytest.mark.usefixtures("people")
async def test_a_page_by_number_counts_users_and_not_their_posts(session: AsyncSession) -> None:
    statement = select(User).options(joinedload(User.posts)).order_by(User.username)
    answer = await get_paginated(session, statement, page=2, per_page=3)

    shown = [(user.username, len(user.posts)) for user in answer.items]
    assert shown == [("olek", 3), ("priya", 3), ("sam", 3)]
    assert answer.total == 8


@pytest.mark.usefixtures("people")
async def test_the_feed_of_posts_is_walked_with_authors_and_tags(session: AsyncSession) -> None:
    published = select(Post).where(Post.published).options(*author_and_tags())
    walked = await pages(session, Keyset(published, Post.created_at.desc(), secret=SECRET))

    posts = [post for page in walked for post in page.items]
    assert len({post.id for post in posts}) == len(posts) == 16
    assert all(post.author.username and post.tags for post in posts)


def test_a_word_on_nulls_is_refused_because_they_come_last() -> None:
    with pytest.raises(TypeError, match="NULLs come last"):
        Keyset(select(Post), Post.title.desc().nulls_first(), secret="s")
