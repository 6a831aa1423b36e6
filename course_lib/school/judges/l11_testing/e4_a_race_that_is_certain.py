"""Exercise 11.4, A race that is certain: both have read before either writes, also where one of them comes late."""

import asyncio
import inspect
from asyncio import sleep as really_sleep
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from unittest.mock import patch

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.lab.sql import Statements
from course_lib.models import Account
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.time_limit import Stopped
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.bank_accounts import account_of

RUNS = 10
HELD, CENTS = 100_000, 300
A_MOMENT = 0.002
LATE = 10
"""Moments that a late task lets pass, once the other one waits for it."""
VERY_LATE = 120
STUCK = 500
"""Moments in which nobody does anything: whoever waits then waits for ever."""


@judge("11.4", on=BOTH)
async def a_race_that_is_certain(attempt: Attempt) -> None:
    account = await account_of(attempt, attempt.chance.choice(("mira", "tomas", "yuki")))
    together = [await _run(attempt, account) for _ in range(RUNS)]
    moments = [LATE] * (RUNS // 2 - 1) + [VERY_LATE]
    late = [await _run(attempt, account, who=who, late=each) for who in (1, 2) for each in moments]
    seen, seen_late = (sum(race.lost for race in races) for races in (together, late))
    name = attempt.name
    if seen + seen_late == 2 * RUNS:
        patient = [await _run(attempt, account, who=who, late=VERY_LATE, hurried=True) for who in (1, 2)]
        attempt.require(
            all(race.lost for race in patient),
            "sleeps",
            f"The lost update was not seen where one of the two began later than `{name}` waits: its meeting is given "
            "up after a time, and the first one goes on alone. A machine may be slower than any time that you choose. "
            "Wait for the other one, and not for the clock.",
        )
        return
    result = (
        f"The lost update was seen in {seen} of {RUNS} runs, and in {seen_late} of {RUNS} in which one of "
    )
    result += "the two began late."
    attempt.require(
        not any(race.slept for race in (*together, *late)),
        "sleeps",
        f"{result} `{name}` waits for a time, and here a sleep takes none: a machine may be slower than any time that "
        "you choose. Wait for the other one, and not for the clock.",
    )
    attempt.require(
        seen or seen_late,
        "never meets",
        f"{result} One of the two has read and written before the other one reads. So a test of this code would "
        "always be green.",
    )
    raise attempt.not_yet(
        "by luck",
        f"{result} Not each of the two waits until the other one has read, so it depends on who is fast.",
    )


class _Race:
    """Withdraws twice from one account, each time with a stale balance if both have read before."""

    def __init__(self, account: int, *, who: int, late: int, hurried: bool) -> None:
        self.account, self.who, self.late, self.hurried = account, who, late, hurried
        self.started = self.have_read = self.waiting = self.done = self.over = 0
        self.stuck = self.slept = self.lost = self.guarded = False
        self.no_meeting = ""

    async def work(self, sessions: Callable[[], AsyncSession], meet: Callable[[], Awaitable[object]]) -> None:
        """Withdraws some cents: reads the balance, awaits `meet()`, and writes what it has computed."""
        self.started += 1
        try:
            if self.started == self.who:
                await self._comes_late()
            await self._withdraws(sessions, meet)
        finally:
            self.over += 1

    async def _withdraws(
        self, sessions: Callable[[], AsyncSession], meet: Callable[[], Awaitable[object]]
    ) -> None:
        of_account = select(Account.balance).where(Account.id == self.account)
        async with sessions() as session:
            balance = (await session.scalars(of_account)).one()
        self.have_read += 1
        await self._side_by_side()
        meeting = self._meeting(meet)
        if meeting is None or not await self._met(meeting):
            return
        async with sessions() as session:
            less = update(Account).where(Account.id == self.account).values(balance=balance - CENTS)
            await session.execute(less)
            await session.commit()
        self.done += 1

    async def _comes_late(self) -> None:
        passed = 0
        while passed < self.late and not self.over:
            await really_sleep(A_MOMENT)
            passed = passed + 1 if self.waiting or self.started == 1 else 0

    async def _side_by_side(self) -> None:
        """Two that began in one moment read in one moment, on every machine."""
        while not self.late and self.started > self.have_read + self.over - self.done:  # noqa: ASYNC110
            await really_sleep(A_MOMENT)

    def _meeting(self, meet: object) -> Awaitable[object] | None:
        """What `meet()` gives, if that can be awaited."""
        if inspect.iscoroutine(meet):
            meet.close()  # or Python warns of it later
        meeting = meet() if callable(meet) else meet
        if callable(meet) and inspect.isawaitable(meeting):
            return meeting
        self.no_meeting = "nothing to await" if callable(meet) else "no function"
        return None

    async def _met(self, meeting: Awaitable[object]) -> bool:
        """Whether the meeting came to its end. It is given up when nobody can bring it about any more."""
        met, moments = self._begun(meeting), 0
        self.waiting += 1
        try:
            while moments < STUCK and not self.stuck:
                await asyncio.wait([met], timeout=A_MOMENT)
                if met.done():
                    return await self._ended(met)
                at_work = self.started - self.waiting - self.over
                moments = 0 if at_work else moments + 1
            self.stuck = True
            return False
        finally:
            met.cancel()
            self.waiting -= 1

    def _begun(self, meeting: Awaitable[object]) -> asyncio.Future[object]:
        before = _own_meeting.set(self)
        try:
            return asyncio.ensure_future(meeting)
        finally:
            _own_meeting.reset(before)

    async def _ended(self, met: asyncio.Future[object]) -> bool:
        """Whether the meeting let its caller go on. A limit that ends in an error writes nothing: nobody is misled."""
        error = None if met.cancelled() else met.exception()
        if self.hurried and error and not isinstance(error, Stopped):  # that of pytest is no Exception
            self.guarded = True
            return False
        await met
        return True


async def _run(
    attempt: Attempt, account: int, *, who: int = 0, late: int = 0, hurried: bool = False
) -> _Race:
    """Where `late` is 0 nobody is; else it is the one that was started as number `who`. Where it is hurried, each
    time limit of a meeting ends at once.
    """
    race = _Race(account, who=who, late=late, hurried=hurried)
    await attempt.change(update(Account).where(Account.id == account).values(balance=HELD))
    with _sleeps_noticed(race), _limits_end_at_once(race):
        await attempt.call(attempt.sessions, race.work)
    attempt.sent = Statements()  # those of two tasks come in any order
    await really_sleep(0)  # for tasks that nobody has waited for
    if race.guarded:
        race.lost = True
        return race
    attempt.require(
        not race.no_meeting,
        "not a meeting",
        f"The `meet` that `work` got gives {race.no_meeting}. It takes an async function, by its name and without "
        "parentheses, and says `await meet()` between reading and writing.",
    )
    attempt.require(
        not race.stuck,
        "waits for nobody",
        f"`{attempt.name}` started `work`, which had read and awaited `meet()`. That did not end any more, and nobody "
        "was at work who could have ended it. Whom does it wait for, and how often does that one come?",
    )
    attempt.require(
        race.started == 2,
        "not two",
        f"`{attempt.name}` started `work` {race.started} times. Two of them make a race.",
    )
    attempt.require(
        race.done == 2,
        "not awaited",
        f"`{attempt.name}` ended, and {2 - race.done} of the two were still at work. A test looks at the rows behind "
        "it: wait for both.",
    )
    left = await attempt.scalar(select(Account.balance).where(Account.id == account))
    race.lost = left == HELD - CENTS
    return race


_own_race: ContextVar[_Race | None] = ContextVar("_own_race", default=None)
_own_meeting: ContextVar[_Race | None] = ContextVar("_own_meeting", default=None)


@contextmanager
def _sleeps_noticed(race: _Race) -> Iterator[None]:
    """A sleep of the learner's takes no time. Tasks that did not begin in this block, such as a notebook's own, do
    sleep."""

    async def next_turn(delay: float, result: Any = None) -> Any:
        if _own_race.get() is race:
            race.slept = race.slept or delay > 0
            return await really_sleep(0, result)
        return await really_sleep(delay, result)

    before = _own_race.set(race)
    try:
        with patch.object(asyncio, "sleep", next_turn):
            yield
    finally:
        _own_race.reset(before)


@contextmanager
def _limits_end_at_once(race: _Race) -> Iterator[None]:
    """However long a meeting waits for the other one, that one is later. The other timers of the loop go on."""
    loop = asyncio.get_running_loop()
    if not (race.hurried and isinstance(loop, asyncio.BaseEventLoop)):
        yield
        return
    really_call_at = loop.call_at

    def call_at(when: float, *arguments: Any, **options: Any) -> asyncio.TimerHandle:
        if _own_meeting.get() is race:
            when = loop.time()
        return really_call_at(when, *arguments, **options)

    with patch.object(loop, "call_at", call_at):
        yield
