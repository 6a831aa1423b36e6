"""Run a coroutine to its end where an event loop is running already, as in a notebook: a thread has one alone."""

import asyncio
import gc
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises, from a thread with an event loop of its own; this thread waits."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(asyncio.run(work))
        except BaseException as error:
            outcome.set_exception(error)

    with _nothing_collected():
        threading.Thread(target=run, daemon=True).start()
        return outcome.result()


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Garbage stays until the block has ended.

    aiosqlite ends a connection that nobody closed on the loop that it finds running. It would find the one of the
    thread, which is closed a moment later, and the connection's own thread would fail in the middle of its answer.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
