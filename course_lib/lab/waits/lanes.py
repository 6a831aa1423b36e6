"""A transaction that goes step by step, and what one must know of its database."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.lab.markdown_note import without_noise

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

    @property
    def is_open(self) -> bool:
        """Whether it can do a step: it has not ended, and waits for nobody."""
        return not self.state and not self.moves

    def begin(self) -> None:
        self.rests.clear()
        self.task = asyncio.create_task(self._step())
        self.task.add_done_callback(lambda _: self.rests.set())

    async def _step(self) -> tuple[str, str]:
        """What kind of end the step came to, and in which words."""
        current.set(self)
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

    def cancel(self) -> None:
        if self.task is not None and self.moves and not self.task.cancelling():
            self.state = "never ended"
            self.task.cancel()

    async def give_up(self) -> None:
        self.cancel()
        if self.task is not None:
            await asyncio.wait([self.task])
        with suppress(Exception):  # of a function that yields or raises where it is told to end
            await self.steps.aclose()
        await self.session.close()


current: ContextVar[Lane | None] = ContextVar("current", default=None)
_waits = count(1)


class Database:
    """What interleave must know of a database. `driver` is the connection that only looks on."""

    longest_step = 30.0
    """Seconds after which a step is given up that neither ends nor waits for a lock."""

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


def _told(error: Exception) -> tuple[str, str]:
    """The driver's own name for what the database raised, and the first line of the message."""
    name = type(error.driver_exception if isinstance(error, DBAPIError) else error).__name__
    line = without_noise(error).partition("\n")[0]
    return name, line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"
