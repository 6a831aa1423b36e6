"""A great many posts, the same rows on SQLite and on PostgreSQL: enough to feel an index that is missing.

await add_posts(engine)                 # a million
await add_posts(engine, count=10_000)
"""

import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from IPython.core.getipython import get_ipython
from IPython.display import display
from sqlalchemy import func, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from course_lib.db import WRITE_LOCK_FIRST
from course_lib.lab.people import FIRST_POST_AT, POSTS_BY_AUTHOR
from course_lib.models import MAX_ID, Post, User

COLUMNS = ("id", "title", "content", "published", "author_id", "created_at", "updated_at")
BATCH = 10_000
POSTS_PER_TIME = 4

Row = tuple[int, str, str, bool, int, datetime, datetime]


async def add_posts(engine: AsyncEngine, *, count: int = 1_000_000, seed: int = 2026) -> None:
    """Behind the posts there are: each person writes half as often as the one before, four posts of five are published.

    About four share each time, in no order of their keys. The same `seed` gives the same rows. A million take some
    15 seconds and 300 MB of disk. Raises ValueError where the sample people are missing.
    """
    if not 1 <= count <= MAX_ID // 2:
        raise ValueError(f"count is {count}: it goes from 1 to {MAX_ID // 2:,}")
    progress = _progress(f"{count:,} posts for {engine.dialect.name}")
    async with engine.execution_options(**WRITE_LOCK_FIRST).begin() as connection:
        authors = await _authors(connection)
        first = 1 + (await connection.scalar(select(func.max(Post.id))) or 0)
        for rows in _batches(range(first, first + count), authors, Random(seed)):
            await _write(connection, rows)
            progress((rows[-1][0] + 1 - first) / count)
        await _number_on(connection)
    await _learn(engine)


async def _authors(connection: AsyncConnection) -> list[int]:
    """The keys of the sample people, in their order."""
    found = {}
    if await connection.run_sync(lambda sync: inspect(sync).has_table(User.__tablename__)):
        found = dict((await connection.execute(select(User.username, User.id))).all())
    if missing := [name for name in POSTS_BY_AUTHOR if name not in found]:
        raise ValueError(
            f"the posts need authors, and this database has no user {', '.join(missing)}: "
            "take one from open_database(), or call add_people(connection) first"
        )
    return [found[name] for name in POSTS_BY_AUTHOR]


def _batches(keys: range, authors: list[int], chance: Random) -> Iterator[list[Row]]:
    """`choices` alone is asked for chance: what it draws for a seed is the same in every version of Python."""
    titles = [title for written in POSTS_BY_AUTHOR.values() for title in written]
    shares = [2**place for place in reversed(range(len(authors)))]
    minutes = range(max(1, len(keys) // POSTS_PER_TIME))
    times = [FIRST_POST_AT + timedelta(minutes=minute) for minute in minutes]
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        drawn = zip(
            batch,
            chance.choices(titles, k=len(batch)),
            chance.choices((True, False), (4, 1), k=len(batch)),
            chance.choices(authors, shares, k=len(batch)),
            chance.choices(times, k=len(batch)),
            strict=True,
        )
        yield [
            (key, f"{title} ({key})", f"Post {key} has more to say.", published, author, at, at)
            for key, title, published, author, at in drawn
        ]


async def _write(connection: AsyncConnection, rows: list[Row]) -> None:
    """Past SQLAlchemy's own insert(), which takes twice as long for rows as many as these."""
    if connection.dialect.name == "postgresql":
        driver = (await connection.get_raw_connection()).driver_connection
        await driver.copy_records_to_table(Post.__tablename__, records=rows, columns=COLUMNS)  # type: ignore[union-attr]
        return
    stored = Post.created_at.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    statement = f"INSERT INTO posts ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
    await connection.exec_driver_sql(statement, [(*row[:5], *[stored(row[5])] * 2) for row in rows])


async def _number_on(connection: AsyncConnection) -> None:
    """PostgreSQL does not notice keys that were written, not drawn: the next INSERT would draw one of them."""
    if connection.dialect.name == "postgresql":
        await connection.execute(
            text("SELECT setval(pg_get_serial_sequence('posts', 'id'), (SELECT max(id) FROM posts))")
        )


async def _learn(engine: AsyncEngine) -> None:
    """Let the planner count the new rows now: later, by itself, PostgreSQL would change plans between two cells.

    A busy server leaves gaps while rows arrive. CLUSTER closes them, so that a query reads as many blocks each time.
    """
    if engine.dialect.name == "postgresql":
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("CLUSTER posts USING pk_posts"))
            await connection.execute(text("VACUUM (ANALYZE) posts, users"))
        return
    async with engine.begin() as connection:
        await connection.execute(text("ANALYZE"))


def _progress(title: str) -> Callable[[float], None]:
    """Shows the share that is done. What stays on the page is the title alone, and so it is what a test compares."""
    shell = get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        line = display({"text/plain": title}, raw=True, display_id=True)
        return lambda share: line.update({"text/plain": title + f": {share:.0%}" * (share < 1)}, raw=True)
    if sys.stderr.isatty():
        return lambda share: print(f"\r{title}: {share:.0%}", end="" if share < 1 else "\n", file=sys.stderr)
    return lambda share: None
