"""The modules that make the website, and what its pages must never say."""

import sys
from collections.abc import Iterator

import nbformat
import pytest
from browsers import Browser, chromium

from course_lib.school.exercises.solutions import exercises, without_marks
from course_lib.school.kit_files import EXERCISES, NOTEBOOKS, ROOT

sys.path.append(str(NOTEBOOKS / "site"))

TELLING = 20
"""A line so long says something of its own: `return found` is part of many answers."""


@pytest.fixture(scope="session")
def secret() -> set[str]:
    """The lines of right answers and their reasons that stand in no lesson, task or hint, nor in the library."""
    paths = [*NOTEBOOKS.glob("*.ipynb"), *EXERCISES.glob("*.ipynb")]
    cells = [cell for path in paths for cell in nbformat.read(path, as_version=4).cells]
    hints = [hint for each in exercises() for hint in each.hints]
    library = [path.read_text("utf-8") for path in (ROOT / "course_lib").glob("*.py")]
    given = "\n".join([*(cell.source for cell in cells), *hints, *library])
    texts = [
        text
        for each in exercises()
        for text in (without_marks(each.answer), each.other, each.reason, each.trade_off)
    ]
    lines = {line.strip() for text in texts for line in text.splitlines()}
    return {line for line in lines if len(line) >= TELLING and line not in given}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
