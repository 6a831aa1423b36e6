"""The points of a lesson, out of nbgrader's gradebook; with those that a teacher gave there by hand."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from course_lib.school.classroom.cells import Part
from course_lib.school.classroom.paths import autograded, submitted

GRADED, NOT_GRADED, NOT_HANDED_IN = "graded", "not graded", "not handed in"


def points_of(folder: Path, name: str) -> dict[str, dict[str, float]]:
    """For each graded learner the points of each check, by nbgrader's name of its cell."""
    from nbgrader.api import Gradebook

    graded = autograded(folder, name)
    with Gradebook(_address(folder)) as book:
        return {
            each.student_id: {grade.name: grade.score for page in each.notebooks for grade in page.grades}
            for each in book.assignment_submissions(name)
            if each.student_id in graded
        }


def in_gradebook(folder: Path, name: str) -> set[str]:
    """Who has points in the gradebook: a grading that was interrupted leaves some that have none."""
    from nbgrader.api import Gradebook

    if not _file(folder).is_file():
        return set()
    with Gradebook(_address(folder)) as book:
        return {
            each.student_id
            for each in book.assignment_submissions(name)
            if any(grade.auto_score is not None for page in each.notebooks for grade in page.grades)
        }


def table_of_points(folder: Path, name: str, checks: list[Part]) -> list[list[Any]]:
    """A line for each learner of the course. No points stand where nothing was graded: a zero is earned."""
    points, handed_in = points_of(folder, name), submitted(folder, name)
    most = float(sum(check.points for check in checks))
    rows: list[list[Any]] = [
        ["student", *(check.exercise for check in checks), "score", "max_score", "state"]
    ]
    for student in sorted({*_known(folder), *handed_in}):
        own = points.get(student, {})
        state = GRADED if own else NOT_GRADED if student in handed_in else NOT_HANDED_IN
        total = sum(own.values()) if own else ""
        rows.append([student, *(own.get(check.name, "") for check in checks), total, most, state])
    return rows


def _known(folder: Path) -> Iterable[str]:
    from nbgrader.api import Gradebook

    with Gradebook(_address(folder)) as book:
        return [student.id for student in book.students]


def _address(folder: Path) -> str:
    return f"sqlite:///{_file(folder)}?timeout=60"  # another program may be writing


def _file(folder: Path) -> Path:
    return (folder / "gradebook.db").resolve()
