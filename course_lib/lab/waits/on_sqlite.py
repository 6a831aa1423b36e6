"""SQLite tells that a statement is refused; where it would wait inside the driver, it stands here instead."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy.util.concurrency import await_

from course_lib.db import SQLITE_BUSY
from course_lib.lab.waits.lanes import OUTSIDER, Database, Lane


class Sqlite(Database):
    """`holder` is the transaction behind whose step the write lock was first found taken."""

    holder = ""

    async def prepare(self) -> None:
        await self.driver.execute("PRAGMA busy_timeout = 0")
        self.holder = "" if await self.is_free() else OUTSIDER

    def execute(self, lane: Lane, connection: Any, run: Callable[[], None]) -> None:
        while True:
            try:
                return _at_once(connection, run)
            except sqlite3.Error as error:
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == SQLITE_BUSY
                if not busy or _holds_snapshot(connection) or not await_(lane.stand()):
                    raise

    async def settle(self, current: Lane) -> list[Lane]:
        await self.let_move(current)
        return await self.ask_again()

    async def let_time_pass(self) -> list[Lane]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.patience
        while any(lane.moves for lane in self.waiting()) and loop.time() < deadline:
            await asyncio.sleep(0.01)
            if news := await self.ask_again():
                return news
        for lane in self.waiting():
            lane.open_gate(ask_again=False)
            await self.let_move(lane)
        return [lane for lane in self.waiting() if not lane.moves]

    async def ask_again(self) -> list[Lane]:
        """Every waiting statement once, and all once more when one came through: it may have made room."""
        news: list[Lane] = []
        for lane in [lane for lane in self.waiting() if lane.moves]:
            before = lane.waits_for
            lane.open_gate(ask_again=True)
            await self.let_move(lane)
            if not lane.moves:
                return [*news, lane, *await self.ask_again()]
            if lane.waits_for != before:
                news.append(lane)
        return news

    async def let_move(self, lane: Lane) -> None:
        try:
            await asyncio.wait_for(lane.rests.wait(), self.longest_step)
        except TimeoutError:
            await lane.give_up()
        if await self.is_free():
            self.holder = ""
        elif not self.holder:
            self.holder = OUTSIDER if lane.gate else lane.name
        if lane.gate:
            lane.wait_for([self.holder or OUTSIDER])

    async def is_free(self) -> bool:
        """Whether anybody could write now."""
        try:
            await self.driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        await self.driver.execute("ROLLBACK")
        return True


def _at_once(connection: Any, run: Callable[[], None]) -> None:
    """Without the wait inside the driver, of which nobody could see anything."""
    (timeout,) = _pragma(connection, "busy_timeout")
    _pragma(connection, "busy_timeout = 0")
    try:
        run()
    finally:
        _pragma(connection, f"busy_timeout = {timeout}")


def _holds_snapshot(connection: Any) -> bool:
    """SQLite refuses a transaction that has read at once: no waiting could help it. A checkpoint looks at the same mark
    before it starts, and fails where it is set."""
    try:
        _pragma(connection, "wal_checkpoint")
    except sqlite3.OperationalError:
        return True
    return False


def _pragma(connection: Any, pragma: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA {pragma}")
    row = cursor.fetchone()
    cursor.close()
    return row
