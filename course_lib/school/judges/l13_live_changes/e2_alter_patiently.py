"""Exercise 13.2, Alter patiently: who waits for a lock keeps all others waiting, so not for long, and again."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, Engine, NullPool, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.util.concurrency import await_

from course_lib.lab.engine_events import listening
from course_lib.lab.sql import MARK
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.sandbox import finished
from course_lib.school.attempts.time_limit import Stopped
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.registry import POSTGRES, judge
from course_lib.school.stages.callers_work import sent_something
from course_lib.school.stages.races import errors_at_most, pauses_skipped

LONGEST = 100
"""Milliseconds that an attempt may wait."""
LOCK_TIMED_OUT, CANCELED, IN_FAILED_TRANSACTION = "55P03", "57014", "25P02"
LIMITS = """
    SELECT setting::int FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout') AND setting::int > 0
"""
WAITING = """
    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND $1 = ANY(pg_blocking_pids(pid))
"""
GLANCE = 0.01
"""Seconds between two looks at who waits."""
WHY = "Whoever comes to the table meanwhile, even to read, waits behind it"

_theirs: ContextVar[bool] = ContextVar("_theirs", default=False)


@judge("13.2", on=(POSTGRES,))
async def lets_the_others_in(attempt: Attempt) -> None:
    await attempt.call(attempt.engine, "ALTER TABLE posts ADD COLUMN first_one int")
    if not await _is_there(attempt, "first_one"):
        sent_something(attempt, "engine")
        raise _not_committed(attempt, "first_one", "Nobody was in the way.")
    await _nothing_is_left(attempt)
    await _behind_a_reader(attempt)
    await _what_never_passes(attempt)


async def _is_there(attempt: Attempt, column: str) -> bool:
    there = text("SELECT count(*) FROM information_schema.columns WHERE column_name = :name")
    return bool(await attempt.scalar(there.bindparams(name=column)))


def _not_committed(attempt: Attempt, column: str, told_before: str) -> NotYet:
    told = f"{told_before} `{attempt.name}` ended without an error, and in another session there is no `{column}`."
    return attempt.not_yet("commit missing", told)


async def _behind_a_reader(attempt: Attempt) -> None:
    """Somebody has read a row and thinks. In the moment of the last refusal he goes."""
    refusals = attempt.chance.choice((5, 6))
    async with _somebody_thinking(attempt) as (reader, watching):
        queue = _Queue(attempt, reader, watching, refusals)
        with queue.listening(), _timers_of_theirs(queue):
            got = await _either(queue.call("ALTER TABLE posts ADD COLUMN second_one int"), queue.standstill())
        with suppress(DBAPIError):
            queue.reader_is_there = await reader.scalar(text("SELECT true")) or False
    if queue.fault:
        raise queue.fault
    attempt.require(
        queue.reader_is_there,
        "ends the others",
        f"Somebody had read a post and was thinking. `{attempt.name}` ended his session, and what he had done in it is "
        "lost. A change that can wait has to.",
    )
    if isinstance(got, Exception) or not await _is_there(attempt, "second_one"):
        raise _of_an_end(attempt, got, queue)


@asynccontextmanager
async def _somebody_thinking(attempt: Attempt) -> AsyncIterator[tuple[AsyncConnection, AsyncConnection]]:
    """Has read a post, and has neither committed nor rolled back. The other one only looks on."""
    own = create_async_engine(attempt.engine.url, poolclass=NullPool)
    try:
        async with own.connect() as reader, own.connect() as watching:
            await reader.execute(text("SELECT id FROM posts LIMIT 1"))
            yield reader, await watching.execution_options(isolation_level="AUTOCOMMIT")
    finally:
        await own.dispose()


async def _either(call: Any, standstill: Any) -> object:
    """What the call comes to. The other one ends it, when it stands in the way of all and will not go."""
    tasks = [asyncio.ensure_future(call), asyncio.ensure_future(standstill)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[1].done():
            tasks[1].result()
            tasks[0].cancel()
        else:
            tasks[1].cancel()
        await asyncio.wait(tasks)
        return None if tasks[0].cancelled() else tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()


class _Enough(Stopped):
    """Ends a call whose verdict is known."""


@dataclass
class _Queue:
    """A statement that waits for its lock behind a reader, and who waits behind the statement."""

    attempt: Attempt
    reader: AsyncConnection
    watching: AsyncConnection
    refusals: int
    refused: list[BaseException] = field(default_factory=list)
    attempts: int = 0
    limits: dict[int, list[int]] = field(default_factory=dict)
    """Milliseconds that a session has for its statement, by its process."""
    timers: list[tuple[float, asyncio.TimerHandle]] = field(default_factory=list)
    paused: bool = True
    has_set: dict[int, int] = field(default_factory=dict)
    """In which attempt a session was last given a limit, by its process."""
    fault: NotYet | None = None
    reader_is_there: bool = False

    async def call(self, statement: str) -> object:
        answer = self.attempt.answer

        @wraps(answer)
        async def theirs(*arguments: object) -> object:
            _theirs.set(True)
            return await finished(answer(*arguments))

        with suppress(_Enough):
            return await self.attempt.call(
                self.attempt.engine, statement, function=theirs, expected=(Exception,)
            )
        return None

    def listening(self) -> Any:
        """On all engines: an answer may make one of its own."""
        return listening(
            Engine,  # type: ignore[arg-type]
            begin=self._begins,
            before_cursor_execute=self._is_sent,
            handle_error=self._fails,
        )

    def _begins(self, connection: Connection) -> None:
        if _theirs.get():
            self.attempts += 1
            if self.attempts > self.refusals:
                await_(self.reader.rollback())

    def _is_sent(self, connection: Connection, cursor: object, sent: str, *_: object) -> None:
        if not _theirs.get() or MARK.match(sent):
            return
        if "pg_sleep" in sent:
            self.paused = True
        if not self.paused:
            self._end(
                "never lets the others in",
                f"`{self.attempt.name}` was refused, and asked again at once: whoever comes next stands "
                "behind it again. A pause lets them in.",
            )
        driver: Any = connection.connection.driver_connection
        process = driver.get_server_pid()
        if "timeout" in sent.lower():
            alone = connection.connection.dbapi_connection.autocommit  # type: ignore[union-attr]
            self.has_set[process] = 0 if alone else self.attempts
        with suppress(Exception):  # a transaction that has failed answers nothing
            self.limits[process] = [row["setting"] for row in await_(driver.fetch(LIMITS))]

    def _fails(self, context: ExceptionContext) -> None:
        if not _theirs.get():
            return
        state = getattr(context.original_exception, "sqlstate", None)
        if state == IN_FAILED_TRANSACTION:
            self._end(
                "goes on in a failed transaction",
                f"`{self.attempt.name}` was refused, and asked again in the same transaction: {IN_FAILED_TRANSACTION}, "
                "current transaction is aborted. It answers nothing any more but its end.",
            )
        if state in (LOCK_TIMED_OUT, CANCELED):
            self.refused.append(context.original_exception)
            self.paused = False
            if len(self.refused) >= self.refusals:
                await_(self.reader.rollback())

    def _end(self, misconception: str, words: str) -> None:
        self.fault = self.attempt.not_yet(misconception, words)
        raise _Enough

    async def standstill(self) -> None:
        """Ends when the statement waits, and nothing will make it go soon."""
        process = (await self.watching.execute(text("SELECT 1"))) and await _process_of(self.reader)
        driver: Any = (await self.watching.get_raw_connection()).driver_connection
        while True:
            for row in await driver.fetch(WAITING, process):
                self.fault = self._of_a_wait(row["pid"])
                if self.fault:
                    return
            await asyncio.sleep(GLANCE)

    def _of_a_wait(self, process: int) -> NotYet | None:
        if process not in self.limits:
            return None
        running = [1000 * delay for delay, timer in self.timers if not timer.cancelled()]
        limit = min([*self.limits[process], *running], default=0)
        name = self.attempt.name
        if 0 < limit <= LONGEST:
            return None
        if limit:
            return self.attempt.not_yet(
                "waits too long",
                f"Somebody has read a post and not committed. `{name}` waits for its lock for {limit:.0f} "
                f"milliseconds. {WHY}; {LONGEST} were the most.",
            )
        if self.has_set.get(process) == self.attempts:
            return self.attempt.not_yet(
                "limit of nothing",
                f"`{name}` has set a limit, and `lock_timeout` is 0 behind it, which is for ever: a number alone is "
                f"milliseconds, and parts of one are rounded. {WHY}.",
            )
        if self.has_set:
            return self.attempt.not_yet(
                "limit in another transaction",
                f"`{name}` has set a limit, and where its statement waits, `lock_timeout` is 0: for ever. SET LOCAL "
                f"holds to the end of its own transaction. {WHY}.",
            )
        return self.attempt.not_yet(
            "waits for ever in front",
            f"Somebody has read a post and not committed. `{name}` waits until he does, without a limit. {WHY}: "
            "a moment of work stops them all.",
        )


async def _process_of(connection: AsyncConnection) -> int:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    return int(driver.get_server_pid())


@contextmanager
def _timers_of_theirs(queue: _Queue) -> Iterator[None]:
    """What the answer waits for in Python. A pause is cut short, and noted; a time limit is left as it is."""
    loop = asyncio.get_running_loop()
    call_at, sleep = loop.call_at, time.sleep

    def noted(when: float, callback: Any, *arguments: Any, context: Any = None) -> asyncio.TimerHandle:
        if not _theirs.get() or getattr(callback, "__module__", "").startswith("asyncpg"):
            return call_at(when, callback, *arguments, context=context)
        delay = when - loop.time()
        queue.paused = queue.paused or delay > 0
        is_pause = getattr(callback, "__name__", "") == "_set_result_unless_cancelled"
        timer = call_at(
            min(when, loop.time() + GLANCE) if is_pause else when, callback, *arguments, context=context
        )
        queue.timers.append((delay, timer))
        return timer

    def stops_all(seconds: float) -> None:
        if _theirs.get():
            queue._end(
                "sleeps for everybody",
                f"`{queue.attempt.name}` calls `time.sleep`: nothing else in this program runs meanwhile. "
                "`await asyncio.sleep(…)` lets the others in.",
            )
        sleep(seconds)

    loop.call_at = noted  # type: ignore[method-assign, assignment]
    try:
        with patch.object(time, "sleep", stops_all):
            yield
    finally:
        del loop.call_at


def _of_an_end(attempt: Attempt, got: object, queue: _Queue) -> NotYet:
    times, is_error = len(queue.refused), isinstance(got, Exception)
    ended = f"ended with {told(got)}" if isinstance(got, Exception) else "ended as if all were well"
    if times >= queue.refusals and not is_error:
        return _not_committed(attempt, "second_one", f"After {times} refusals the way was free.")
    if times == 1:
        name = "gives up at once" if is_error else "refusal swallowed"
        return attempt.not_yet(
            name, f"`{attempt.name}` was refused, and {ended}. A little later the way is free."
        )
    refused = f"was refused {times} times, and" if times else "found somebody in its way, and"
    return attempt.not_yet(
        "gives up too early",
        f"`{attempt.name}` {refused} {ended}. Five refusals are no reason to give up.",
    )


async def _what_never_passes(attempt: Attempt) -> None:
    asked = f"`{attempt.name}` was asked to change a table `nowhere`, which is not there, and"
    why = "Only a lock that somebody holds will be free later: any other error goes on to the caller at once."
    with (
        pauses_skipped(),
        errors_at_most(attempt.engine, 1, NotYet("other errors run again", f"{asked} tried again. {why}")),
    ):
        got = await attempt.call(
            attempt.engine, "ALTER TABLE nowhere ADD COLUMN n int", expected=(Exception,)
        )
    attempt.require(
        isinstance(got, Exception), "error swallowed", f"{asked} ended as if all were well. {why}"
    )


async def _nothing_is_left(attempt: Attempt) -> None:
    attempt.require(
        attempt.left_open() == 0, "leaked connection", f"`{attempt.name}` left a connection open."
    )
    for name in ("lock_timeout", "statement_timeout"):
        left = await attempt.scalar(text(f"SHOW {name}"))
        attempt.require(
            left == "0",
            "limit left in the pool",
            f"The next session of the pool has a `{name}` of {left}, and knows nothing of it. SET LOCAL ends with its "
            "transaction.",
        )
