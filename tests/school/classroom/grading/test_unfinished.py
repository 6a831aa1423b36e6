"""Only what is whole counts as graded, and nobody grades in a folder where another one does."""

from pathlib import Path

import pytest
from classrooms import NAME

from course_lib.school.classroom import ClassroomError
from course_lib.school.classroom.grading.unfinished import Again, alone, finished, mark_unfinished


def test_a_notebook_without_its_points_or_its_end_is_not_graded(graded: Path) -> None:
    assert finished(graded, NAME) == {"anna", "ben"}
    unfinished = mark_unfinished(graded, NAME, "anna")
    assert finished(graded, NAME) == {"ben"}
    unfinished.unlink()
    (graded / "submitted/anna" / NAME / "timestamp.txt").write_text("2030-01-01 00:00:00 UTC")
    assert finished(graded, NAME) == {"ben"}
    (graded / "submitted/anna" / NAME / "timestamp.txt").unlink()
    (graded / "gradebook.db").unlink()
    assert finished(graded, NAME) == set()


def test_two_do_not_grade_in_one_folder(tmp_path: Path) -> None:
    with (
        alone(tmp_path),
        pytest.raises(ClassroomError, match=r"another program is grading in .* now"),
        alone(tmp_path),
    ):
        pass


def test_what_an_interrupted_grading_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".grading/apart/0/autograded").mkdir(parents=True)
    with alone(tmp_path) as apart:
        assert [*apart.iterdir()] == []


def test_who_was_graded_again_is_remembered_until_the_end(tmp_path: Path) -> None:
    (tmp_path / ".grading").mkdir()
    again = Again(tmp_path, NAME)
    again.add("Jürgen")
    assert Again(tmp_path, NAME).done() == {"Jürgen"}
    again.end()
    assert again.done() == set()
