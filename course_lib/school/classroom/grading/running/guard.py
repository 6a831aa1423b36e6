"""Watches what a learner's notebook starts, and ends it all where it goes beyond its bounds."""

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from course_lib.school.classroom.grading.running.marked import Marked

INTERVAL = 0.2
"""Seconds between two looks."""
BLOCK = 4096
"""Bytes that a file takes at least, so that a million empty ones count as well."""
ROOM = 20_000_000
"""Bytes that have to stay free: on a full disk a right answer looks like a wrong one."""
NO_ROOM = "the disk for temporary files is full"
UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))


@dataclass(frozen=True)
class Bounds:
    """How much one notebook may take: bytes of memory and files, and a number of processes."""

    memory: int
    processes: int
    files: int


class Guard:
    """While the block lasts, everything `marked` is watched; at its end, all of it is ended.

    `why` says what was gone beyond, or that the notebook was stopped for another reason; '' where all is well.
    """

    def __init__(self, marked: Marked, folder: Path, bounds: Bounds) -> None:
        self.why = ""
        self._marked, self._folder, self._bounds = marked, folder, bounds
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._before = psutil.Process().memory_info().rss
        self._watching.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watching.join()
        self._marked.end()

    def stop(self, why: str) -> None:
        """End the notebook from outside. The next look does it, and each later one ends what has come since."""
        self.why = self.why or why

    def _watch(self) -> None:
        while not self._over.wait(INTERVAL):
            try:
                self.why = self.why or self._beyond(self._marked.there())
            except Exception as error:  # whom nobody can watch may not go on
                self.why = f"it could not be watched ({type(error).__name__}: {error})"
            if self.why:
                self._marked.end()

    def _beyond(self, there: set[psutil.Process]) -> str:
        if len(there) > self._bounds.processes:
            return f"it started {len(there)} processes; {self._bounds.processes} are allowed"
        if memory_of(there, self._bounds.memory) > self._bounds.memory:
            return f"it took more than {amount(self._bounds.memory)} of memory"
        if size_of(self._folder, self._bounds.files) > self._bounds.files:
            return f"it wrote more than {amount(self._bounds.files)} of files"
        if psutil.Process().memory_info().rss - self._before > self._bounds.memory / 2:
            return "it shows more than the grader can hold"
        return "" if has_room(self._folder) else NO_ROOM


def has_room(folder: Path) -> bool:
    return bool(psutil.disk_usage(str(folder)).free >= ROOM)


def memory_of(processes: Iterable[psutil.Process], enough: int) -> int:
    """Bytes of memory. What processes share counts once, which is slow to find out, and done only beyond `enough`."""
    quick = sum(_memory(process, exact=False) for process in processes)
    return quick if quick <= enough else sum(_memory(process, exact=True) for process in processes)


def _memory(process: psutil.Process, *, exact: bool) -> int:
    with suppress(psutil.Error, OSError):
        if not exact:
            return int(process.memory_info().rss)
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.uss))
    return 0


def size_of(folder: Path, enough: int) -> int:
    """Bytes of all files below a folder; it stops counting beyond `enough`."""
    total, folders = 0, [str(folder)]
    while folders and total <= enough:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += max(entry.stat(follow_symlinks=False).st_size, BLOCK)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
    return total


def amount(size: int) -> str:
    """A size as people say it."""
    return next(f"{size / each:g} {unit}" for each, unit in UNITS if size >= each)
