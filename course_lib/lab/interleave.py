"""Run two transactions or more one step at a time, in an order you write: see who waits, who goes on and who fails.

async def withdraw(session):
    account = await session.get(Account, 1)
    yield f"reads {account.balance}"  # each yield ends a step and says what it did
    account.balance -= 80
    await session.commit()
    yield "commits"

result = await interleave(sessions, {"A": withdraw, "B": withdraw}, order="A B A B")
result                                # a table: a column for each transaction, time downwards
result.picture()                      # the same, drawn
result.states                         # {"A": "committed", "B": "committed"}

await interleave(sessions, {"A": withdraw, "B": withdraw}, order="A B", stop=True)   # no further than that

The factory `sessions` chooses the engine (aiosqlite or asyncpg) and how transactions begin:
    create_session_factory(engine)
    create_session_factory(engine.execution_options(isolation_level="SERIALIZABLE"))
    async_sessionmaker(engine, execution_options=WRITE_LOCK_FIRST)     # SQLite: BEGIN IMMEDIATE
"""

import inspect
import warnings
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine, StaticPool
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.lab.interleaving_shown import Halfway, Interleaving, Step
from course_lib.lab.waits.lanes import Database, Lane
from course_lib.lab.waits.observer import look_on

Transaction = Callable[[AsyncSession], AsyncGenerator[object, None]]


async def interleave(
    sessions: Callable[[], AsyncSession],
    transactions: Mapping[str, Transaction],
    *,
    order: str,
    patience: float = 0.5,
    stop: bool = False,
) -> Interleaving:
    """Run each transaction in a session of its own, step by step in `order`, and behind the order all to their end.

    With `stop` nothing is done behind the order, which may be empty: what is open then is rolled back. In JupyterLab
    there are buttons for the next step. They write the order and run the cell, so the cell has to make its rows anew.

    One that waits goes on waiting in its turn. What is still open at the end of a function is rolled back.
    Where the order ends, time passes: on SQLite a wait fails after `patience` seconds (in place of busy_timeout); then
    the others run on. Who waits longest asks first; SQLite by itself keeps no queue. On PostgreSQL `patience` is for
    locks of other connections, and of a circle of waits the last one fails, if the role may set deadlock_timeout.
    Where two wait there for one row and the first commits a change of it, PostgreSQL alone chooses who is next.
    Needs one connection more than there are transactions. Raises ValueError, TypeError for what cannot be run.
    """
    names = _checked(order, transactions, whole=not stop)
    shown = Halfway(" ".join(names)) if stop else Interleaving(" ".join(names))
    lanes: list[Lane] = []
    with _noticing_forgotten_awaits(shown.notes):
        try:
            lanes.extend(_lane(name, steps, sessions) for name, steps in transactions.items())
            async with look_on(lanes, patience) as database:
                stage = _Stage(lanes, database, shown)
                await stage.follow(names)
                await (stage.halt(shown) if isinstance(shown, Halfway) else stage.finish())
        finally:
            for lane in lanes:
                lane.cancel()  # all before one lets go of its locks: another that waits would go on, and may commit
            for lane in lanes:
                await lane.give_up()
    return shown


def _checked(order: str, transactions: Mapping[str, Transaction], *, whole: bool) -> list[str]:
    names = order.split()
    if not transactions:
        raise ValueError("there is no transaction to run: the mapping is empty")
    for name in names:
        if name not in transactions:
            raise ValueError(f"the order names {name!r}; the transactions are {', '.join(transactions)}")
    for name, transaction in transactions.items():
        if whole and name not in names:
            raise ValueError(f"the order {order!r} never names {name!r}")
        if wrong := _what_is_wrong(transaction):
            raise TypeError(f"{name} {wrong}")
    return names


def _what_is_wrong(transaction: object) -> str:
    if inspect.isasyncgen(transaction) or inspect.iscoroutine(transaction):
        if inspect.iscoroutine(transaction):
            transaction.close()  # or Python warns of it, later and elsewhere
        return f"is called already: write {transaction.__name__}, not {transaction.__name__}(…)"
    if inspect.iscoroutinefunction(transaction):
        return f"has no yield, so it has no steps: end each step of {transaction.__name__} with a yield"
    is_lambda = getattr(transaction, "__name__", "") == "<lambda>"  # lambda session: withdraw(session, 80)
    if is_lambda or inspect.isasyncgenfunction(transaction):
        return ""
    return f"must be an async def with a yield behind each step, not {transaction!r}"


def _lane(name: str, transaction: Transaction, sessions: Callable[[], AsyncSession]) -> Lane:
    if not callable(sessions):
        raise TypeError(f"{sessions!r} is no session factory: write create_session_factory(engine)")
    session = sessions()
    engine = session.sync_session.get_bind()
    if not isinstance(engine, Engine) or isinstance(engine.pool, StaticPool):
        raise ValueError(
            "each transaction needs its own connection, and these sessions share one (':memory:'?)"
        )
    try:
        steps = transaction(session)
    except TypeError as error:
        raise TypeError(f"{name} is called with a session alone: {error}") from None
    if wrong := "" if inspect.isasyncgen(steps) else _what_is_wrong(steps):
        raise TypeError(f"{name} {wrong}")
    return Lane(name, session, steps, engine)


@contextmanager
def _noticing_forgotten_awaits(notes: list[str]) -> Iterator[None]:
    """Python's warning becomes a note; other warnings are given on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for each in caught:
        if "never awaited" in (text := str(each.message).splitlines()[0]):
            notes.append(f"A forgotten await: {text}.")
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


class _Stage:
    """Gives the turns, and writes down what came of them."""

    def __init__(self, lanes: Sequence[Lane], database: Database, shown: Interleaving) -> None:
        self.lanes, self.database, self.shown = lanes, database, shown
        self.turn: int | None = None

    async def follow(self, names: Sequence[str]) -> None:
        lanes = {lane.name: lane for lane in self.lanes}
        for self.turn, name in enumerate(names, start=1):
            await self.give_turn(lanes[name])
        self.turn = None

    async def halt(self, shown: Halfway) -> None:
        """How all stand now. Where nobody can do a step, time passes: it may end a wait."""
        if not any(lane.is_open for lane in self.lanes):
            self.write(await self.database.let_time_pass())
        shown.open = [lane.name for lane in self.lanes if lane.is_open]
        shown.states |= {lane.name: _stands(lane) for lane in self.lanes}

    async def finish(self) -> None:
        self.write(await self.database.let_time_pass())
        await self.run_on()
        while news := await self.database.let_time_pass():
            self.write(news)
            await self.run_on()
        for lane in [lane for lane in self.lanes if lane.moves]:
            await lane.give_up()
            self.write([lane])
        self.shown.states |= {lane.name: lane.state for lane in self.lanes}

    async def run_on(self) -> None:
        while ready := [lane for lane in self.lanes if lane.is_open]:
            await self.give_turn(ready[0])

    async def give_turn(self, lane: Lane) -> None:
        if lane.moves:
            self.add(lane, "still waits", " and ".join(lane.waits_for), answer=False)
        elif not lane.state:
            lane.begin()
            self.write([lane, *await self.database.settle(lane)])
        elif lane.state in ("committed", "rolled back", "ended"):
            self.remark(lane)

    def write(self, news: Iterable[Lane]) -> None:
        for lane in dict.fromkeys(news):
            if lane.moves:
                self.add(lane, "waits", " and ".join(lane.waits_for), answer=self.waited(lane))
            elif lane.task is not None:
                self.end(lane, *(("never ends", "") if lane.task.cancelled() else lane.task.result()))
                lane.waits_for = []

    def end(self, lane: Lane, kind: str, text: str) -> None:
        """Of a step. An end behind which nothing happened is no step."""
        waited = self.waited(lane)
        if kind != "ends" or text or waited:
            self.add(lane, "goes on" if kind == "does" and waited else kind, text, answer=waited)
        elif self.turn is not None:
            self.remark(lane)

    def add(self, lane: Lane, kind: str, text: str, *, answer: bool) -> None:
        self.shown.steps.append(Step(self.turn, lane.name, kind, text, answer))

    def waited(self, lane: Lane) -> bool:
        mine = [step for step in self.shown.steps if step.transaction == lane.name]
        return bool(mine) and mine[-1].waits

    def remark(self, lane: Lane) -> None:
        self.shown.notes.append(
            f"Step {self.turn} of the order is {lane.name}'s, which had ended after {lane.done} steps."
        )


def _stands(lane: Lane) -> str:
    if lane.moves:
        return f"waits for {' and '.join(lane.waits_for)}"
    return lane.state or ("open" if lane.done else "not begun")
