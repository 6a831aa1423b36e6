"""Moves and deletes files that another program may have open: Windows refuses both for as long as it has."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
REFUSED_WHILE_OPEN = os.name == "nt"
PATIENCE = 5.0
"""Seconds. A virus scanner lets go of a new file after one or two; an editor does not, and its user has to close it."""


def patiently(act: Callable[[], T]) -> T:
    """What `act` returns; where the system guards open files, it is tried again until they are closed.

    Raises the last PermissionError once the patience is over, and at once where an open file is no reason for one.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except PermissionError:
            if not REFUSED_WHILE_OPEN or time.monotonic() > deadline:
                raise
        time.sleep(0.05)
