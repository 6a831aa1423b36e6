"""The processes that carry a mark in their environment: whatever a notebook started, however far it has gone.

A child has its parent's environment, also one with a session of its own whose parent has ended.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

import psutil

from course_lib.lab.processes import lives

MARK = "COURSE_GRADING"
PATIENCE = 30.0
"""Seconds for processes that were killed to be gone."""


class Marked:
    """All processes with the mark `value`, and all their descendants."""

    def __init__(self, value: str) -> None:
        self.value = value
        self._foreign: set[psutil.Process] = set()

    def except_present(self) -> Self:
        """The same without those that live now."""
        self._foreign |= self.there()
        return self

    def there(self) -> set[psutil.Process]:
        """Those that live now."""
        own = {process for process in psutil.process_iter() if self._is_ours(process)}
        for process in list(own):
            with suppress(psutil.Error):
                own.update(child for child in process.children(recursive=True) if lives(child))
        return own - self._foreign

    def end(self) -> None:
        """Kill them all, until none is left: a new one may have been started while others were being killed."""
        deadline = time.monotonic() + PATIENCE
        while (left := self.there()) and time.monotonic() < deadline:
            kill(left)
            psutil.wait_procs(left, timeout=0.1)

    def _is_ours(self, process: psutil.Process) -> bool:
        """The answer for a stranger is kept: an environment changes only where a process becomes another program."""
        if process in self._foreign:
            return False
        environment: dict[str, str] = {}
        with suppress(psutil.Error, OSError):
            environment = process.environ()
        if environment.get(MARK) == self.value:
            return lives(process)
        if environment:
            self._foreign.add(process)
        return False


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill processes with their groups: a group dies at once, so that a fork bomb has no time to go on."""
    for process in processes:
        with suppress(OSError):
            if hasattr(os, "killpg") and (group := os.getpgid(process.pid)) != os.getpgrp():
                os.killpg(group, signal.SIGKILL)
        with suppress(psutil.Error):
            process.kill()
