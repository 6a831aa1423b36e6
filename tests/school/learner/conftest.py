"""A small kit, and a learner's copy of it."""

from pathlib import Path

import nbformat
import pytest
from learner_copies import EXERCISES, LESSON, TASKS, load, save

from course_lib.school.learner.copies import start


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A small kit: one lesson that has been run, and one exercise notebook."""
    kit = tmp_path / "kit" / "notebooks"
    save(kit / EXERCISES, TASKS)
    lesson = load(save(kit / LESSON, {"title": "# Load once", "ask": "predict(2)", "show": "1 + 1"}))
    lesson.cells[2].outputs = [nbformat.v4.new_output("stream", text="the answer")]
    lesson.cells[2].execution_count = 7
    nbformat.write(lesson, kit / LESSON)
    return kit


@pytest.fixture
def copy(tmp_path: Path, kit: Path) -> Path:
    start(tmp_path / "mine", kit=kit)
    return tmp_path / "mine"
