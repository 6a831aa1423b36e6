"""Faults and rivals on order, on any engine: somebody is quicker, or the power goes, at a certain statement.

with in_front_of_the_first(engine, "UPDATE accounts", somebody_pays_in):
    ...                       # whoever is about to send that statement finds the payment made
with power_cut(engine, "UPDATE accounts", times=4):
    ...                       # the fourth of them, and whatever comes behind it, raises ConnectionError
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import await_

from course_lib.lab.engine_events import listening


@contextmanager
def in_front_of_the_first(
    engine: AsyncEngine, text: str, work: Callable[[], Awaitable[None]]
) -> Iterator[None]:
    """`work` is done in the moment in which somebody is about to send the first statement that begins like this."""
    met: list[str] = []

    def meet(connection: object, cursor: object, sent: str, *_: object) -> None:
        if sent.startswith(text) and not met:
            met.append(sent)
            await_(work())

    with listening(engine, before_cursor_execute=meet):
        yield


def power_cut(engine: AsyncEngine, text: str, *, times: int = 1) -> AbstractContextManager[None]:
    """The power goes when a statement that begins like this comes for the n-th time; what comes later is cut, too.

    A `text` of "COMMIT" means the end of a transaction, which is no statement. What is cut raises ConnectionError.
    """
    left = times

    def cut(sent: str) -> None:
        nonlocal left
        left -= sent.startswith(text)
        if left <= 0:
            raise ConnectionError("the power is gone")

    def statement(connection: object, cursor: object, sent: str, *_: Any) -> None:
        cut(sent)

    return listening(engine, before_cursor_execute=statement, commit=lambda connection: cut("COMMIT"))


def at_each_error(
    engine: AsyncEngine, listener: Callable[[ExceptionContext], None]
) -> AbstractContextManager[None]:
    """The listener hears of each error of the database; what it raises takes the error's place."""
    return listening(engine, handle_error=listener)
