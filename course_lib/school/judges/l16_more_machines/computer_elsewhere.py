"""The computer's own clock stands in another time zone: whoever leaves a midnight to it is wrong on every computer."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

ZONE = "HERE+07:30"
"""As POSIX writes it: seven hours and a half behind UTC."""


@contextmanager
def computer_elsewhere() -> Iterator[None]:
    """Where the system can say so: Windows cannot."""
    before = os.environ.get("TZ")
    _set(ZONE)
    try:
        yield
    finally:
        _set(before)


def _set(zone: str | None) -> None:
    if not hasattr(time, "tzset"):
        return
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    time.tzset()
