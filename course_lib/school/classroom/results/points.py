"""The points of a lesson, out of nbgrader's gradebook; with those that a teacher gave there by hand."""

from pathlib import Path
from typing import Any

from course_lib.school.classroom.cells import Part
from course_lib.school.classroom.paths import autograded, submitted

GRADEBOOK = "gradebook.db"
GRADED, NOT_GRADED, NOT_HANDED_IN = "graded", "not graded", "not handed in"


def points_of(folder: Path, name: str) -> dict[str, dict[str, float]]:
    """For each graded learner the points of each check, by nbgrader's name of its cell."""
    if not _has_gradebook(folder):
        return {}
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
    if not _has_gradebook(folder):
        return set()
    from nbgrader.api import Gradebook

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
    for student in sorted({*everybody(folder), *handed_in}):
        own = points.get(student, {})
        state = GRADED if own else NOT_GRADED if student in handed_in else NOT_HANDED_IN
        total = sum(own.values()) if own else ""
        rows.append([student, *(own.get(check.name, "") for check in checks), total, most, state])
    return rows


def everybody(folder: Path) -> list[str]:
    """Who is in the gradebook: whoever was graded, and whom a teacher has entered there."""
    if not _has_gradebook(folder):
        return []
    from nbgrader.api import Gradebook

    with Gradebook(_address(folder)) as book:
        return [student.id for student in book.students]


def _has_gradebook(folder: Path) -> bool:
    """Opening one that is not there would make it."""
    return (folder / GRADEBOOK).is_file()


def _address(folder: Path) -> str:
    return f"sqlite:///{(folder / GRADEBOOK).resolve()}?timeout=60"  # another program may be writing
