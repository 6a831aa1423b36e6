"""An ALTER that waits lets others pass, and a column is filled while others write; both on both databases."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib import live_changes, transactions
from course_lib.db import create_session_factory
from course_lib.errors import Conflict, OutOfRange
from course_lib.lab.sql import Statements, watch
from course_lib.live_changes import backfill, patiently

Sessions = async_sessionmaker[AsyncSession]
ROWS = 25
ADD = "ALTER TABLE notes ADD COLUMN n int"
NOTES = sa.table("notes", *(sa.column(name) for name in ("id", "title", "slug")))
LOWER = sa.func.lower(NOTES.c.title)
on_postgresql = pytest.mark.parametrize("url", ["postgres"], indirect=True)
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@pytest.fixture
async def sessions(engine: AsyncEngine) -> Sessions:
    """On a table `notes` with 25 rows, the last key first, and an empty column; every third key is missing."""
    async with engine.begin() as connection:
        await connection.execute(sa.text("DROP TABLE IF EXISTS notes"))
        await connection.execute(
            sa.text("CREATE TABLE notes (id int PRIMARY KEY, title text NOT NULL, slug text)")
        )
        rows = [{"id": key, "title": f"Note {key}"} for key in range(1, 3 * ROWS) if key % 3][:ROWS]
        await connection.execute(sa.insert(NOTES), rows[::-1])
    return create_session_factory(engine)


async def slugs(sessions: Sessions) -> list[str | None]:
    async with sessions() as session:
        return list(await session.scalars(sa.select(NOTES.c.slug).order_by(NOTES.c.id)))


async def columns(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        found = await connection.run_sync(lambda sync: sa.inspect(sync).get_columns("notes"))
    return [column["name"] for column in found]


def kinds(sent: Statements) -> list[str]:
    return [each.text.split()[0] for each in sent.everything]


# patiently


async def test_a_statement_that_meets_nobody_is_committed_at_once(
    engine: AsyncEngine, sessions: Sessions
) -> None:
    with watch(engine) as sent:
        await patiently(sessions, ADD)
    assert kinds(sent)[-2:] == ["ALTER", "COMMIT"]
    assert "n" in await columns(engine)


async def attempts_while(sessions: Sessions, engine: AsyncEngine, meanwhile: Callable[[], Any]) -> int:
    """Add a column while somebody has read the table. After two attempts `meanwhile` runs, then the reader ends."""
    with watch(engine) as sent:
        async with sessions() as reader:
            await reader.execute(sa.select(NOTES.c.id).limit(1))
            altering = asyncio.create_task(patiently(sessions, ADD))
            while sum(each.text == ADD for each in sent) < 2:
                await asyncio.sleep(0.01)
                assert not altering.done()
            await meanwhile()
            assert not altering.done()
        await altering
        return sum(each.text == ADD for each in sent)


@on_postgresql
async def test_behind_a_reader_it_gives_up_and_comes_again_while_others_read(
    engine: AsyncEngine, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(monkeypatch)

    async def read() -> None:
        for _ in range(5):
            async with sessions() as session:
                await session.execute(sa.text("SET LOCAL lock_timeout = '10s'"))
                await session.execute(sa.select(NOTES.c.id).limit(1))

    assert await attempts_while(sessions, engine, read) >= 3
    assert "n" in await columns(engine)


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter pauses between two attempts."""
    retry = transactions.retry
    monkeypatch.setattr(live_changes, "retry", lambda work, **options: retry(work, **options | SHORT))


SHORT = {"first_wait": 0.05, "longest_wait": 0.05}


@on_postgresql
async def test_every_attempt_sets_its_limit_in_its_own_transaction(
    engine: AsyncEngine, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(monkeypatch)
    async with sessions() as reader:
        await reader.execute(sa.select(NOTES.c.id).limit(1))
        with watch(engine) as sent, pytest.raises(Conflict, match="3"):
            await patiently(sessions, ADD, lock_timeout=0.02, attempts=3)
    assert [each.text for each in sent if "SET" in each.text] == ["SET LOCAL lock_timeout = 20"] * 3
    assert kinds(sent) == ["BEGIN", "SET", "ALTER", "ROLLBACK"] * 3
    assert "n" not in await columns(engine)


@on_postgresql
async def test_no_patience_at_all_is_not_for_ever(sessions: Sessions) -> None:
    async with sessions() as reader:
        await reader.execute(sa.select(NOTES.c.id).limit(1))
        with pytest.raises(Conflict):
            await asyncio.wait_for(patiently(sessions, ADD, lock_timeout=0, attempts=1), 30)


async def test_what_will_never_pass_is_tried_once(engine: AsyncEngine, sessions: Sessions) -> None:
    with watch(engine) as sent, pytest.raises(DBAPIError):
        await patiently(sessions, "ALTER TABLE nowhere ADD COLUMN n int")
    assert kinds(sent).count("ALTER") == 1


@on_sqlite
async def test_on_sqlite_readers_do_not_hold_it_up(engine: AsyncEngine, sessions: Sessions) -> None:
    async with sessions() as reader:
        await reader.execute(sa.select(NOTES.c.id).limit(1))
        with watch(engine) as sent:
            await patiently(sessions, ADD, attempts=1)
    assert not any("lock_timeout" in each.text for each in sent)


# backfill


@pytest.mark.parametrize(("size", "batches"), [(1, 25), (5, 5), (10, 3), (25, 1), (1000, 1)])
async def test_every_empty_value_is_filled_and_each_range_committed(
    engine: AsyncEngine, sessions: Sessions, size: int, batches: int
) -> None:
    with watch(engine) as sent:
        assert await backfill(sessions, NOTES, "slug", LOWER, size=size) == ROWS
    assert kinds(sent).count("UPDATE") == batches
    assert kinds(sent).count("COMMIT") == batches + 1
    assert all(slug and slug.startswith("note ") for slug in await slugs(sessions))


async def test_what_is_filled_already_stays(engine: AsyncEngine, sessions: Sessions) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.update(NOTES).where(NOTES.c.id == 4).values(slug="newer"))
    assert await backfill(sessions, NOTES, "slug", LOWER, size=5) == ROWS - 1
    assert "newer" in await slugs(sessions)


async def test_it_goes_on_where_it_was_stopped(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = transactions.unit_of_work, iter(range(100))

    def until_the_third(given: Any) -> Any:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return whole(given)

    with monkeypatch.context() as patched:
        patched.setattr(live_changes, "unit_of_work", until_the_third)
        with pytest.raises(KeyboardInterrupt):
            await backfill(sessions, NOTES, "slug", LOWER, size=5)
    assert sum(slug is not None for slug in await slugs(sessions)) == 10
    assert await backfill(sessions, NOTES, "slug", LOWER, size=5) == ROWS - 10
    assert None not in await slugs(sessions)


async def test_a_value_that_is_null_ends_too(sessions: Sessions) -> None:
    assert await backfill(sessions, NOTES, "slug", sa.null(), size=5) == ROWS
    assert set(await slugs(sessions)) == {None}


async def test_an_empty_table_has_nothing_to_fill(engine: AsyncEngine, sessions: Sessions) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.delete(NOTES))
    assert await backfill(sessions, NOTES, "slug", LOWER) == 0


@on_postgresql
async def test_what_changes_while_it_waits_for_the_row_stays(engine: AsyncEngine, sessions: Sessions) -> None:
    """It has found the row empty, waits for whoever holds it, and looks again."""
    waits = "wait_event = 'transactionid' AND datname = current_database()"
    waiting = sa.text(f"SELECT count(*) FROM pg_stat_activity WHERE {waits}")
    async with engine.connect() as colleague, engine.connect() as observer:
        await colleague.execute(sa.update(NOTES).where(NOTES.c.id == 4).values(slug="newer"))
        filling = asyncio.create_task(backfill(sessions, NOTES, "slug", LOWER))
        while not await observer.scalar(waiting):
            await observer.rollback()  # in one transaction the view stays as it is
            await asyncio.sleep(0.01)
            assert not filling.done()
        await colleague.commit()
        assert await filling == ROWS - 1
    assert "newer" in await slugs(sessions)


@pytest.mark.parametrize("size", [0, 100_001])
async def test_a_range_out_of_bounds_is_named(sessions: Sessions, size: int) -> None:
    with pytest.raises(OutOfRange, match="size"):
        await backfill(sessions, NOTES, "slug", LOWER, size=size)
