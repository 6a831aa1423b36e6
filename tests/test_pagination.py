"""Pages by number and pages by key: every row once, in any order, forwards and backwards."""

import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    ForeignKey,
    Numeric,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, joinedload, mapped_column, relationship

from course_lib.db import OneSpelling, UtcDateTime
from course_lib.eager_loading import author_and_tags, posts_and_their_tags
from course_lib.errors import InvalidCursor, OutOfRange, StatementRefused
from course_lib.lab.plans import cost, explain
from course_lib.lab.posts import add_posts
from course_lib.lab.sql import watch
from course_lib.models import Post, User
from course_lib.pagination import KEY, WANTED, CursorPage, Keyset, get_paginated
from course_lib.services import feed

SECRET = "for these tests"
UNBOUND = AsyncSession()
"""A session that could send nothing anywhere."""


class State(Enum):
    DRAFT, SENT, ACCEPTED = ("d", 1), ("s", 2), ("a", 3)  # as JSON it would be a list


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


@pytest.mark.parametrize("word", [Post.title.desc().nulls_first(), Post.title.nulls_last()], ids=str)
def test_a_word_on_nulls_is_refused_because_they_come_last(word: Any) -> None:
    with pytest.raises(StatementRefused, match="NULLs come last"):
        Keyset(select(Post), word, secret="s")


class Odd(SampleBase):
    __tablename__ = "odd"

    id: Mapped[int] = mapped_column(primary_key=True)
    picture: Mapped[bytes]
    said: Mapped[dict[str, Any]] = mapped_column(JSON)


ONLY_POSTGRESQL = [
    Column(name, kind) for name, kind in (("bits", postgresql.BIT), ("place", postgresql.INET))
]

NO_KEYS: list[Any] = [
    "title",
    text("title"),
    literal_column("title"),
    None,
    Post,
    Post.tags,
    -Post.id,
    Post.id + 1,
    Post.id.label("lower"),
    func.count(Post.id),
    func.random(),
    func.coalesce(Post.title, func.max(Post.title)),
    func.lower(func.min(Post.title)),
    case((Post.published, 1), else_=0),
    Post.title.collate("C"),
    select(func.count(User.id)).scalar_subquery(),
    User.id,
]


@pytest.mark.parametrize("key", NO_KEYS, ids=lambda key: f"{key!s:.40}")
def test_what_is_no_column_of_the_listing_is_refused_as_a_key(key: Any) -> None:
    with pytest.raises(StatementRefused):
        Keyset(select(Post), key, secret="s")


@pytest.mark.parametrize("key", [Odd.picture, Odd.said.desc(), *ONLY_POSTGRESQL], ids=str)
def test_what_cannot_be_compared_or_written_down_is_refused_as_a_key(key: Any) -> None:
    with pytest.raises(StatementRefused, match="no key for a cursor"):
        Keyset(select(Odd), key, secret="s")


def test_a_placeholder_without_a_value_is_named_when_the_listing_is_made() -> None:
    with pytest.raises(InvalidRequestError, match="required for bind parameter 'name'"):
        Keyset(select(Post).where(Post.title == bindparam("name")), secret="s")


@pytest.mark.parametrize("cursor", [5, 1.5, b"x", ["x"], {}, True])
async def test_a_cursor_that_is_no_text_is_refused(cursor: Any) -> None:
    with pytest.raises(InvalidCursor):
        await Keyset(select(Post), secret="s").get_page(UNBOUND, cursor=cursor)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (select(Sample).where(Sample.flag), select(Sample)),
        (select(Sample).where(Sample.number == 0), select(Sample).where(Sample.number == 1)),
        (select(Sample).where(Sample.id.in_([1, 2])), select(Sample).where(Sample.id.in_([1, 3]))),
        (
            select(Sample).where(func.coalesce(Sample.gap, 1) == 1),
            select(Sample).where(func.coalesce(Sample.gap, 2) == 1),
        ),
        (select(aliased(Sample, name="a")), select(aliased(User, name="a"))),
    ],
    ids=["condition", "value", "list", "value within an expression", "model under the same alias"],
)
async def test_a_cursor_is_good_for_its_own_listing_alone(one: Any, other: Any) -> None:
    first, second = Keyset(one, secret=SECRET), Keyset(other, secret=SECRET)
    cursor = first._write(False, [1])

    assert first._read(cursor) == Keyset(one, secret=SECRET)._read(cursor) == [False, 1]
    for keyset, strange in ((second, cursor), (first, second._write(False, [1]))):
        with pytest.raises(InvalidCursor, match="not signed for this listing"):
            await keyset.get_page(UNBOUND, cursor=strange)


async def test_a_cursor_may_have_an_age(samples: AsyncSession, monkeypatch: pytest.MonkeyPatch) -> None:
    lasting, short = Keyset(select(Sample), secret=SECRET), Keyset(select(Sample), secret=SECRET, max_age=60)
    page = await short.get_page(samples, limit=3)
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 100)

    with pytest.raises(InvalidCursor, match="too old"):
        await short.get_page(UNBOUND, cursor=page.next_cursor)
    assert ids(await lasting.get_page(samples, limit=2, cursor=page.next_cursor)) == [4, 5]


async def test_from_a_page_whose_rows_are_gone_there_is_a_way_back(samples: AsyncSession) -> None:
    keyset = Keyset(select(Sample), secret=SECRET)
    first = await keyset.get_page(samples, limit=30)
    second = await keyset.get_page(samples, limit=5, cursor=first.next_cursor)
    await samples.execute(delete(Sample).where(Sample.id > 30))
    empty = await keyset.get_page(samples, limit=5, cursor=first.next_cursor)
    assert (empty.items, empty.next_cursor) == ([], None)
    assert ids(await keyset.get_page(samples, limit=5, cursor=empty.previous_cursor)) == list(range(25, 30))

    await samples.execute(delete(Sample).where(Sample.id < 30))
    before = await keyset.get_page(samples, limit=5, cursor=second.previous_cursor)
    await samples.execute(delete(Sample))
    nothing = await keyset.get_page(samples, limit=5, cursor=second.previous_cursor)
    assert (ids(before), nothing.items, nothing.previous_cursor) == ([30], [], None)
    assert nothing.next_cursor is not None


class Part(SampleBase):
    """Values that are not read as they are stored, and a parent that not every part has."""

    __tablename__ = "parts"

    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[Decimal] = mapped_column(Numeric)
    rate: Mapped[float] = mapped_column(Numeric(asdecimal=False))
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    email: Mapped[str] = mapped_column(OneSpelling)
    number: Mapped[UUID]
    day: Mapped[date]
    lasts: Mapped[timedelta]
    state: Mapped[State]
    whole_id: Mapped[int | None] = mapped_column(ForeignKey("parts.id"))
    whole: Mapped["Part | None"] = relationship(remote_side="Part.id", lazy="raise")


WHOLE = aliased(Part)
CLOSE = [
    "0.1",
    "0.3333333333333333",
    "0.33333333333333",
    "0.30000000000000004",
    "0.3",
    "7",
    "12345678901234.5",
]


@pytest.fixture
async def parts(engine: AsyncEngine, session: AsyncSession) -> AsyncIterator[AsyncSession]:
    chance = random.Random(9)
    await session.run_sync(lambda sync: SampleBase.metadata.create_all(sync.connection()))
    for key in range(1, 41):
        part = {
            "id": key,
            "price": Decimal(chance.choice(CLOSE)),
            "rate": float(chance.choice(CLOSE)),
            "email": "a@x",
            "number": UUID(int=chance.randrange(3)),
            "day": date(2026, 1, chance.randint(1, 3)),
            "lasts": timedelta(days=chance.randint(-1, 1), microseconds=chance.randint(0, 1)),
            "state": chance.choice(list(State)),
            "whole_id": chance.choice([None, *range(1, key)]),
        }
        if chance.random() < 0.3:
            part["made_at"] = datetime(2026, 1, 1, chance.randrange(3), tzinfo=UTC)
        await session.execute(insert(Part).values(part))
    if engine.dialect.name == "postgresql":
        await session.execute(text("UPDATE parts SET price = 'NaN' WHERE id % 4 = 0"))
        await session.execute(text("UPDATE parts SET price = 'Infinity' WHERE id % 9 = 0"))
    await session.execute(text("UPDATE parts SET email = 'B@X' WHERE id % 3 = 0"))
    yield session
    await session.rollback()


KEYS = [Part.price, Part.rate, Part.made_at, Part.email, Part.number, Part.day, Part.lasts, Part.state]
WHOLE_KEYS = [WHOLE.price, WHOLE.day, WHOLE.whole_id]


def any_listing(chance: random.Random) -> tuple[Any, list[Any]]:
    """A statement with conditions and joins, and an order for it."""
    statement = select(Part)
    if chance.random() < 0.4:
        statement = statement.where(Part.id > chance.randint(0, 20))
    keys: list[Any] = list(KEYS)
    if joined := chance.random() < 0.6:
        outer = chance.random() < 0.7
        statement = statement.join(WHOLE, Part.whole, isouter=outer)
        keys += WHOLE_KEYS * 2
    if joined and chance.random() < 0.3:
        statement = statement.where(or_(WHOLE.id.is_(None), WHOLE.id < 20))
    columns = chance.sample(keys, k=chance.randint(1, 3))
    return statement, [chance.choice([column, column.asc(), column.desc()]) for column in columns]


@pytest.mark.parametrize("seed", range(40))
async def test_any_listing_is_walked_both_ways_as_the_database_sorts_it(
    parts: AsyncSession, seed: int
) -> None:
    statement, order = any_listing(random.Random(seed))
    keyset = Keyset(statement, *order, secret=SECRET)
    forwards = await pages(parts, keyset)
    backwards = await pages(parts, keyset, backwards_from=forwards[-1].previous_cursor)

    sort = statement.with_only_columns(Part.id, maintain_column_froms=True)
    rows = list(await parts.scalars(sort.order_by(*map(nulls_last, order), Part.id)))
    assert [key for page in forwards for key in ids(page)] == rows
    if len(forwards) > 1:
        assert [key for page in reversed(backwards) for key in ids(page)] + ids(forwards[-1]) == rows


async def test_a_key_may_be_of_a_table_from_which_the_next_join_begins(parts: AsyncSession) -> None:
    further = aliased(Part)
    statement = select(Part).join(WHOLE, Part.whole).join(WHOLE.whole.of_type(further))
    found = await pages(parts, Keyset(statement, WHOLE.day.desc(), secret=SECRET))

    rows = list(await parts.scalars(statement.order_by(WHOLE.day.desc(), Part.id)))
    assert [key for page in found for key in ids(page)] == [row.id for row in rows]
    assert len(rows) > 9


GRID = {
    "id": ((), "id"),
    "time": ((Sample.seen_at.desc(), Sample.id.desc()), "seen_at, id"),
    "time, oldest first": ((Sample.seen_at,), "seen_at, id"),
    "mixed": ((Sample.seen_at.desc(), Sample.id), "seen_at DESC, id"),
    "nullable": ((Sample.gap,), "gap, id"),
    "nullable, highest first": ((Sample.gap.desc(), Sample.id.desc()), "gap, id"),
    "nullable, mixed": ((Sample.gap.desc(),), "gap DESC, id"),
}


@pytest.mark.parametrize("name", GRID)
async def test_a_deep_page_costs_what_the_first_one_costs(session: AsyncSession, name: str) -> None:
    order, index = GRID[name]
    await fill(session, count := 6_000)
    await session.execute(text(f"CREATE INDEX ix_deep ON samples ({index})"))
    await session.execute(text("ANALYZE samples"))
    keyset = Keyset(select(Sample), *order, secret=SECRET)
    first = await work(session, keyset, False, ())
    every = keyset.rows.order_by(*(nulls_last(each) for each in order), Sample.id)
    rows = [tuple(row[1:]) for row in await session.execute(every)]

    for depth in (30, count // 4, count * 8 // 10, count - 300, count - 30):
        for backwards in (False, True):
            found = await work(session, keyset, backwards, rows[depth])
            assert found <= 1.25 * first + 8, (depth, backwards)  # where the rows lie is chance


async def fill(session: AsyncSession, count: int) -> None:
    """Samples of which a quarter have no gap; four share a value, and lie far apart."""
    await session.run_sync(lambda sync: SampleBase.metadata.create_all(sync.connection()))
    chance = random.Random(5)
    common = sample(chance)
    minutes, gaps = (chance.sample(range(count), count // 4) for _ in range(2))
    some = [
        common
        | {
            "seen_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute),
            "gap": None if chance.random() < 0.25 else gap,
        }
        for minute, gap in zip(minutes, gaps, strict=True)
    ]
    await session.execute(insert(Sample), some)
    columns = [column for column in Sample.__table__.columns if not column.primary_key]
    for _ in range(2):
        await session.execute(insert(Sample).from_select(columns, select(*columns)))


async def work(session: AsyncSession, keyset: Keyset[Any], backwards: bool, values: tuple[Any, ...]) -> int:
    """What the database does for a page of twenty."""
    pairs = session.get_bind().dialect.name != "sqlite"
    given: dict[str, Any] = {KEY.format(place): value for place, value in enumerate(values)}
    done = found = 0
    for search in keyset._searches(pairs, backwards, tuple(value is None for value in values)):
        if found < 21:
            given[WANTED] = 21 - found
            done += (await cost(session, search.params(given))).amount
            found += len((await session.execute(search, given)).all())
    return done


@pytest.mark.usefixtures("people")
async def test_the_feed_is_searched_with_its_index(engine: AsyncEngine, session: AsyncSession) -> None:
    await add_posts(engine, count=20_000)
    listing = feed(SECRET)
    rows = listing.rows.order_by(Post.created_at.desc(), Post.id.desc()).offset(12_000).limit(1)
    values = tuple((await session.execute(rows)).one()[1:])
    pairs = session.get_bind().dialect.name != "sqlite"
    [first], [deep] = (listing._searches(pairs, False, nulls) for nulls in ((), (False, False)))
    given = {KEY.format(0): values[0], KEY.format(1): values[1], WANTED: 21}
    plans = [await explain(session, first.params({WANTED: 21})), await explain(session, deep.params(given))]

    assert plans[0].walks["posts"] == plans[1].searches["posts"] == "ix_posts_feed"
    assert [(plan.scans, plan.sorts) for plan in plans] == [([], []), ([], [])]
    assert await work(session, listing, False, values) <= 1.2 * await work(session, listing, False, ())
