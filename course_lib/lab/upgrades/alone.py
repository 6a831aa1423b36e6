"""One upgrade at a time: whoever comes meanwhile waits for the end of the other, and finds its work done.

The waiting has no limit, because nobody knows how long a migration takes. It ends with the other's process at the
latest, also when that was killed; and with Ctrl-C.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from filelock import BaseFileLock, FileLock, Timeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

log = logging.getLogger("alembic.runtime.migration")
UPGRADES = 5_183_402_119_604
"""PostgreSQL's advisory locks have numbers. This is that of upgrades, in each database."""
PAUSE = 0.1
"""Seconds between two tries."""
PATIENCE_WITH_WRITERS = 600_000
"""Milliseconds for which an upgrade of SQLite waits for a program that writes: much longer than one should."""


@asynccontextmanager
async def alone(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection on which no transaction runs, for the only upgrade of this database; others wait here."""
    if engine.dialect.name == "sqlite":
        async with _lock_file(engine.url), engine.connect() as connection:
            raw = await connection.get_raw_connection()
            await raw.driver_connection.execute(f"PRAGMA busy_timeout = {PATIENCE_WITH_WRITERS}")  # type: ignore[union-attr]
            yield connection
    else:
        async with engine.connect() as connection:
            await _until(lambda: _advisory_lock(connection))
            yield connection  # the lock ends with the connection


async def _advisory_lock(connection: AsyncConnection) -> bool:
    """Try, and never wait inside a transaction: CREATE INDEX CONCURRENTLY of the other would wait for ours."""
    taken = await connection.scalar(sa.text("SELECT pg_try_advisory_lock(:upgrades)"), {"upgrades": UPGRADES})
    await connection.rollback()  # the lock belongs to the connection, and stays
    return bool(taken)


@asynccontextmanager
async def _lock_file(url: sa.URL) -> AsyncIterator[None]:
    """A file beside the database, there for as long as the upgrade; of a database in memory nobody else knows."""
    if (path := _beside(url)) is None:
        yield
        return
    path.touch()  # where no file can be made FileLock would wait, as for another holder
    lock = FileLock(path)

    async def taken() -> bool:
        with suppress(Timeout):
            lock.acquire(timeout=0)
        return lock.is_locked

    await _until(taken)
    try:
        yield
    finally:
        _give_back(lock)


def _beside(url: sa.URL) -> Path | None:
    path = Path((url.database or ":memory:").removeprefix("file:") + "-upgrade")
    if not path.parent.is_dir():
        raise FileNotFoundError(path.parent)  # FileLock would make the folder
    return None if path.name.startswith(":memory:") else path


def _give_back(lock: BaseFileLock) -> None:
    with suppress(OSError):  # Windows deletes no open file
        Path(lock.lock_file).unlink()
    lock.release()


async def _until(taken: Callable[[], Awaitable[bool]]) -> None:
    if await taken():
        return
    log.info("Another upgrade is running here: waiting for its end")
    while not await taken():  # noqa: ASYNC110  the other is another process, which sets no Event here
        await asyncio.sleep(PAUSE)
