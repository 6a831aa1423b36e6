"""What a part of the torture is, and what bounds it."""

import math
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

Figures = Mapping[str, int | str]
"""What was counted, by what it is: {"transfers": 4000, "cents lost": 0}."""


@dataclass(frozen=True)
class Bounds:
    """So many tries, and none begun after so many seconds: `for number in bounds`."""

    tries: int
    seconds: float = math.inf

    def __iter__(self) -> Iterator[int]:
        end = time.monotonic() + self.seconds
        for number in range(self.tries):
            if time.monotonic() >= end:
                return
            yield number


Run = Callable[[Bounds, Path, Random], Coroutine[None, None, Figures]]


@dataclass(frozen=True)
class Part:
    """`group` is what `make torture PARTS=…` chooses by; `words` say what is done to what."""

    group: str
    words: str
    run: Run
    tries: int


PARTS: list[Part] = []


def torture(group: str, words: str, *, tries: int = 1_000_000) -> Callable[[Run], Run]:
    """Make a function a part; `tries` bound it where its seconds do not."""

    def add(run: Run) -> Run:
        PARTS.append(Part(group, words, run, tries))
        return run

    return add
