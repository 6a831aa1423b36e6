"""All cases one after the other, and what each says."""

import cProfile
import pstats
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from inspect import isawaitable
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from sqlalchemy import text

from benchmarks.aims import AIMS
from benchmarks.cases import Case, NotMeasured, Place, Way
from benchmarks.counting import count
from benchmarks.measuring import measure
from benchmarks.places import Places
from benchmarks.results import Result, judged, lines, told, versions

PROFILED_CALLS = 50
PROFILED_FUNCTIONS = 10
WAITS = ("poll", "send", "select", "_run_once", "switch", "put_nowait", "_read_ready__data_received", "_run")
WAITING = (
    "<method 'poll'",
    "<method 'send'",
    "<method 'recv'",
    "<method 'acquire'",
    "<method 'switch'",
    "<method 'run'",
    "<method 'put_nowait'",
)
"""In these the event loop waits, or somebody else's work is done: what they take says nothing about a way."""


async def run(
    cases: Sequence[Case], rounds: int, say: Callable[[str], None], *, minutes: float = 60, seed: int = 2026
) -> Result:
    """The result of the cases; `say` gets it line by line. After so many minutes no further case is begun."""
    began, chance = time.monotonic(), Random(seed)
    result = Result(datetime.now(UTC).isoformat(timespec="seconds"), rounds, versions=versions())
    async with Places() as places:
        for case in cases:
            try:
                if time.monotonic() - began > minutes * 60:
                    raise NotMeasured(f"the {minutes:g} minutes were over: `make bench MINUTES=…`")
                async with places.place(case.database, case.rows) as place:
                    await _one(case, place, rounds, chance, result)
            except NotMeasured as reason:
                result.not_measured.append(_missing(case, None, str(reason)))
            except Exception as error:  # half an hour of figures is not lost with it
                failed = f"fails here: {''.join(traceback.format_exception(error))}"
                say(failed)
                result.not_measured.append(_missing(case, None, failed))
            else:
                for line in lines(result.cases[-1]):
                    say(line)
    judged_here = {_name(aim) for aim in result.aims}
    result.aims += [judged(aim, None, {}) for aim in AIMS if _name(judged(aim, None, {})) not in judged_here]
    result.seconds = round(time.monotonic() - began, 1)
    return result


async def _one(case: Case, place: Place, rounds: int, chance: Random, result: Result) -> None:
    if place.database == "postgres" and "postgresql" not in result.versions:
        async with place.engine.connect() as connection:
            result.versions["postgresql"] = str(await connection.scalar(text("SHOW server_version")))
    steps = case.ways(place)
    ways = await anext(steps)
    times = await measure(ways, rounds, chance)
    counts = {name: await count(place, ways.ways[name], ways.operations) for name in times}
    entry = told(case, ways, times, counts)
    for aim in AIMS:
        here = case.group, case.operation, case.database, case.rows
        if (aim.group, aim.operation, aim.database, aim.rows or case.rows) == here:
            result.aims.append(judged(aim, entry, times))
            if result.aims[-1]["met"] is False and aim.what == "cpu" and case.database != "none":
                base = aim.base or ways.base
                seconds = ways.operations * median([*times[aim.way].wall, *times[base].wall])
                ours, theirs = ((ways.ways[name], times[name].calls) for name in (aim.way, base))
                compared = await _compared(ours, theirs, seconds)
                entry.setdefault("profile", {})[aim.way] = compared
    await anext(steps, None)  # the case clears up, and compares what has to agree
    entry["facts"] = ways.facts
    result.cases.append(entry)
    result.not_measured += [_missing(case, name, why) for name, why in ways.missing.items()]


async def _compared(way: tuple[Way, int], base: tuple[Way, int], seconds: float) -> list[dict[str, Any]]:
    """What the way does more than its base: the functions that it calls more often, and that take most of its time.

    Milliseconds in the function itself, for one call of the way, in the event loop's thread. They are on the clock, so
    functions that wait are left out. A way comes with the calls of one sample. A call takes so many
    `seconds`; a profile takes about one."""
    number = max(1, min(PROFILED_CALLS, round(1 / seconds)))
    ours, theirs = await _profile(*way, number), await _profile(*base, number)
    found: list[dict[str, Any]] = [
        {
            "function": name,
            "calls": calls,
            "own": own,
            "base_calls": theirs.get(name, (0, 0))[0],
            "base_own": theirs.get(name, (0, 0))[1],
        }
        for name, (calls, own) in ours.items()
        if round(calls) > round(theirs.get(name, (0, 0))[0])
    ]
    return sorted(found, key=lambda each: each["base_own"] - each["own"])[:PROFILED_FUNCTIONS]


async def _profile(way: Way, calls: int, number: int) -> dict[str, tuple[float, float]]:
    """By function: its calls and its own milliseconds, for one call of the way; samples are made ready as before."""
    profile, samples = cProfile.Profile(), max(1, number // calls)
    for _ in range(samples):
        async with way.arguments(calls) as arguments:
            profile.enable()
            for each in arguments:
                done = way.run(*each)
                if isawaitable(done):
                    await done
            profile.disable()
    number = samples * calls
    found: dict[str, tuple[float, float]] = {}
    for (file, line, name), (_, calls, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        where = f"{Path(file).parent.name}/{Path(file).name}:{line}" if line else "built in"
        if name in WAITS or name.startswith(WAITING) or where.startswith("benchmarks/"):
            continue
        found[f"{name} ({where})"] = (round(calls / number, 2), round(own * 1_000 / number, 5))
    return found


def _name(aim: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(aim[name] for name in ("group", "operation", "database", "way", "what", "rows", "at_most"))


def _missing(case: Case, way: str | None, why: str) -> dict[str, Any]:
    return {
        "group": case.group,
        "operation": case.operation,
        "database": case.database,
        "rows": case.rows,
        "way": way,
        "why": why,
    }
