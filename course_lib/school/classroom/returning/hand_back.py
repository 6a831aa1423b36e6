"""The pages of a lesson in one zip, with the names by which a platform knows whose each is."""

import zipfile
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from course_lib.school.classroom.course_folder import ClassroomError, command, lesson_named
from course_lib.school.classroom.paths import pages, reports
from course_lib.school.classroom.results.history import append_csv
from course_lib.school.classroom.returning.status import (
    GRADED,
    HANDED_IN,
    RETURNED,
    RETURNS,
    Returned,
    digest_of,
    standings,
)
from course_lib.school.classroom.who_is_who import Person, people_of


@dataclass(frozen=True)
class HandedBack:
    """The zip, whose pages are in it, and who waits for a grading of what they handed in last."""

    archive: Path
    students: list[str]
    waiting: list[str]


def hand_back(folder: Path, lesson: str) -> HandedBack:
    """Pack the pages of all whose last hand-in is graded; from now on they count as returned.

    Moodle takes the zip as it is (*Upload multiple feedback files in a zip*). Elsewhere each page has a folder with
    its learner's name.
    """
    name = lesson_named(folder, lesson)
    states = {each.student: each.state for each in standings(folder, [name])}
    students = [student for student, state in states.items() if state in (GRADED, RETURNED)]
    found = {student: page for student, page in pages(folder, name).items() if student in students}
    if not found:
        first = command("grade", folder, name)
        raise ClassroomError(f"there is no page of {name} to hand back. Grade it first: {first}")
    archive = reports(folder, name) / f"{name}_pages.zip"
    _pack(archive, found, people_of(folder, name))
    _remember(folder, name, found)
    return HandedBack(archive, [*found], [student for student, state in states.items() if state == HANDED_IN])


def _pack(archive: Path, found: dict[str, Path], people: dict[str, Person]) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for student, page in found.items():
            packed.write(page, f"{_place(student, people.get(student))}/{page.name}")


def _place(student: str, person: Person | None) -> str:
    """Moodle reads the number between the first two lines of a folder's name, so the name before has none.

    Source: moodle, mod/assign/feedback/file/importziplib.php.
    """
    if person and person.platform == "Moodle" and person.number:
        return f"{person.name.replace('_', ' ')}_{person.number}_assignsubmission_file"
    return student


def _remember(folder: Path, name: str, found: dict[str, Path]) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    rows = [astuple(Returned(now, student, digest_of(page))) for student, page in found.items()]
    append_csv(reports(folder, name) / RETURNS, [field.name for field in fields(Returned)], rows)
