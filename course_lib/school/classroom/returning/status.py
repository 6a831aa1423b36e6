"""Who has handed in what, what is graded, and what is returned."""

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from course_lib.school.classroom.cells import checks_of, parts_of
from course_lib.school.classroom.course_folder import released
from course_lib.school.classroom.paths import (
    autograded,
    learners,
    pages,
    released_lessons,
    reports,
    submitted,
)
from course_lib.school.classroom.results.history import history_of
from course_lib.school.classroom.results.points import everybody, points_of
from course_lib.school.classroom.who_is_who import Person, people_of

NOT_HANDED_IN, HANDED_IN, GRADED, RETURNED = STATES = ("not handed in", "handed in", "graded", "returned")
RETURNS = "returned.csv"
STAMP = "timestamp.txt"


@dataclass(frozen=True)
class Standing:
    """How a learner stands with a lesson. What was handed in again after its grading is `handed in`, and what was
    graded again after its return is `graded`. Without a grading that counts, `points` is None; the times are empty
    where nothing has happened.
    """

    student: str
    name: str
    lesson: str
    state: str
    points: float | None
    max_points: float
    handed_in: str = ""
    graded: str = ""
    returned: str = ""

    def __str__(self) -> str:
        return self.state if self.points is None else f"{self.state} {self.points:g}/{self.max_points:g}"


COLUMNS = [field.name for field in fields(Standing)]


@dataclass(frozen=True)
class Returned:
    """A page that was packed for its learner; `page` is its SHA-256, so that a page made anew is not taken for it."""

    time: str
    student: str
    page: str


def standings(folder: Path, lessons: Iterable[str] = ()) -> list[Standing]:
    """One for each learner of the course and each of these lessons, or of all that are released."""
    people = {student: Person(student) for student in [*everybody(folder), *learners(folder)]} | people_of(
        folder
    )
    found = [_of_lesson(folder, lesson, people) for lesson in lessons or released_lessons(folder)]
    return sorted(
        (each for own in found for each in own), key=lambda each: (each.name.casefold(), each.lesson)
    )


def table_of(found: list[Standing]) -> str:
    """A line for each learner with a column for each lesson, and below it a count for each lesson."""
    lessons = sorted({each.lesson for each in found})
    states = {(each.student, each.lesson): str(each) for each in found}
    names = {each.student: each.name for each in found}
    rows = [["", *(lesson[:2] for lesson in lessons)]]
    rows += [[name, *(states[student, lesson] for lesson in lessons)] for student, name in names.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, *(_counted(lesson, found) for lesson in lessons)])


def _counted(lesson: str, found: list[Standing]) -> str:
    own = [each.state for each in found if each.lesson == lesson]
    handed_in, graded, returned = (sum(state in STATES[at:] for state in own) for at in (1, 2, 3))
    return f"{lesson[:2]}: {handed_in} of {len(own)} handed in, {graded} graded, {returned} returned"


def row_of(standing: Standing) -> list[object]:
    """The standing as a row of a table, in the order of COLUMNS."""
    return ["" if each is None else each for each in astuple(standing)]


def returns_of(folder: Path, name: str) -> dict[str, Returned]:
    """The last return of each learner."""
    file = reports(folder, name) / RETURNS
    if not file.is_file():
        return {}
    with file.open(encoding="utf-8-sig", newline="") as rows:
        return {row["student"]: Returned(**row) for row in csv.DictReader(rows)}


def digest_of(page: Path) -> str:
    return hashlib.sha256(page.read_bytes()).hexdigest()


def _of_lesson(folder: Path, name: str, people: dict[str, Person]) -> list[Standing]:
    most = sum(check.points for check in checks_of(parts_of(released(folder, name))))
    handed_in, graded = submitted(folder, name), autograded(folder, name)
    told = {each.student: each.time for each in history_of(folder, name)}
    points, found, returns = points_of(folder, name), pages(folder, name), returns_of(folder, name)
    rows = []
    for student, person in people.items():
        returned = returns.get(student)
        state = _state(handed_in.get(student), graded.get(student), found.get(student), returned)
        counts = state in (GRADED, RETURNED)
        rows.append(Standing(
            student, person.name, name, state,
            points=sum(points.get(student, {}).values()) if counts else None,
            max_points=most,
            handed_in=_stamp(handed_in.get(student)),
            graded=told.get(student, "") if counts else "",
            returned=returned.time if returned and state == RETURNED else "",
        ))  # fmt: skip
    return rows


def _state(handed_in: Path | None, graded: Path | None, page: Path | None, returned: Returned | None) -> str:
    if handed_in is None:
        return NOT_HANDED_IN
    if graded is None or _stamp(graded) != _stamp(handed_in):
        return HANDED_IN
    return RETURNED if returned and page and digest_of(page) == returned.page else GRADED


def _stamp(notebook: Path | None) -> str:
    """When a notebook was collected, as nbgrader keeps it beside the notebook and takes along when it grades."""
    file = notebook.with_name(STAMP) if notebook else None
    return file.read_text("utf-8").strip() if file and file.is_file() else ""
