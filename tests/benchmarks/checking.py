"""How long a learner waits for a check, and how much of a run of the lessons is theirs: nbval beside the cells."""

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
from answers import answer_to
from nbclient import NotebookClient

from benchmarks.cases import Place, Way, Ways, case
from benchmarks.starting import environment
from course_lib.school.checking.assessing import assess
from course_lib.school.exercises.outcomes import PASSED
from course_lib.school.exercises.solutions import Exercise, exercises
from course_lib.school.kit_files import NOTEBOOKS, ROOT

LESSONS = ("04_repositories", "06_isolation", "08_pagination")
"""Short, long, and with many rows."""
FEWER_ROWS = "100000"
"""So many posts for lesson 08, as in `make test`."""


def _checks(lesson: str, asked: Sequence[Exercise]) -> None:
    @case("checks", f"lesson {lesson}", databases=("none",))
    async def checks(place: Place) -> AsyncIterator[Ways]:
        """Every right answer of a lesson, one after the other; `seconds` has the median of each over all passes."""
        seconds: dict[str, list[float]] = {exercise.id: [] for exercise in asked}

        async def all_of_them() -> None:
            for exercise in asked:
                answer = answer_to(exercise, exercise.answer)
                began = time.perf_counter()
                outcome = await assess(exercise, answer)
                seconds[exercise.id].append(time.perf_counter() - began)
                assert outcome.state == PASSED, outcome

        ways = Ways({"right answers": Way(all_of_them)}, base="right answers", rounds=1)
        yield ways
        ways.facts["seconds"] = {name: round(median(each), 3) for name, each in seconds.items()}
        ways.facts["slowest"] = max(ways.facts["seconds"].values())
        ways.facts["median"] = round(median(ways.facts["seconds"].values()), 3)


for _lesson, _asked in groupby(exercises(), key=lambda exercise: exercise.id.partition(".")[0]):
    _checks(_lesson, [*_asked])


def _nbval(lesson: str) -> None:
    @case("nbval", lesson, databases=("none",))
    async def nbval(place: Place) -> AsyncIterator[Ways]:
        """The whole command, beside the same cells in a kernel that is there already."""
        path = NOTEBOOKS / f"{lesson}.ipynb"
        words = [
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--nbval",
            "--nbval-sanitize-with",
            "tests/sanitize.cfg",
        ]
        words += ["--nbval-cell-timeout", "120", str(path)]

        def command() -> None:
            env = environment(COURSE_ROWS=FEWER_ROWS)
            subprocess.run([sys.executable, *words], check=True, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)

        yield Ways(
            {"nbval": Way(command), "its cells": Way(_run_cells, lambda calls: _notebooks(path, calls))},
            base="its cells",
            rounds=1,
        )


@asynccontextmanager
async def _notebooks(path: Path, calls: int) -> AsyncIterator[Sequence[tuple[NotebookClient]]]:
    """One with its own running kernel for each call."""
    clients = []
    for _ in range(calls):
        resources = {"metadata": {"path": str(path.parent)}}
        notebook: Any = nbformat.read(path, as_version=4)
        clients.append(NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources))
        clients[-1].create_kernel_manager()
        await clients[-1].async_start_new_kernel(env=environment(COURSE_ROWS=FEWER_ROWS))
        await clients[-1].async_start_new_kernel_client()
    yield [(client,) for client in clients]
    for client in clients:
        await client._async_cleanup_kernel()


async def _run_cells(client: NotebookClient) -> None:
    for place, cell in enumerate(client.nb.cells):
        await client.async_execute_cell(cell, place)


for _name in LESSONS:
    _nbval(_name)
