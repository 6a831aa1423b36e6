"""Runs a learner's code so that nothing it does ends the notebook, and says in plain words what it did.

async with guarded(function):
    result = await finished(function(session))     # a hang, a sys.exit, an error: they leave the block as NotYet
"""

import _thread
import asyncio
import gc
import inspect
import linecache
import random
import signal
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from traceback import clear_frames, walk_tb
from types import CodeType, FrameType
from typing import Any

from sqlalchemy.exc import DBAPIError, MissingGreenlet

from course_lib.lab.lesson import NOISE
from course_lib.lab.sql import Statements

PATIENCE = 8.0
"""Seconds that a learner's code may take. What hangs waits at most five of them inside SQLite, for a lock."""
AGAIN = 0.05
NEVER_AWAITED = "' was never awaited"
LOST_COROUTINE = "'coroutine' object"
NOT_LOADED = "to look at it asks the database, and there is no `await` to wait with. It is expired or was never loaded."


class NotAttempted(Exception):
    """The answer is still the stub."""


class NotYet(Exception):
    """The answer is not right yet: the name of the misconception, and what was called, what happened, what was asked.

    `sent` are the statements to be shown as evidence.
    """

    def __init__(self, misconception: str, told: str, *, sent: Statements | None = None) -> None:
        self.misconception, self.told, self.sent = misconception, told, sent
        super().__init__(f"{misconception}: {told}")


class TookTooLong(BaseException):
    """Ends a loop. No `except Exception` of a learner catches this one."""


@asynccontextmanager
async def guarded(
    function: Callable[..., Any], *, expected: tuple[type[Exception], ...] = ()
) -> AsyncIterator[None]:
    """Turn what the block raises into NotYet or NotAttempted, except the `expected` errors, which pass through.

    The block calls `function`, which a learner wrote, directly or through other code. It ends within PATIENCE seconds.
    """
    code = _code(function)
    with _awaits_noticed():
        try:
            with _alarm(PATIENCE + AGAIN, code), _exits_softly(function):
                async with asyncio.timeout(PATIENCE) as time:
                    yield
        except (NotYet, NotAttempted, *expected):  # type: ignore[misc]  # mypy cannot read the star
            raise
        except SystemExit:
            raise NotYet(
                "leaves the program", f"`{function.__name__}` ends the whole program. Let it return."
            ) from None
        except TookTooLong:
            raise hangs(function) from None
        except Exception as error:
            if time.expired():  # a driver may turn the cancellation into an error of its own
                raise hangs(function) from None
            explanation = _explained(error, code)
            if explanation is None:
                raise
            _let_go(error)
            raise explanation from None


def check_call(function: object, arguments: tuple[object, ...]) -> None:
    """Raise NotYet unless `function` can be called with these arguments."""
    if inspect.iscoroutine(function):
        function.close()  # or Python warns of it later
    if not callable(function):
        raise NotYet(
            "not a function",
            f"The check was given {_kind(function)}. Give it your function itself, by its name and without "
            "parentheses.",
        )
    name = getattr(function, "__name__", "it")
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        wanted = len(arguments)
        raise NotYet(
            "wrong signature",
            f"`{name}{inspect.signature(function)}` was called with {wanted} "
            f"argument{'s' * (wanted != 1)}: {error}. Keep the first line as it was given.",
        ) from None


async def finished(result: Any) -> Any:
    """What an async function returns in the end; what still has to be awaited or raised is the learner's mistake."""
    if inspect.isawaitable(result):
        result = await result
    inner = result if isinstance(result, list | tuple) else [result]
    waiting = [each for each in inner if inspect.iscoroutine(each)]
    for each in waiting:
        each.close()
    if waiting:
        raise NotYet(
            "a coroutine returned",
            f"Your function returns the coroutine of `{waiting[0].__name__}`: an `await` is missing.",
        )
    if isinstance(result, BaseException):
        raise NotYet(
            "error returned",
            f"Your function returns the error {result!r:.80}. An error is told with `raise`.",
        )
    return result


def hangs(function: Callable[..., Any]) -> NotYet:
    return NotYet(
        "runs for ever",
        f"`{function.__name__}` had not ended after {PATIENCE:.0f} seconds, and was stopped. "
        "Does a loop in it never end, or does it wait for something that cannot come?",
    )


def _explained(error: Exception, code: CodeType | None) -> NotYet | NotAttempted | None:
    """The learner's own line, and what it raised. None for an error of the kit itself, which came from elsewhere."""
    lines = [(frame, line) for frame, line in walk_tb(error.__traceback__) if _is_theirs(frame, code)]
    if not lines:
        return None
    frame, number = lines[-1]
    if isinstance(error, NotImplementedError) and _last_frame(error) is frame:
        return NotAttempted()
    line = f"Line {number}, `{linecache.getline(frame.f_code.co_filename, number).strip()}`,"
    if LOST_COROUTINE in str(error):
        return NotYet(
            "missing await", f"{line} uses a call that nobody awaited: {error}. Put `await` before it."
        )
    return NotYet("error in the code", f"{line} raises {told(error)}")


def told(error: BaseException) -> str:
    """The name of the error, the driver's own where there is one, and its message without the noise."""
    if isinstance(getattr(error, "orig", error), MissingGreenlet):
        return f"MissingGreenlet: {NOT_LOADED}"
    name = type(error.driver_exception if isinstance(error, DBAPIError) else error).__name__
    message = NOISE.sub("", str(error)).strip()
    return f"{name}: {message}" if message else name


def _let_go(error: Exception) -> None:
    """What was never awaited is freed now, where its warning is heard, and not in a later cell."""
    clear_frames(error.__traceback__)
    if isinstance(error, AttributeError):
        error.obj = None
    if LOST_COROUTINE in str(error):
        gc.collect()


def _kind(thing: object) -> str:
    if inspect.iscoroutine(thing):
        return f"the coroutine of `{thing.__name__}`, which is what a call of an async function gives"
    return f"{thing!r}, which is no function"


def _code(function: Callable[..., Any]) -> CodeType | None:
    return getattr(inspect.unwrap(function), "__code__", None)


def _is_theirs(frame: FrameType | None, code: CodeType | None) -> bool:
    """Whether a frame runs a function out of the learner's cell. The cell itself may be the one that checks it."""
    if frame is None or code is None or frame.f_code.co_filename != code.co_filename:
        return False
    return not frame.f_code.co_name.startswith(("<module", "<cell line"))


def _last_frame(error: BaseException) -> FrameType | None:
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return frames[-1] if frames else None


@contextmanager
def _alarm(seconds: float, code: CodeType | None) -> Iterator[None]:
    """Stop a loop that never gives the event loop a turn: a signal interrupts it, as Ctrl-C would.

    Only where the learner's code runs at that moment, so that it never hits the event loop itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        while frame is not None and not _is_theirs(frame, code):
            frame = frame.f_back
        if frame is not None:
            _at_once_again()
            raise TookTooLong

    with _signal_after(seconds, ring):
        yield


@contextmanager
def _signal_after(seconds: float, ring: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call `ring` in the main thread after `seconds`, and again until the block ends."""
    timed = hasattr(signal, "setitimer")  # Windows has none, and interrupts no time.sleep either
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


def _interrupt(seconds: float, over: threading.Event) -> None:
    while not over.wait(seconds):
        _thread.interrupt_main()
        seconds = AGAIN


@contextmanager
def _exits_softly(function: Callable[..., Any]) -> Iterator[None]:
    """In a notebook, exit() and quit() end the kernel; here they raise SystemExit, as in a script."""
    names = getattr(function, "__globals__", {})
    before = {name: names[name] for name in ("exit", "quit") if name in names}
    names.update(dict.fromkeys(before, sys.exit))
    try:
        yield
    finally:
        names.update(before)


@contextmanager
def _awaits_noticed() -> Iterator[None]:
    """A forgotten await is no error to Python, only a warning, and that comes too late to be understood."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield  # an error goes on from here: it says more
    for each in caught:
        text = str(each.message).partition("\n")[0]
        if NEVER_AWAITED in text:
            name = text.removeprefix("coroutine '").partition("'")[0]
            raise NotYet("missing await", f"`{name}` was called without `await`, so it never ran.")
