"""The clock: every way of a case once in each round, in an order drawn anew, in one process."""

import asyncio
import gc
import inspect
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import quantiles

from benchmarks.cases import Way, Ways

SAMPLE = 0.02
"""A sample has as many calls as fit into so many seconds."""
MOST_CALLS = 200
LEAST_ROUNDS, LONGEST = 3, 6
"""A case that has taken so many seconds has no further round, if it had so many."""
TRUSTED = ("course_lib",)
"""What has to work; a peer that raises is told as not measured."""


@dataclass(frozen=True)
class Spread:
    """The median of all rounds, and the quartiles below and above it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        low, median, high = quantiles(values, n=4, method="inclusive") if values[1:] else [values[0]] * 3
        return cls(median, low, high)


@dataclass
class Times:
    """Seconds for one operation, a value for each round."""

    calls: int
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def ratios(self, base: "Times", what: str) -> Spread | None:
        """Round by round, so that what slowed a whole round down is in both; None where a clock saw nothing."""
        pairs = list(zip(getattr(self, what), getattr(base, what), strict=True))
        return (
            Spread.of([ours / theirs for ours, theirs in pairs]) if all(each for _, each in pairs) else None
        )


async def measure(ways: Ways, rounds: int, chance: Random) -> dict[str, Times]:
    """The times of each way; the ways that fail on their first call move to `ways.missing`."""
    times = {}
    gc.collect()
    gc.freeze()  # what stands now is not looked through again before each sample
    for name, way in ways.ways.items():
        try:
            times[name] = Times(await _warm_up(way))
        except Exception as error:
            if name in (*TRUSTED, ways.base):
                raise
            ways.missing[name] = f"fails here: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
    began = time.monotonic()
    for number in range(min(rounds, ways.rounds or rounds)):
        if number >= LEAST_ROUNDS and time.monotonic() - began > LONGEST:
            break
        for name in chance.sample(sorted(times), len(times)):
            wall, cpu = await _sample(ways.ways[name], times[name].calls)
            times[name].wall.append(wall / ways.operations)
            times[name].cpu.append(cpu / ways.operations)
    gc.unfreeze()
    return times


async def _warm_up(way: Way) -> int:
    """How many calls make a sample, after caches, pools and prepared statements are filled."""
    first, _ = await _sample(way, 1)
    if first > 1:
        return 1  # one call of seconds is warm by itself
    calls = 3 if first < SAMPLE else 1
    while True:
        wall, _ = await _sample(way, calls)
        wanted = min(MOST_CALLS, max(1, round(SAMPLE / max(wall, 1e-9))))
        if calls >= wanted / 2:
            return wanted
        calls = wanted


async def _sample(way: Way, calls: int) -> tuple[float, float]:
    """Wall and CPU seconds of a call, over so many calls."""
    is_async = inspect.iscoroutinefunction(way.run)
    async with way.arguments(calls) as arguments:
        gc.collect()
        wall, cpu = time.perf_counter(), _cpu()
        if is_async:
            for each in arguments:
                await way.run(*each)  # type: ignore[misc]
        else:
            for each in arguments:
                way.run(*each)
        wall, cpu = time.perf_counter() - wall, _cpu() - cpu
    await asyncio.sleep(0)
    return wall / calls, cpu / calls


def _cpu() -> float:
    """Seconds of all threads of this process, and of its children that have ended."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system
