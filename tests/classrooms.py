"""What a class hands in: the exercises with answers in their cells; and what one round made of five such notebooks."""

import csv
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.school.classroom import Collected, Graded
from course_lib.school.exercises.solutions import exercises, without_marks
from course_lib.school.kit_files import SOLUTIONS
from course_lib.school.making.cutting import cut

NAME = "07_eager_loading"
ANSWERS = {each.id: without_marks(each.answer) for each in exercises() if each.lesson == NAME}
SMALL_BOUNDS = """
c.RunBounded.memory = 400_000_000
c.RunBounded.processes = 12
c.RunBounded.files = 30_000_000
c.RunBounded.most_output = 100_000
c.RunBounded.reaction = 3
"""
"""Settings of a class whose learners may use little, so that whoever uses more is met soon."""
HANGS = "while True:\n    pass"
Cells = list[dict[str, Any]]


def name_of(cell: dict[str, Any]) -> str:
    return str(cell["metadata"].get("nbgrader", {}).get("grade_id", ""))


def answered(answers: dict[str, str]) -> Cells:
    """The cells of the exercise notebook as a learner hands it in, with these answers."""
    cells: Cells = json.loads(cut(SOLUTIONS / f"{NAME}.ipynb"))["cells"]
    for cell in cells:
        exercise = name_of(cell).removesuffix("-answer").replace("-", ".")
        if exercise in answers and name_of(cell).endswith("-answer"):
            cell["source"] = answers[exercise]
    return cells


def code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "id": f"own-{len(source)}", "metadata": {}, "source": source} | {
        "outputs": [], "execution_count": None,
    }  # fmt: skip


def notebook(cells: Cells) -> bytes:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def place(cells: Cells, name: str) -> int:
    return next(at for at, cell in enumerate(cells) if name_of(cell) == name)


def hand_in(folder: Path, path: str, content: bytes, *, age: float = 0) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (time.time() - age,) * 2)


def submit(folder: Path, student: str, content: bytes) -> None:
    """Put a notebook where collecting puts it."""
    hand_in(folder, f"submitted/{student}/{NAME}/{NAME}.ipynb", content)


def bringing(*sources: str) -> bytes:
    """The right answers, after cells of the learner's own."""
    return notebook([*map(code, sources), *answered(ANSWERS)])


def points_in(folder: Path) -> dict[str, str]:
    """Each learner's points, out of the table; '' where nothing was graded."""
    text = (folder / "reports" / NAME / "grades.csv").read_text("utf-8-sig")
    return {row["student"]: row["score"] for row in csv.DictReader(text.splitlines())}


@dataclass
class Round:
    """The course folder after one whole round, and what each step of it gave or told."""

    folder: Path
    released: Path
    collected: Collected
    graded: Graded
    page: str
    progress: list[str]

    def table(self, name: str) -> list[dict[str, str]]:
        path = self.folder / "reports" / NAME / name
        return list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))

    def told_of(self, student: str) -> list[str]:
        return [notice.told for notice in self.collected.notices if notice.student == student]
