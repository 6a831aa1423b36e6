"""What `make bench` says: a table for people, and JSON with the same figures and more.

began          when, in UTC (ISO 8601)
seconds        how long all of it took
rounds         how many rounds, unless a case says otherwise
machine        system, processor, cores, python, load (processes that wanted to run in the last quarter of an hour, on
               average; null where the system does not tell)
versions       of the packages, of SQLite and of PostgreSQL
cases          a list, each with
    group, operation, database ("sqlite", "postgres" or "none"), rows (posts; 0: the sample people)
    base       the way that all others are compared with
    ways       by name, each with
        rounds, calls          samples, and calls in each
        wall, cpu              milliseconds for one operation: median, low and high (the quartiles)
        wall_ratio, cpu_ratio  to the base, round by round: median, low and high; null where a clock saw nothing
        statements             sent for one operation; null where the case's engine saw none
        work                   steps of SQLite's virtual machine, or blocks of 8 kB read by PostgreSQL
    facts      what the case found beside times, such as a ledger compared
    profile    of a way that missed an aim: the functions that it calls more often than its base, those first that
               take most of its time; each with calls and own (milliseconds), base_calls and base_own
not_measured   a list: group, operation, database, rows, way (null: all of them), why
aims           a list: group, operation, database, rows (0: any), way, base, at_most, what ("cpu", "wall", "work",
               "statements"), measured (the ratio of the two; null: not measured in this run), low and high (its
               quartiles; null for a count), met (null like measured)
"""

import os
import platform
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.aims import Aim
from benchmarks.cases import Case, Ways
from benchmarks.counting import Counts
from benchmarks.measuring import Spread, Times

PACKAGES = (
    "sqlalchemy",
    "aiosqlite",
    "asyncpg",
    "fastapi",
    "pydantic",
    "advanced-alchemy",
    "fastcrud",
    "sqlmodel",
    "sqlakeyset",
    "fastapi-pagination",
)


@dataclass
class Result:
    began: str
    rounds: int
    seconds: float = 0
    versions: dict[str, str] = field(default_factory=dict)
    cases: list[dict[str, Any]] = field(default_factory=list)
    not_measured: list[dict[str, Any]] = field(default_factory=list)
    aims: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "machine": machine()}


def machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[2], 1) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open() as told:
            names = [line.partition(":")[2].strip() for line in told if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    found = {"sqlite": sqlite3.sqlite_version}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def told(case: Case, ways: Ways, times: Mapping[str, Times], counts: Mapping[str, Counts]) -> dict[str, Any]:
    """The entry of one case."""
    base = times[ways.base]
    return {
        "group": case.group,
        "operation": case.operation,
        "database": case.database,
        "rows": case.rows,
        "base": ways.base,
        "ways": {
            name: {
                "rounds": len(each.wall),
                "calls": each.calls,
                "wall": _milliseconds(each.wall),
                "cpu": _milliseconds(each.cpu),
                "wall_ratio": _rounded(each.ratios(base, "wall")),
                "cpu_ratio": _rounded(each.ratios(base, "cpu")),
                **asdict(counts[name]),
            }
            for name, each in times.items()
        },
        "facts": ways.facts,
    }


def judged(aim: Aim, entry: Mapping[str, Any] | None, times: Mapping[str, Times]) -> dict[str, Any]:
    """The aim beside what was measured."""
    measured: float | None = None
    spread: Spread | None = None
    base = aim.base or (str(entry["base"]) if entry else None)
    if entry and base and base in entry["ways"] and aim.way in entry["ways"]:
        if aim.what in ("cpu", "wall"):
            spread = times[aim.way].ratios(times[base], aim.what)
            measured = spread.median if spread else None
        else:
            ours, theirs = entry["ways"][aim.way][aim.what], entry["ways"][base][aim.what]
            measured = ours / theirs if ours is not None and theirs else None
    measured = measured if measured is None else round(measured, 3)
    return {
        **asdict(aim),
        "base": base,
        "measured": measured,
        "low": round(spread.low, 3) if spread else None,
        "high": round(spread.high, 3) if spread else None,
        "met": None if measured is None else measured <= aim.at_most,
    }


def _milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    return {name: round(value * 1_000, 5) for name, value in asdict(Spread.of(seconds)).items()}


def _rounded(spread: Spread | None) -> dict[str, float] | None:
    return {name: round(value, 4) for name, value in asdict(spread).items()} if spread else None


def lines(entry: Mapping[str, Any]) -> Iterator[str]:
    """A case as a table for the terminal."""
    rows = f", {entry['rows']:,} posts" if entry["rows"] else ""
    yield f"\n{entry['group']}: {entry['operation']} ({entry['database']}{rows})"
    yield f"  {'':<34}{'wall ms':>10}{'cpu ms':>10}{'cpu ÷ base':>12}  {'quartiles':<13}{'sent':>7}{'work':>12}"
    for name, way in entry["ways"].items():
        ratio = way["cpu_ratio"]
        compared = (
            f"{ratio['median']:>12.2f}  {ratio['low']:.2f}–{ratio['high']:.2f}" if ratio else f"{'–':>12}"
        )
        yield (
            f"  {name:<34}{way['wall']['median']:>10.3f}{way['cpu']['median']:>10.3f}{compared:<27}"
            f"{_number(way['statements']):>7}{_number(way['work']):>12}"
        )
    for name, value in entry["facts"].items():
        yield f"  {name}: {value}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"


def aim_lines(aims: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "\nAims (at most so many times the base)"
    for aim in aims:
        said = {True: "met", False: "missed", None: "not measured"}[aim["met"]]
        measured = "–" if aim["measured"] is None else f"{aim['measured']:.2f}"
        what = f"{aim['group']}: {aim['operation']}, {aim['way']} ÷ {aim['base'] or 'base'}, {aim['what']}"
        yield f"  {said:<13}{measured:>8} of {aim['at_most']:<5} {what} ({aim['database']})"
