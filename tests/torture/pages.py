"""Pages by key and by number against the full list, for listings made of chance: each row once and in order, forwards
and back again, while other rows come and go; or an error of the library's own, when the listing is made."""

import asyncio
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import URL, delete, insert
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from course_lib.db import create_engine
from course_lib.errors import InvalidCursor, StatementRefused
from course_lib.lab import postgres
from course_lib.pagination import CursorPage, Keyset, get_paginated
from torture.listings import (
    SHELVES,
    Base,
    Listing,
    Scrap,
    Shelf,
    Thing,
    ThingRepository,
    any_listing,
    nulls_last,
    told_of,
)
from torture.parts import Bounds, Figures, torture

STAYING, MOVING = 12, 100
"""So many rows stay as they are; the marks of those that come and go begin there."""
ENOUGH = 200
"""No walk through so few rows has more pages."""


class Counts(Counter[str]):
    """What was tried, and what came of it; `spices` are the kinds that were served, and those refused."""

    def __init__(self) -> None:
        super().__init__()
        self.spices: dict[str, set[str]] = {
            "served": set(),
            "refused": set(),
            "not run by the database": set(),
        }

    def figures(self) -> Figures:
        return dict(self) | {f"kinds {word}": len(kinds) for word, kinds in self.spices.items()}


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, URL]]:
    """A new file of SQLite and a new database of the kit's PostgreSQL."""
    server = postgres.shared()
    url = server.create_database()
    try:
        yield {"sqlite": URL.create("sqlite+aiosqlite", database=str(folder / "pages.db")), "postgres": url}
    finally:
        server.drop_database(str(url.database))


async def prepared(url: URL) -> AsyncEngine:
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        for shelf in SHELVES:
            await connection.execute(insert(Shelf).values(shelf))
    return engine


async def try_listing(engine: AsyncEngine, chance: Random, counts: Counts) -> None:
    """One listing with rows of its own, which nobody else ever sees."""
    listing = any_listing(chance, spiced=not chance.randrange(3))
    async with AsyncSession(engine) as session:
        rows = [listing.row(chance, mark) for mark in range(1, STAYING + 1)]
        await session.execute(insert(listing.model), rows)
        if listing.model is Thing:
            kinds = [{"thing_id": row["id"], "kind": chance.randrange(2)} for row in rows for _ in range(2)]
            await session.execute(insert(Scrap), kinds)
        counts["listings"] += 1
        try:
            served = await by_key(session, listing, chance, counts)
            served |= await by_number(session, listing, chance, counts)
        except Exception as error:
            error.add_note(f"{engine.dialect.name}, {listing}")
            raise
        finally:
            await session.rollback()
    if listing.spice:
        counts.spices["served" if served else "refused"].add(listing.spice)


async def full_list(session: AsyncSession, listing: Listing, order: list[Any]) -> list[Any] | None:
    """What the database itself makes of it; None where it refuses what the library does not know."""
    try:
        async with session.begin_nested():
            with warnings.catch_warnings():
                # Of every row of one table with every row of another, which the library refuses.
                warnings.simplefilter("ignore" if listing.spice else "error", SAWarning)
                rows = list((await session.scalars(listing.in_order(order))).unique())
    except SQLAlchemyError:
        if not listing.spice:
            raise
        return None
    told = [told_of(listing, row) for row in rows]
    session.expunge_all()
    return told


async def by_key(session: AsyncSession, listing: Listing, chance: Random, counts: Counts) -> bool:
    """Whether the listing was served by key, truly; else it was refused when it was made."""
    whole = await full_list(session, listing, [nulls_last(key) for key in listing.keys])
    try:
        keyset: Keyset[Any] = Keyset(listing.statement, *listing.keys, secret="s")
    except StatementRefused:
        assert listing.spice, "a plain listing is refused"
        counts["refused by key"] += 1
        return False
    except SQLAlchemyError:
        assert whole is None, "the database runs it, and no pages can be made of it"
    if whole is None:
        counts.spices["not run by the database"].add(listing.spice)
        return False
    forwards = await walk(session, keyset, listing, chance)
    assert [row for page in forwards for row in page] == whole, f"forwards {forwards} of {whole}"
    counts["pages by key"] += len(forwards)
    counts["walks"] += 1
    if len(forwards) > 1:
        await there_and_back(session, keyset, listing, chance, whole)
        counts["turns"] += 1
    if listing.model is not Thing or "scraps" not in listing.loads:
        await while_rows_move(session, keyset, listing, chance, counts)
    return True


async def read(
    session: AsyncSession, keyset: Keyset[Any], listing: Listing, limit: int, cursor: str | None
) -> Any:
    page: CursorPage[Any] = await keyset.get_page(session, limit=limit, cursor=cursor)
    assert len(page.items) <= limit
    told = [told_of(listing, row) for row in page.items]
    session.expunge_all()
    return told, page


async def walk(
    session: AsyncSession, keyset: Keyset[Any], listing: Listing, chance: Random
) -> list[list[Any]]:
    found, cursor = [], None
    for _ in range(ENOUGH):
        told, page = await read(session, keyset, listing, chance.randint(1, 7), cursor)
        found.append(told)
        if (cursor := page.next_cursor) is None:
            return found
        assert told, "an empty page leads on"
    raise AssertionError("a walk without an end")


async def there_and_back(
    session: AsyncSession, keyset: Keyset[Any], listing: Listing, chance: Random, whole: list[Any]
) -> None:
    """From somewhere in the middle to the end, and from there to the beginning."""
    skipped = chance.randrange(1, len(whole))
    told, page = await read(session, keyset, listing, min(skipped, 100), None)
    assert page.previous_cursor is None
    while page.next_cursor:
        told, page = await read(session, keyset, listing, chance.randint(1, 7), page.next_cursor)
    back = told
    for _ in range(ENOUGH):
        if page.previous_cursor is None:
            break
        told, page = await read(session, keyset, listing, chance.randint(1, 7), page.previous_cursor)
        back = told + back
    assert back == whole, f"backwards {back} of {whole}"
    other: Keyset[Any] = Keyset(listing.statement, *listing.keys, secret="another")
    try:
        await other.get_page(session, cursor=page.next_cursor)
    except InvalidCursor:
        return
    raise AssertionError("a cursor is good under another secret")


async def while_rows_move(
    session: AsyncSession, keyset: Keyset[Any], listing: Listing, chance: Random, counts: Counts
) -> None:
    staying = await full_list(session, listing, [nulls_last(key) for key in listing.keys])
    model, there, seen, cursor = listing.model, [MOVING], [], None
    await session.execute(insert(model).values(listing.row(chance, MOVING)))
    for mark in range(MOVING + 1, MOVING + ENOUGH):
        told, page = await read(session, keyset, listing, chance.randint(1, 7), cursor)
        seen += [each[0] for each in told]
        if (cursor := page.next_cursor) is None:
            break
        if mark < MOVING + 20:
            await session.execute(insert(model).values(listing.row(chance, mark)))
            there.append(mark)
            counts["rows that came"] += 1
        if there and not chance.randrange(3):
            gone = there.pop(chance.randrange(len(there)))
            await session.execute(delete(model).where(model.mark == gone))
            counts["rows that went"] += 1
    await session.execute(delete(model).where(model.mark >= MOVING))
    assert len(seen) == len(set(seen)), f"a row comes twice: {seen}"
    assert [mark for mark in seen if mark < MOVING] == [each[0] for each in staying or []], f"seen {seen}"


async def by_number(session: AsyncSession, listing: Listing, chance: Random, counts: Counts) -> bool:
    """Whether the listing was served by number and by `get_multi`, truly; else it was refused at once."""
    repository, size = ThingRepository(session), chance.randint(1, 7)
    statement = listing.statement.order_by(*listing.keys)
    whole = await full_list(session, listing, listing.keys)
    try:
        async with session.begin_nested():
            found = [await get_paginated(session, statement, per_page=size)]
    except StatementRefused:
        assert listing.spice, "a plain listing is refused"
        for refuses in (repository.get_multi, repository.count):
            try:
                await refuses(statement)
            except StatementRefused:
                continue
            raise AssertionError(f"{refuses.__name__} takes what get_paginated refuses") from None
        counts["refused by number"] += 1
        return False
    except SQLAlchemyError:
        assert whole is None, "the database runs it, and not as a page"
        counts.spices["not run by the database"].add(listing.spice)
        return False
    assert whole is not None, "the database refuses the whole list, and not its first page"
    for page in range(2, len(whole) // size + 3):
        found.append(await get_paginated(session, statement, page=page, per_page=size))
    listed = [told_of(listing, row) for page in found for row in page.items]
    assert listed == whole, f"by number {listed} of {whole}"
    assert {page.total for page in found} == {len(whole), await repository.count(statement)}
    session.expunge_all()
    skips = range(0, len(whole) + size, size)
    several = [row for skip in skips for row in await repository.get_multi(statement, skip=skip, limit=size)]
    assert [told_of(listing, row) for row in several] == whole, f"get_multi {several} of {whole}"
    counts["pages by number"] += len(found)
    session.expunge_all()
    return True


async def by_hypothesis(bounds: Bounds, folder: Path, chance: Random, name: str) -> Figures:
    """Examples, ten at a time, thought out and made smaller by hypothesis in a thread of its own; each runs here."""
    from hypothesis import HealthCheck, given, seed, settings
    from hypothesis import strategies as st

    counts, loop = Counts(), asyncio.get_running_loop()
    with databases(folder) as urls:
        engine = await prepared(urls[name])

        def run(example: Random) -> None:
            asyncio.run_coroutine_threadsafe(try_listing(engine, example, counts), loop).result()

        how = settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        examples = how(given(st.randoms(use_true_random=False))(run))
        for _ in bounds:
            await asyncio.to_thread(seed(chance.getrandbits(32))(examples))
        await engine.dispose()
    assert_tried(counts)
    return counts.figures()


def assert_tried(counts: Counts) -> None:
    """What a run has shown something by."""
    for what in ("walks", "turns", "rows that came", "rows that went", "pages by number", "refused by key"):
        assert counts[what], f"no {what}"


@torture("pages", "any listing by key and by number against the full list, on SQLite")
async def on_sqlite(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    return await by_hypothesis(bounds, folder, chance, "sqlite")


@torture("pages", "any listing by key and by number against the full list, on PostgreSQL")
async def on_postgresql(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    return await by_hypothesis(bounds, folder, chance, "postgres")
