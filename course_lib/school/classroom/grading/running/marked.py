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
    """All processes with the mark `value`, and all that these have started, with or without it."""

    def __init__(self, value: str) -> None:
        self.value = value
        self._own: set[psutil.Process] = set()
        self._foreign: set[psutil.Process] = set()
        self._pids: set[int] = set()

    def except_present(self) -> Self:
        """The same without those that live now."""
        self._foreign |= self.there()
        self._own.clear()
        self._pids.clear()
        return self

    def there(self) -> set[psutil.Process]:
        """Those that live now. Each process is looked at once: what it is does not change."""
        for process in psutil.process_iter():
            if process not in self._own and process not in self._foreign:
                self._place(process)
        self._own = {process for process in self._own if lives(process)}
        self._pids = {process.pid for process in self._own}
        return set(self._own)

    def end(self) -> None:
        """Kill them all, until none is left: a new one may have been started while others were being killed."""
        deadline = time.monotonic() + PATIENCE
        while (left := self.there()) and time.monotonic() < deadline:
            kill(left)
            psutil.wait_procs(left, timeout=0.1)

    def _place(self, process: psutil.Process) -> None:
        """One that is about to become another program has no environment for a moment: it is looked at again."""
        with suppress(psutil.Error, OSError):
            environment = process.environ()
            if environment.get(MARK) == self.value or process.ppid() in self._pids:
                self._own.add(process)
                self._pids.add(process.pid)
            elif environment:
                self._foreign.add(process)


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill processes with their groups: a group dies at once, so that a fork bomb has no time to go on."""
    for process in processes:
        with suppress(OSError):
            if hasattr(os, "killpg") and (group := os.getpgid(process.pid)) != os.getpgrp():
                os.killpg(group, signal.SIGKILL)
        with suppress(psutil.Error):
            process.kill()
