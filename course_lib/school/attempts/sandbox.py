"""Runs a learner's code so that nothing it does ends the notebook, and says in plain words what it did.

async with guarded(function):
    result = await finished(function(session))     # a hang, a sys.exit, an error: they leave the block as NotYet
"""

import asyncio
import gc
import inspect
import os
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from traceback import clear_frames
from typing import Any

from course_lib.school.attempts.explaining import LOST_COROUTINE, explained
from course_lib.school.attempts.time_limit import Patience, Stopped, TookTooLong, alarm, ended_in_time, hangs
from course_lib.school.attempts.verdicts import NotAttempted, NotYet
from course_lib.school.attempts.whose_frame import code_of

NEVER_AWAITED = "' was never awaited"


@asynccontextmanager
async def guarded(
    function: Callable[..., Any], *, expected: tuple[type[Exception], ...] = ()
) -> AsyncIterator[None]:
    """Turn what the block raises into NotYet or NotAttempted, except the `expected` errors, which pass through.

    The block calls `function`, which a learner wrote, directly or through other code. It ends when Patience is over.
    """
    code, patience = code_of(function), Patience()
    with _awaits_noticed():
        try:
            with alarm(patience, code), _exits_softly(function), _back_in_this_folder():
                async with ended_in_time(patience) as time:
                    yield
        except (NotYet, NotAttempted):
            raise
        except expected:
            if time.expired():  # a driver may turn the cancellation into an error of its own
                raise hangs(function) from None
            raise
        except SystemExit:
            raise NotYet(
                "leaves the program", f"`{function.__name__}` ends the whole program. Let it return."
            ) from None
        except TookTooLong:
            raise hangs(function) from None
        except (Stopped, asyncio.CancelledError, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # pytest's are no Exception: pytest.raises, pytest.fail
            if time.expired():
                raise hangs(function) from None
            explanation = explained(error, code)
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
    tasks = [each for each in inner if asyncio.isfuture(each) and not each.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if tasks:
        raise NotYet(
            "missing await", "Your function returns a task that is still at work: an `await` is missing."
        )
    if isinstance(result, BaseException):
        raise NotYet(
            "error returned",
            f"Your function returns the error {result!r:.80}. An error is told with `raise`.",
        )
    return result


def _kind(thing: object) -> str:
    if inspect.iscoroutine(thing):
        return f"the coroutine of `{thing.__name__}`, which is what a call of an async function gives"
    return f"{thing!r}, which is no function"


def _let_go(error: BaseException) -> None:
    """What was never awaited is freed now, where its warning is heard, and not in a later cell."""
    clear_frames(error.__traceback__)
    if isinstance(error, AttributeError):
        error.obj = None
    if LOST_COROUTINE in str(error):
        gc.collect()


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
def _back_in_this_folder() -> Iterator[None]:
    """The learner's copy is found from the current folder, and the progress in it."""
    before = Path.cwd()
    try:
        yield
    finally:
        os.chdir(before)


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
