"""`make bench`, `make bench ROUNDS=5 PARTS='repository listings'`."""

import argparse
import asyncio
import importlib
import json
import re
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.results import aim_lines
from benchmarks.running import run

PARTS = ("repository", "eager", "bulk", "transfers", "web", "listings", "starting", "checking")
"""The modules that hold cases, in the order in which they run."""


def main() -> None:
    arguments = argparse.ArgumentParser(prog="make bench", description=__doc__)
    arguments.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument(
        "--only", default="", help="what `group: operation` has to match, a regular expression"
    )
    arguments.add_argument("--minutes", type=float, default=45)
    arguments.add_argument("--into", type=Path, default=Path(".bench/result.json"))
    asked = arguments.parse_args()
    for part in (parts := asked.parts or PARTS):
        importlib.import_module(f"benchmarks.{part}")
    # A part may have imported another.
    cases = [
        case
        for case in CASES
        if case.part in parts and re.search(asked.only, f"{case.group}: {case.operation}")
    ]
    result = asyncio.run(
        run(cases, asked.rounds, lambda line: print(line, flush=True), minutes=asked.minutes)
    )
    for line in aim_lines(result.aims):
        print(line)
    for missing in result.not_measured:
        way = missing["way"] or "all of it"
        print(f"not measured: {missing['operation']} ({missing['database']}), {way}: {missing['why']}")
    asked.into.parent.mkdir(parents=True, exist_ok=True)
    asked.into.write_text(json.dumps(result.as_json(), indent=1, ensure_ascii=False) + "\n")
    print(f"\n{result.seconds:.0f} s; all figures are in {asked.into}")


main()
