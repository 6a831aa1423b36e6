"""The course folder: what a teacher finds in it, what is released out of it, and why a step cannot be taken."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from classrooms import NAME, Round, answered

from course_lib.school import classroom
from course_lib.school.classroom import ClassroomError
from course_lib.school.kit_files import SOLUTIONS
from course_lib.school.program.cli import main


def test_a_course_folder_has_every_solution_and_no_hint(folder: Path) -> None:
    sources = sorted(folder.glob("source/*/*.ipynb"))
    assert [path.name for path in sources] == sorted(path.name for path in SOLUTIONS.glob("*.ipynb"))
    text = (folder / "source" / NAME / f"{NAME}.ipynb").read_text("utf-8")
    assert "BEGIN SOLUTION" in text
    assert "await grade(" in text
    assert '"hint"' not in text


def test_a_second_init_keeps_what_a_teacher_changed(folder: Path) -> None:
    source = folder / "source" / NAME / f"{NAME}.ipynb"
    source.write_text("changed", encoding="utf-8")
    assert classroom.init(folder) == []
    assert source.read_text("utf-8") == "changed"


def test_init_says_what_is_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["class", "init", str(tmp_path / "class")]) == 0
    first, following, again = capsys.readouterr().out.splitlines()
    assert NAME in first
    assert following == f"Next: course class release {tmp_path / 'class'} 01"
    assert again.startswith("Nothing is new")


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(ClassroomError, match="not empty"):
        classroom.init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_is_released_are_the_cells_of_the_exercise(whole_round: Round) -> None:
    assert json.loads(whole_round.released.read_bytes())["cells"] == answered({})


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (lambda folder: classroom.release(folder, "77"), "'77' is no lesson"),
        (lambda folder: classroom.release(folder.parent, "07"), "no course folder.* course class init "),
        (lambda folder: classroom.collect(folder, folder / "nowhere", "07"), "no folder and no zip"),
        (lambda folder: classroom.grade(folder, "7"), 'Collect it first: course class collect ".*" 07 FROM'),
        (lambda folder: classroom.report(folder, "07"), 'Grade it first: course class grade ".*" 07'),
    ],
)
def test_a_step_that_cannot_be_taken_says_why(folder: Path, step: Callable[[Path], Any], told: str) -> None:
    with pytest.raises(ClassroomError, match=told):
        step(folder)


def test_nothing_is_collected_before_it_is_released(tmp_path: Path) -> None:
    classroom.init(tmp_path / "class")
    with pytest.raises(ClassroomError, match="Release it first"):
        classroom.collect(tmp_path / "class", tmp_path, "07")


def test_what_nbgrader_refuses_is_told(folder: Path) -> None:
    (folder / "source" / NAME / f"{NAME}.ipynb").write_text("{}", encoding="utf-8")
    with pytest.raises(ClassroomError, match=r"nbgrader generate_assignment .* failed"):
        classroom.release(folder, "07")
