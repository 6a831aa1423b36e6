"""A clock that stands still for a learner's code: what is made of the time is the same then, twice."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Any, Self
from unittest.mock import patch


@contextmanager
def clock_stopped(answer: Callable[..., Any]) -> Iterator[None]:
    """In the block `time.time` stands still for everybody, and `datetime.now` where the cell knows `datetime`."""
    now = time.time()

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(now, tz)

        @classmethod
        def utcnow(cls) -> Self:
            return cls.now(UTC).replace(tzinfo=None)

    Stopped.__name__ = "datetime"  # what an error of the learner's code should say
    names = getattr(answer, "__globals__", {})
    before = {name: each for name, each in names.items() if each is datetime}
    names.update(dict.fromkeys(before, Stopped))
    try:
        with (
            patch.object(time, "time", lambda: now),
            patch.object(time, "time_ns", lambda: int(now * 10**9)),
        ):
            yield
    finally:
        names.update(before)
