"""All cases one after the other, and what each says."""

import cProfile
import pstats
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from inspect import isawaitable
from pathlib import Path
from random import Random
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
            if result.aims[-1]["met"] is False and aim.what == "cpu":
                entry.setdefault("profile", {})[aim.way] = await _profile(
                    ways.ways[aim.way], sum(times[aim.way].wall) * ways.operations / len(times[aim.way].wall)
                )
    await anext(steps, None)  # the case clears up, and compares what has to agree
    entry["facts"] = ways.facts
    result.cases.append(entry)
    result.not_measured += [_missing(case, name, why) for name, why in ways.missing.items()]


async def _profile(way: Way, seconds: float) -> list[dict[str, Any]]:
    """Where the event loop's thread spends its time: milliseconds in the function itself, for one call of the way.

    A call takes so many `seconds`; a profile takes about one.
    """
    number = max(1, min(PROFILED_CALLS, round(1 / seconds)))
    profile = cProfile.Profile()
    async with way.arguments(number) as arguments:
        profile.enable()
        for each in arguments:
            done = way.run(*each)
            if isawaitable(done):
                await done
        profile.disable()
    found = []
    for (file, line, name), (_, calls, own, total, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        where = f"{Path(file).parent.name}/{Path(file).name}:{line}" if line else "built in"
        found.append(
            {
                "function": f"{name} ({where})",
                "calls": calls / number,
                "own": round(own * 1_000 / number, 5),
                "total": round(total * 1_000 / number, 5),
            }
        )
    return sorted(found, key=lambda each: -each["own"])[:PROFILED_FUNCTIONS]


def _name(aim: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(aim[name] for name in ("group", "operation", "database", "way", "what", "rows", "at_most"))


def _missing(case: Case, way: str | None, why: str) -> dict[str, Any]:
    return {
        "group": case.group,
        "operation": case.operation,
        "database": case.database,
        "way": way,
        "why": why,
    }
