"""What a commit waits for at each level of synchronous_commit: looked at once, on a primary and its standby.

Nothing is timed. A commit has returned, or its session waits for the standby, and pg_stat_activity says so.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from course_lib.lab.standby import Pair

LEVELS = ("off", "local", "remote_write", "on", "remote_apply")
ENOUGH = 5
"""Commits of which at least one finds that nobody else has written the log to the disk for it."""
OWN_WRITES = """
    SELECT coalesce(sum(writes), 0) FROM pg_stat_get_backend_io(pg_backend_pid()) WHERE object = 'wal'
"""
GLANCE = 0.005
WAITS = "SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = :process"
ROUNDS = 20
"""Commits of others that the standby copies, while this one still waits: it waits for more than a copy."""


@dataclass(frozen=True)
class Waits:
    """For what a commit of this level waits: the primary's own disk, the standby's copy, and that the copy is shown."""

    disk: bool
    copy: bool
    shown: bool


_measured: dict[str, Waits] = {}


async def levels_measured() -> dict[str, Waits]:
    """By the level. Takes some seconds the first time. Raises PostgresUnavailable."""
    if not _measured:
        pair = await asyncio.to_thread(Pair.own)
        try:
            _measured.update(await _measure(pair))
        finally:
            await asyncio.to_thread(pair.remove)
    return dict(_measured)


async def _measure(pair: Pair) -> dict[str, Waits]:
    writer, reader = await pair.open(people=False)
    try:
        async with writer.begin() as connection:
            await connection.execute(text("CREATE TABLE said (words text)"))
        disk = {level: await _writes_itself(writer, level) for level in LEVELS}
        pair.wait_at_commit()
        pair.pause()
        shown = {level: await _waits(writer, level, connected=True) for level in LEVELS}
        pair.resume()
        pair.cut()
        copy = {level: await _waits(writer, level, connected=False) for level in LEVELS}
    finally:
        await writer.dispose()
        await reader.dispose()
    return {level: Waits(disk[level], copy[level], shown[level]) for level in LEVELS}


async def _says(connection: AsyncConnection, level: str) -> None:
    await connection.execute(text(f"SET synchronous_commit = {level}"))
    await connection.execute(text("INSERT INTO said VALUES ('a word')"))


async def _writes_itself(engine: AsyncEngine, level: str) -> bool:
    """Whether it is the session itself that writes the log to the disk before its commit returns."""
    async with engine.connect() as connection:
        before = await _writes(connection)
        for _ in range(ENOUGH):
            await _says(connection, level)
            await connection.commit()
        return await _writes(connection) > before


async def _writes(connection: AsyncConnection) -> int:
    await connection.execute(text("SELECT pg_stat_force_next_flush()"))
    await connection.rollback()
    writes = await connection.scalar(text(OWN_WRITES))
    await connection.rollback()
    return int(writes or 0)


async def _waits(engine: AsyncEngine, level: str, *, connected: bool) -> bool:
    """Whether a commit waits for the standby. One that does is let go in the end."""
    async with engine.connect() as connection, engine.connect() as others:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        process = {"process": driver.get_server_pid()}
        await _says(connection, level)
        commit = asyncio.ensure_future(connection.commit())
        rounds = 0
        while not commit.done() and rounds < ROUNDS:
            if connected:  # where nobody is, nobody lets it go either
                await _says(others, "on")
                await others.commit()
            waits = await others.scalar(text(WAITS), process)
            await others.rollback()
            rounds = rounds + (1 if connected else ROUNDS) if waits else 0
            await asyncio.sleep(GLANCE)
        if commit.done():
            return False
        await others.execute(text("SELECT pg_cancel_backend(:process)"), process)
        await commit
        return True
