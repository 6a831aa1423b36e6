"""Lessons run as nobody planned: each cell twice, restarted in the middle, two at once, beside busy loops.

A lesson promises what its page says: every cell can be run again, and after a restart *Run All Above Selected Cell*
leads back. Small forms: `test_every_cell_can_run_twice_in_a_row…` of tests/test_notebooks.py, whose looks at a lesson
this module borrows, and tests/test_torture_notebooks.py for a restart.
"""

import asyncio
import configparser
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from nbclient import NotebookClient
from test_notebooks import IGNORED, LESSONS, PAGES, cells, is_compared, read

from torture.parts import Bounds, Figures, torture

SANITIZE = Path(__file__).parents[1] / "sanitize.cfg"
CELL = 600
"""Seconds after which a cell is taken to hang, beside whatever else is at work."""
ROWS = {"COURSE_ROWS": "100000"}
"""Lesson 08 pages through a million otherwise, with the same outputs."""


def shown(cell: Any) -> dict[str, str]:
    """What a cell shows in words, on each stream and as results, without what differs from run to run."""
    texts: dict[str, str] = {}
    for each in cell.outputs:
        text = each.get("text") or each.get("data", {}).get("text/plain", "")
        texts[each.get("name", "results")] = texts.get(each.get("name", "results"), "") + text
    return {name: sanitized(text) for name, text in texts.items()}


def sanitized(text: str) -> str:
    rules = configparser.RawConfigParser()
    rules.read(SANITIZE)
    for name in rules.sections():
        text = re.sub(rules[name]["regex"], rules[name]["replace"], text)
    return text


class Running:
    """A lesson in a kernel of its own, cell by cell; an error in a cell and a word on stderr end it."""

    def __init__(self, lesson: Path, folder: Path) -> None:
        self.lesson, self.folder, self.notebook = lesson, folder, read(lesson)
        self.code = [place for place, cell in enumerate(self.notebook.cells) if cell.cell_type == "code"]

    async def run(self, upto: int | None = None, *, times: int = 1) -> None:
        """Run the first `upto` code cells, or all, in a new kernel, each `times` times in a row."""
        place = {"metadata": {"path": str(self.folder)}}
        client = NotebookClient(self.notebook, timeout=CELL, kernel_name="python3", resources=place)
        async with client.async_setup_kernel(env=os.environ | ROWS):
            for at in self.code[:upto]:
                for _ in range(times):
                    await client.async_execute_cell(self.notebook.cells[at], at)
                words = [
                    each.text for each in self.notebook.cells[at].outputs if each.get("name") == "stderr"
                ]
                assert words == [], f"{self.lesson.name}, {self.notebook.cells[at].id}: {words}"
            await killed(client)

    def compared(self) -> int:
        """How many cells show what the committed lesson shows; one that shows something else is an error."""
        before = {cell.id: cell for cell in cells(read(self.lesson), "code") if is_compared(cell)}
        for cell in cells(self.notebook, "code"):
            if cell.id in before and not IGNORED & set(cell.metadata.get("tags", ())):
                expected = shown(before[cell.id])
                assert shown(cell) == expected, (
                    f"{self.lesson.name}, {cell.id}: {shown(cell)} is not {expected}"
                )
        return len(before)


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def killed(client: NotebookClient) -> None:
    """The kernel ends with SIGKILL, as it does in *Restart Kernel* when it does not answer."""
    assert client.km is not None
    await client.km._async_kill_kernel()


@torture("notebooks", "each cell of a lesson twice in a row")
async def twice(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    """A second run may show other keys than the first: what is compared is that there is no error and no warning."""
    done: Counter[str] = Counter()
    for _, lesson in zip(bounds, chance.sample([*LESSONS, *PAGES], len(LESSONS + PAGES)), strict=False):
        running = Running(lesson, folder)
        await running.run(times=2)
        done["lessons"] += 1
        done["cells run twice"] += len(running.code)
    assert left_in(folder) == []
    assert done["cells run twice"] > 0
    return {**done, "errors and words on stderr": 0}


@torture("notebooks", "a lesson whose kernel is killed at a cell by chance, run again from above")
async def restarted(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    done: Counter[str] = Counter()
    for _, lesson in zip(bounds, chance.sample(LESSONS, len(LESSONS)), strict=False):
        done.update(await restart(Running(lesson, folder), chance))
    assert done["kernels restarted"] > 0
    return {**done, "outputs that differ": 0}


async def restart(running: Running, chance: Random) -> Counter[str]:
    """Run it to a cell by chance, end the kernel with SIGKILL, and run all from above."""
    broken_off = chance.randrange(1, len(running.code))
    await running.run(broken_off)
    await running.run()
    compared = running.compared()
    assert left_in(running.folder) == []
    return Counter({"kernels restarted": 1, "cells before": broken_off, "outputs as in the lesson": compared})


@torture("notebooks", "a lesson in two kernels at once, on PostgreSQL and on SQLite")
async def two_at_once(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    done: Counter[str] = Counter()
    for _, lesson in zip(bounds, chance.sample(LESSONS, len(LESSONS)), strict=False):
        both = [Running(lesson, folder) for _ in range(2)]
        await asyncio.gather(*(each.run() for each in both))
        done["lessons in two kernels"] += 1
        done["outputs as in the lesson"] += sum(each.compared() for each in both)
    assert done["lessons in two kernels"] > 0
    return {**done, "outputs that differ": 0}


@torture("notebooks", "a lesson beside four busy loops")
async def beside_busy_loops(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    done: Counter[str] = Counter()
    with busy_loops(4) as loops:
        for _, lesson in zip(bounds, chance.sample(LESSONS, len(LESSONS)), strict=False):
            running = Running(lesson, folder)
            await running.run()
            done["lessons"] += 1
            done["outputs as in the lesson"] += running.compared()
        assert [loop.poll() for loop in loops] == [None] * 4, "the loops were not busy to the end"
    assert done["lessons"] > 0
    return {**done, "outputs that differ": 0}


@contextmanager
def busy_loops(number: int) -> Iterator[list["subprocess.Popen[bytes]"]]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield loops
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
