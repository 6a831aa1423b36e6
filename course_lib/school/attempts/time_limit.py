"""How long a learner's code may take, and how it is stopped: a loop that never gives the event loop a turn, too."""

import asyncio
import random
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from types import CodeType, FrameType
from typing import Any

from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.attempts.whose_frame import is_theirs

PATIENCE = 8.0
"""Seconds that a learner's code may take. What hangs waits at most five of them inside SQLite, for a lock."""
AGAIN = 0.05
OFTEN = 1e-4
SELDOM = 20
"""How many times the alarm may miss code that has been cancelled, before it rings OFTEN."""
SLOW = 6
"""How many times as long code may take that is still at work, on a machine with much else to do."""


class Patience:
    """Begins to count when it is made. Code that waits has PATIENCE seconds; code that works, the like in work."""

    def __init__(self) -> None:
        self._began, self._worked = time.monotonic(), time.process_time()

    @property
    def over(self) -> bool:
        passed, worked = time.monotonic() - self._began, time.process_time() - self._worked
        still_at_work = passed / 50 < worked < PATIENCE / 2
        return passed >= (PATIENCE * SLOW if still_at_work else PATIENCE)


class Stopped(BaseException):
    """Ends what a learner's code does. No `except Exception` of theirs catches this one."""


class TookTooLong(Stopped):
    """Ends a loop."""


def hangs(function: Callable[..., Any]) -> NotYet:
    return NotYet(
        "runs for ever",
        f"`{function.__name__}` had not ended after {PATIENCE:.0f} seconds, and was stopped. "
        "Does a loop in it never end, or does it wait for something that cannot come?",
    )


@contextmanager
def alarm(patience: Patience, code: CodeType | None) -> Iterator[None]:
    """Stop a loop that never gives the event loop a turn: a signal interrupts it, as Ctrl-C would.

    Only where the learner's code runs at that moment, so that it never hits the event loop itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    missed = count(1)

    def ring(number: int, frame: FrameType | None) -> None:
        if not patience.over:
            return
        while frame is not None and not is_theirs(frame, code):
            frame = frame.f_back
        if frame is not None:
            _at_once_again()
            raise TookTooLong
        if next(missed) > SELDOM:
            _often()

    with _signal_after(PATIENCE + AGAIN, ring):
        yield


@asynccontextmanager
async def ended_in_time(patience: Patience) -> AsyncIterator[asyncio.Timeout]:
    """Cancel the block once the patience is over, at one of the turns that it gives the event loop."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        if patience.over:
            limit.reschedule(loop.time())
        else:
            timer = loop.call_later(AGAIN, look)

    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(PATIENCE, look)
        try:
            yield limit
        finally:
            timer.cancel()


@contextmanager
def _signal_after(seconds: float, ring: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call `ring` in the main thread after `seconds`, and again until the block ends."""
    timed = hasattr(signal, "setitimer")  # Windows has none
    number = signal.SIGALRM if timed else signal.SIGINT
    over = threading.Event()
    before = signal.signal(number, lambda number, frame: None if over.is_set() else ring(number, frame))
    if timed:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    else:
        threading.Thread(target=_interrupt, args=(seconds, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        if timed:
            signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(number, before)


def _at_once_again() -> None:
    """A bare `except:` catches even this one. One of the next signals meets the loop between two of its `try`."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 5e-5), 1e-3)


def _often() -> None:
    """Their code waits, and has swallowed the cancellation: it runs for some microseconds after each `await`."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, OFTEN, OFTEN)


def _interrupt(seconds: float, over: threading.Event) -> None:
    """Raise the signal from a thread. On Windows its handler wakes a main thread that sleeps or polls, too, which
    `_thread.interrupt_main` does not: it only leaves a note for later (CPython, Modules/signalmodule.c).
    """
    while not over.wait(seconds):
        signal.raise_signal(signal.SIGINT)
        seconds = AGAIN
