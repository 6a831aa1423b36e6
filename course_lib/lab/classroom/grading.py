"""Runs what was collected, and turns it into points, pages for the learners and a table."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.lab.classroom.cells import Part, parts_of
from course_lib.lab.classroom.collecting import submitted
from course_lib.lab.classroom.folder import ClassroomError, Notice, lesson_named, released, run_nbgrader

SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Graded:
    """The table of points, the page of each learner, and who could not be graded."""

    table: Path
    pages: dict[str, Path]
    notices: list[Notice]


def grade(folder: Path, lesson: str, *, again: bool = False) -> Graded:
    """Run every notebook that is new since the last time, or with `again` all of them. This runs learners' code.

    A cell that does not end is stopped after a minute; the points of all other cells stay.
    """
    name = lesson_named(folder, lesson)
    parts = parts_of(released(folder, name))
    handed_in = submitted(folder, name)
    if not handed_in:
        raise ClassroomError(f"nothing of {name} is collected yet. Collect it first.")
    log = run_nbgrader(folder, "autograde", name, *(["--force"] if again else []), tolerant=True)
    log_file = reports(folder, name) / "grading.log"
    log_file.write_text(log, encoding="utf-8", newline="\n")
    graded = autograded(folder, name)
    if not graded:
        raise ClassroomError(f"nbgrader could grade nobody; what it said is in {log_file}.")
    told = f"could not be graded; what nbgrader said is in {log_file}."
    notices = [Notice(student, told) for student in handed_in if student not in graded]
    return Graded(_write_table(folder, name, parts), _write_pages(folder, name), notices)


def autograded(folder: Path, name: str) -> dict[str, Path]:
    """The graded notebooks of a lesson, by learner."""
    found = sorted((folder / "autograded").glob(f"*/{name}/{name}.ipynb"))
    return {path.parents[1].name: path for path in found}


def reports(folder: Path, name: str) -> Path:
    """The folder for all that a teacher reads about a lesson."""
    place = folder / "reports" / name
    place.mkdir(parents=True, exist_ok=True)
    return place


def write_csv(path: Path, rows: list[list[Any]]) -> Path:
    """A table that spreadsheets open as it is: they know UTF-8 by the mark at the beginning."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def _write_table(folder: Path, name: str, parts: dict[str, Part]) -> Path:
    """A line for each learner of the course, also for one who handed nothing in."""
    from nbgrader.api import Gradebook

    checks = [part for part in parts.values() if part.role == "check"]
    rows: list[list[Any]] = [["student", *(check.exercise for check in checks), "score", "max_score"]]
    most = float(sum(check.points for check in checks))
    with Gradebook(f"sqlite:///{(folder / 'gradebook.db').resolve()}") as book:
        for student in book.students:
            points = _points(book, name, student.id)
            shown = [points.get(check.name, "") for check in checks]
            rows.append([student.id, *shown, sum(points.values()), most])
    return write_csv(reports(folder, name) / "grades.csv", rows)


def _points(book: Any, name: str, student: str) -> dict[str, float]:
    """The points for each check, with those that a teacher gave by hand."""
    found = [
        submission for submission in book.assignment_submissions(name) if submission.student_id == student
    ]
    return {
        each.name: each.score for submission in found for page in submission.notebooks for each in page.grades
    }


def _write_pages(folder: Path, name: str) -> dict[str, Path]:
    """Each learner's notebook as a page, with its points; without scripts, which nbgrader would load from elsewhere."""
    run_nbgrader(folder, "generate_feedback", name, "--force")
    found = sorted((folder / "feedback").glob(f"*/{name}/{name}.html"))
    for page in found:
        text = SCRIPT.sub("", page.read_text("utf-8"))
        page.write_text(text, encoding="utf-8", newline="\n")
    return {page.parents[1].name: page for page in found}
