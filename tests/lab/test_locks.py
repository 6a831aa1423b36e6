"""locks() says which lock a statement takes, what it does under it and whom it stops; it changes nothing."""

import asyncio

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import create_engine
from course_lib.lab import locks as locks_module
from course_lib.lab.locks import MODES, Held, locks, look
from course_lib.lab.posts import add_posts

ROWS = 2_000
ALL = ROWS + 24
NULLABLE = "ALTER TABLE posts ADD COLUMN n int"
NOT_VALID = "ALTER TABLE posts ADD CONSTRAINT named CHECK (id > 0) NOT VALID"
VALIDATE = "ALTER TABLE posts VALIDATE CONSTRAINT named"
BOTH = ("SELECT", "UPDATE")


@pytest.fixture(params=["postgres"])
def url(request: pytest.FixtureRequest) -> URL:
    postgres_url: URL = request.getfixturevalue("postgres_url")
    return postgres_url


@pytest.fixture
async def blog(engine: AsyncEngine, people: None) -> AsyncEngine:
    await add_posts(engine, count=ROWS)
    return engine


async def of_posts(engine: AsyncEngine, *statements: str) -> Held:
    """What the last of these statements, which make one transaction, does to the posts."""
    found = await locks(engine, list(statements))
    [held] = [each for each in found.held if (each.table, each.statement) == ("posts", statements[-1])]
    return held


@pytest.mark.parametrize(
    ("statement", "mode", "rows", "rewritten", "stops"),
    [
        (NULLABLE, "ACCESS EXCLUSIVE", 0, False, BOTH),
        (f"{NULLABLE} NOT NULL DEFAULT 0", "ACCESS EXCLUSIVE", 0, False, BOTH),
        ("ALTER TABLE posts ADD CHECK (id > 0)", "ACCESS EXCLUSIVE", ALL, False, BOTH),
        (NOT_VALID, "ACCESS EXCLUSIVE", 0, False, BOTH),
        ("ALTER TABLE posts RENAME TO articles", "ACCESS EXCLUSIVE", 0, False, BOTH),
        ("DROP TABLE posts CASCADE", "ACCESS EXCLUSIVE", 0, False, BOTH),
        ("CREATE INDEX ON posts (content)", "SHARE", ALL, False, ("UPDATE",)),
        ("UPDATE posts SET title = title WHERE id = 3", "ROW EXCLUSIVE", 1, False, ()),
        ("SELECT content FROM posts", "ACCESS SHARE", ALL, False, ()),
    ],
)
async def test_a_statement_is_seen_with_its_lock_and_its_work(
    statement: str, mode: str, rows: int, rewritten: bool, stops: tuple[str, ...], blog: AsyncEngine
) -> None:
    assert await of_posts(blog, statement) == Held(statement, "posts", mode, rows, rewritten, stops)


async def test_a_default_that_differs_from_row_to_row_writes_the_table_anew(blog: AsyncEngine) -> None:
    held = await of_posts(blog, f"{NULLABLE} DEFAULT floor(random() * 9)")
    assert held.rewritten
    assert held.rows_read >= ALL


async def test_a_lock_stays_to_the_end_of_its_transaction(blog: AsyncEngine) -> None:
    together = await of_posts(blog, "SELECT content FROM posts", NOT_VALID, VALIDATE)
    assert (together.mode, together.rows_read, together.stops) == ("ACCESS EXCLUSIVE", ALL, BOTH)
    async with blog.begin() as connection:
        await connection.execute(text(NOT_VALID))
    alone = await of_posts(blog, VALIDATE)
    async with blog.begin() as connection:
        await connection.execute(text("ALTER TABLE posts DROP CONSTRAINT named"))
    assert (alone.mode, alone.rows_read, alone.stops) == ("SHARE UPDATE EXCLUSIVE", ALL, ())


async def test_every_table_that_is_locked_is_told(blog: AsyncEngine) -> None:
    found = await locks(blog, "ALTER TABLE posts ADD FOREIGN KEY (author_id) REFERENCES users")
    assert {each.table: (each.mode, each.stops) for each in found.held} == {
        "users": ("SHARE ROW EXCLUSIVE", ("UPDATE",)),
        "posts": ("SHARE ROW EXCLUSIVE", ("UPDATE",)),
    }


async def test_a_table_keeps_the_name_by_which_others_know_it(blog: AsyncEngine) -> None:
    held = await of_posts(blog, "ALTER TABLE posts RENAME TO articles", "ALTER TABLE articles ADD n int")
    assert (held.table, held.stops) == ("posts", BOTH)


async def test_each_statement_by_itself_knows_nothing_of_the_one_before(blog: AsyncEngine) -> None:
    found = await locks(blog, NULLABLE, NULLABLE)
    assert [each.rows_read for each in found.held] == [0, 0]


async def test_what_this_connection_has_read_before_is_not_counted(blog: AsyncEngine) -> None:
    """ALTER TYPE makes the index anew, and what was counted of the old one goes with it."""
    alone = create_engine(blog.url, pool_size=2, max_overflow=0)
    alter = "ALTER TABLE posts ALTER id TYPE bigint"
    first = await of_posts(alone, alter)
    for _ in range(2):  # both connections of the pool
        async with alone.connect() as one, alone.connect() as two:
            for connection in (one, two):
                await connection.execute(text("SELECT title FROM posts WHERE id = 3"))
    assert await of_posts(alone, alter) == first
    await alone.dispose()


async def test_nothing_is_changed_and_nothing_held_afterwards(blog: AsyncEngine) -> None:
    async with blog.connect() as connection:
        before = await connection.run_sync(look)
    await locks(blog, "DELETE FROM post_tags", "ALTER TABLE posts ALTER id TYPE bigint")
    async with blog.connect() as connection:
        after = await connection.run_sync(look)
        assert {name: (each.oid, each.file, each.mode) for name, each in after.items()} == {
            name: (each.oid, each.file, "") for name, each in before.items()
        }
        assert await connection.scalar(text("SELECT count(*) FROM post_tags")) > 0


async def test_the_trial_of_others_agrees_with_what_a_statement_of_theirs_meets(blog: AsyncEngine) -> None:
    """A real SELECT and a real UPDATE, each with a short limit, under each lock that a table can have."""
    others = {
        "SELECT": "SELECT id FROM posts LIMIT 1",
        "UPDATE": "UPDATE posts SET title = title WHERE id = 1",
    }
    for mode in MODES[1:]:
        lock = f"LOCK TABLE posts IN {mode} MODE"
        stopped = []
        async with blog.connect() as holder, blog.connect() as other:
            await holder.execute(text(lock))
            for name, statement in others.items():
                await other.execute(text("SET LOCAL lock_timeout = '20ms'"))
                try:
                    await other.execute(text(statement))
                except DBAPIError:
                    stopped.append(name)
                await other.rollback()
        held = await of_posts(blog, lock)
        assert (mode, held.mode, list(held.stops)) == (mode, mode, stopped)


async def test_it_is_shown_as_a_table(blog: AsyncEngine) -> None:
    shown = repr(await locks(blog, "ALTER TABLE posts\n  ADD n int", "SELECT content FROM posts"))
    assert shown.splitlines()[-2:] == [
        "ALTER TABLE posts ADD n int  posts  ACCESS EXCLUSIVE  0          no            SELECT and UPDATE",
        f"SELECT content FROM posts    posts  ACCESS SHARE      {ALL:,}      no            nobody",
    ]


async def test_what_cannot_run_in_a_transaction_says_so(blog: AsyncEngine) -> None:
    with pytest.raises(DBAPIError, match="cannot run inside a transaction block"):
        await locks(blog, "CREATE INDEX CONCURRENTLY ix ON posts (title)")


async def test_it_does_not_wait_for_ever(blog: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(locks_module.SETTINGS, "lock_timeout", "20ms")
    async with blog.connect() as reader:
        await reader.execute(text("SELECT id FROM posts LIMIT 1"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            await asyncio.wait_for(locks(blog, NULLABLE), 30)


async def test_sqlite_has_no_locks_of_tables() -> None:
    engine = create_engine("sqlite+aiosqlite://")
    with pytest.raises(ValueError, match="this is sqlite: SQLite has one lock for the whole file"):
        await locks(engine, NULLABLE)
    await engine.dispose()
