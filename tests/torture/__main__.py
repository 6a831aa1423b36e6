"""`make torture`, `make torture SECONDS_EACH=10 PARTS='money pages'`."""

import argparse
import asyncio
import importlib
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from random import Random

from torture.parts import PARTS, Bounds, Part

MODULES = ("money", "servers", "pages", "web", "migrations", "copies", "notebooks", "answers")
"""The modules that hold parts, in the order in which they run; each is the name of its parts' group."""


def main(words: Sequence[str] | None = None) -> int:
    arguments = argparse.ArgumentParser(prog="make torture", description=__doc__)
    arguments.add_argument("groups", nargs="*", metavar="PART", help=f"of {', '.join(MODULES)}; default: all")
    arguments.add_argument("--seconds-each", type=float, default=60)
    arguments.add_argument("--seed", type=int, default=2026)
    asked = arguments.parse_args(words)
    if unknown := set(asked.groups) - set(MODULES):
        arguments.error(f"no part is called {sorted(unknown)[0]!r}; there are {', '.join(MODULES)}")
    for module in (groups := asked.groups or MODULES):
        importlib.import_module(f"torture.{module}")
    print(f"seed {asked.seed}", flush=True)
    parts = [part for part in PARTS if part.group in groups]
    held = [_ran(part, asked.seconds_each, asked.seed) for part in parts]
    print(f"\n{sum(held)} of {len(held)} parts held.")
    return 0 if all(held) else 1


def _ran(part: Part, seconds: float, seed: int) -> bool:
    """Whether the part held; its figures, or what did not hold, are printed."""
    print(f"\n{part.group}: {part.words}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True) as folder:
        try:
            figures = asyncio.run(part.run(Bounds(part.tries, seconds), Path(folder), Random(seed)))
        except Exception:
            traceback.print_exc(file=sys.stdout)
            print(f"  ✗ after {time.monotonic() - began:.0f} s", flush=True)
            return False
    for what, figure in figures.items():
        print(f"  {what}: {figure:,}" if isinstance(figure, int) else f"  {what}: {figure}")
    print(f"  ✓ {time.monotonic() - began:.0f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
