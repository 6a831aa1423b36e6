"""Who waits for whom, told by the database: what `interleave` stands on.

PostgreSQL is asked with pg_blocking_pids, from a connection that only looks on. SQLite tells that a statement is
refused; where it would have waited inside the driver, the statement stands here instead, and asks again.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.util.concurrency import await_

from course_lib.db import SQLITE_BUSY
from course_lib.lab.lesson import NOISE

LONGEST_STEP = 30.0
"""Seconds after which a step is given up that neither ends nor waits for a lock."""
LONGEST_LINE = 90
OUTSIDER = "another connection"
STATES = {"commits": "committed", "rolls back": "rolled back"}


@dataclass(eq=False)
class Lane:
    """One transaction, and the step that it is in."""

    name: str
    session: AsyncSession
    steps: AsyncGenerator[object, None]
    engine: Engine
    state: str = ""  # set when it has ended
    done: int = 0
    task: asyncio.Task[tuple[str, str]] | None = None
    marks: list[str] = field(default_factory=list)  # how its transactions ended
    waits_for: list[str] = field(default_factory=list)
    since: int = 0  # a place in the order of all waits
    gate: asyncio.Future[bool] | None = None  # where it stands on SQLite
    rests: asyncio.Event = field(default_factory=asyncio.Event)  # its step has ended, or stands at the gate
    pid: int = 0  # of its server process on PostgreSQL

    @property
    def moves(self) -> bool:
        return self.task is not None and not self.task.done()

    def begin(self) -> None:
        self.rests.clear()
        self.task = asyncio.create_task(self._step())
        self.task.add_done_callback(lambda _: self.rests.set())

    async def _step(self) -> tuple[str, str]:
        """What kind of end the step came to, and in which words."""
        _current.set(self)
        earlier = len(self.marks)
        try:
            label = await anext(self.steps)
        except StopAsyncIteration:
            await self.session.close()
            self.state = STATES[self.marks[-1]] if self.marks else "ended"
            return "ends", self.marks[-1] if self.marks[earlier:] else ""
        except Exception as error:
            await self.session.close()
            name, line = _told(error)
            self.state = f"failed: {name}"
            return "fails", f"{name}: {line}" if line else name
        self.done += 1
        return "does", f"step {self.done}" if label is None else str(label)

    def wait_for(self, names: Iterable[str]) -> None:
        if not self.waits_for:
            self.since = next(_waits)
        self.waits_for = sorted(names)

    async def stand(self) -> bool:
        """Until the gate opens. True: ask again. False: nobody is patient any longer."""
        self.gate = asyncio.get_running_loop().create_future()
        self.rests.set()
        return await self.gate

    def open_gate(self, *, ask_again: bool) -> None:
        gate, self.gate = self.gate, None
        if gate is not None:
            self.rests.clear()
            gate.set_result(ask_again)

    async def give_up(self) -> None:
        if self.task is not None and self.moves:
            self.state = "never ended"
            self.task.cancel()
            await asyncio.wait([self.task])
        with suppress(Exception):  # of a function that yields or raises where it is told to end
            await self.steps.aclose()
        await self.session.close()


_current: ContextVar[Lane | None] = ContextVar("_current", default=None)
_waits = count(1)


class Database:
    """What interleave must know of a database. `driver` is the connection that only looks on."""

    def __init__(self, lanes: Sequence[Lane], patience: float, driver: Any) -> None:
        self.lanes, self.patience, self.driver = lanes, patience, driver

    async def prepare(self) -> None:
        raise NotImplementedError

    def execute(self, lane: Lane, connection: Any, run: Callable[[], None]) -> None:
        """`run` a statement of the lane. Called in the greenlet of its session."""
        raise NotImplementedError

    async def settle(self, current: Lane) -> list[Lane]:
        """Wait until no step moves. Returns those who waited and have ended their step, or wait for others now."""
        raise NotImplementedError

    async def let_time_pass(self) -> list[Lane]:
        """As long as a wait can last that no other transaction ends. Returns the same as settle()."""
        return []

    def waiting(self) -> list[Lane]:
        """Who waits longest is first."""
        return sorted((lane for lane in self.lanes if lane.waits_for), key=lambda lane: lane.since)


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
            await asyncio.wait_for(lane.rests.wait(), LONGEST_STEP)
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


class Postgres(Database):
    may_choose = False

    async def prepare(self) -> None:
        self.may_choose = await self.driver.fetchval("SELECT current_setting('is_superuser') = 'on'")

    def execute(self, lane: Lane, connection: Any, run: Callable[[], None]) -> None:
        pid = connection.driver_connection.get_server_pid()
        for other in self.lanes:
            if other.pid == pid:
                other.pid = 0  # behind its commit, the pool gave the connection to this one
        lane.pid = pid
        if self.may_choose:
            # The fewer can still come to wait, the sooner one looks for a circle: who closes it looks first.
            free = sum(not other.waits_for and not other.state for other in self.lanes if other is not lane)
            cursor = connection.cursor()
            cursor.execute(f"SET LOCAL deadlock_timeout = {min(20 * 50**free, 5000)}")  # milliseconds
            cursor.close()
        run()

    async def settle(self, current: Lane) -> list[Lane]:
        before = {lane: lane.waits_for for lane in self.lanes}
        loop = asyncio.get_running_loop()
        began = loop.time()
        while moving := [lane for lane in self.lanes if lane.moves]:
            blockers = await self.blockers(moving)
            if loop.time() < began + self.patience:  # a foreign lock may be gone in a moment
                blockers = {
                    lane: by for lane, by in blockers.items() if OUTSIDER not in by - {*lane.waits_for}
                }
            if all(lane.moves for lane in moving) and _stand_still(moving, blockers):
                break
            if loop.time() > began + LONGEST_STEP:
                for lane in {*moving} - blockers.keys():
                    await lane.give_up()
                began = loop.time()  # whoever waited for it has as long again
            tasks = [lane.task for lane in moving if lane.task]
            await asyncio.wait(tasks, timeout=0.005, return_when=asyncio.FIRST_COMPLETED)
        for lane in moving:
            lane.wait_for(blockers[lane])
        return [lane for lane in self.waiting() if not lane.moves or lane.waits_for != before[lane]]

    async def blockers(self, lanes: Sequence[Lane]) -> dict[Lane, set[str]]:
        pids = [lane.pid for lane in lanes]
        rows = await self.driver.fetch("SELECT pg_blocking_pids(pid) FROM unnest($1::int[]) AS pid", pids)
        names = {lane.pid: lane.name for lane in self.lanes}
        found = [{names.get(pid, OUTSIDER) for pid in pids} for (pids,) in rows]
        return {lane: by for lane, by in zip(lanes, found, strict=True) if by}


def _stand_still(moving: Sequence[Lane], blockers: dict[Lane, set[str]]) -> bool:
    """Whether each waits, in the end, for one that has no step to do. A circle does not stand: it will be broken."""
    left = {lane.name: blockers.get(lane, {lane.name}) for lane in moving}
    while standing := [name for name, by in left.items() if not by & left.keys()]:
        for name in standing:
            del left[name]
    return not left


@asynccontextmanager
async def look_on(lanes: Sequence[Lane], patience: float) -> AsyncIterator[Database]:
    """The database of the lanes, seen through one more connection, which is closed at the end for its settings."""
    engine = lanes[0].engine
    kinds: dict[str, type[Database]] = {"aiosqlite": Sqlite, "asyncpg": Postgres}
    if engine.driver not in kinds:
        raise ValueError(f"interleave knows the drivers {' and '.join(kinds)}, not {engine.driver}")
    async with AsyncEngine(engine).connect() as connection:
        try:
            driver = (await connection.get_raw_connection()).driver_connection
            database = kinds[engine.driver](lanes, patience, driver)
            await database.prepare()
            with _listening(engine, database):
                yield database
        finally:
            await connection.invalidate()


@contextmanager
def _listening(engine: Engine, database: Database) -> Iterator[None]:
    """Hand each statement of a lane to `database`, and note how its transactions end. Others are left alone."""

    def take(context: Any, run: Callable[[], None]) -> bool:
        lane = _current.get()
        if lane is None or lane not in database.lanes or context.statement.startswith("ROLLBACK TO"):
            return False  # to roll back waits for nobody, and is all that a failed transaction still answers
        database.execute(lane, context.root_connection.connection, run)
        return True

    def note(mark: str) -> None:
        lane = _current.get()
        if lane is not None and lane in database.lanes:
            lane.marks.append(mark)

    listeners: dict[str, Callable[..., Any]] = {
        "do_execute": lambda cursor, text, values, context: take(
            context, lambda: cursor.execute(text, values)
        ),
        "do_executemany": lambda cursor, text, sets, context: take(
            context, lambda: cursor.executemany(text, sets)
        ),
        "commit": lambda _: note("commits"),
        "rollback": lambda _: note("rolls back"),
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


def _told(error: Exception) -> tuple[str, str]:
    """The driver's own name for what the database raised, and the first line of the message."""
    name = type(error.driver_exception if isinstance(error, DBAPIError) else error).__name__
    line = NOISE.sub("", str(error)).strip().partition("\n")[0]
    return name, line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"
