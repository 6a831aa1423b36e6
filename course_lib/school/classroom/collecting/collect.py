"""Takes in what learners handed in: for each learner the newest notebook of a lesson, and a word on all the rest."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from course_lib.school.classroom.cells import Part, cells_of, lessons_checked, name_of, oddities, parts_of
from course_lib.school.classroom.collecting.incoming import File, files_in
from course_lib.school.classroom.collecting.platforms import as_folder, name_in
from course_lib.school.classroom.course_folder import ClassroomError, Notice, lesson_named, released
from course_lib.school.classroom.paths import learners, submitted
from course_lib.school.classroom.people import Person, remember
from course_lib.school.lessons.course import lessons


@dataclass
class Collected:
    """Whose notebooks were taken in, and what a teacher should know about them.

    `everybody` are all whose notebooks of the lesson are in the course folder now, `names` how they write themselves.
    """

    students: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    everybody: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


def collect(folder: Path, source: Path, lesson: str) -> Collected:
    """Put the newest notebook of each learner where nbgrader looks for it. `source` is a folder or a zip.

    The files stay as they are. Taking in again what was there already changes nothing.
    """
    name = lesson_named(folder, lesson)
    parts = parts_of(released(folder, name))
    if not source.exists():
        raise ClassroomError(f"there is no folder and no zip {source}.")
    collected = Collected()
    known = learners(folder)
    usable = _usable(files_in(source), name, parts, collected)
    for student, found in sorted(_by_student(usable, known).items()):
        newest = _newest(student, found, collected)
        collected.students.append(student)
        collected.notices += [Notice(student, told) for told in oddities(cells_of(newest.content), parts)]
        collected.notices += _store(folder / "submitted" / student / name, newest)
    collected.notices += _perhaps_the_same(collected.students, learners(folder))
    collected.everybody = [*submitted(folder, name)]
    remember(folder, {student: Person(name) for student, name in collected.names.items()}, {})
    return collected


def _usable(
    files: Iterable[File], name: str, parts: dict[str, Part], collected: Collected
) -> list[tuple[str, File]]:
    """The notebooks of this lesson, each with its learner; of every other file a notice says why not."""
    usable = []
    for file in files:
        written = name_in(file.place, [lesson.name for lesson in lessons()])
        student = as_folder(written)
        why_not = file.trouble or _why_not(file, name, parts)
        if why_not:
            collected.notices.append(Notice(student, f"{file.place} {why_not}; it was left out."))
        elif not student:
            collected.notices.append(Notice("", f"{file.place} {_nameless(name)}"))
        else:
            collected.names[student] = written
            usable.append((student, file))
    return usable


def _nameless(name: str) -> str:
    better = f"Name it {name}_ANNA.ipynb, with the learner's name for ANNA, or put it into a folder ANNA."
    return f"does not say whose it is; it was left out. {better}"


def _why_not(file: File, name: str, parts: dict[str, Part]) -> str:
    try:
        cells = cells_of(file.content)
    except ValueError:  # also of bytes that are no text, and of text that is no JSON
        return "is no notebook"
    checked = lessons_checked(cells)
    own = [name_of(cell) for cell in cells if name_of(cell) in parts]
    if checked and name[:2] not in checked:
        return f"belongs to lesson {min(checked)}, not to {name}"
    return "" if own else f"has none of the cells of {name}"


def _by_student(files: list[tuple[str, File]], known: list[str]) -> dict[str, list[File]]:
    """Two spellings that some systems take for one folder are one learner, and the one known already stays."""
    spelling = {student.casefold(): student for student in known}
    found: dict[str, list[File]] = {}
    for student, file in files:
        found.setdefault(spelling.setdefault(student.casefold(), student), []).append(file)
    return found


def _perhaps_the_same(students: list[str], everybody: list[str]) -> list[Notice]:
    """Jürgen_Müller and Müller_Jürgen stay two, and a teacher is asked."""
    return [
        Notice(student, f"has the same names as {other}. Is that one person? Both notebooks are kept.")
        for student in students
        for other in everybody
        if other != student and _names_in(student) == _names_in(other)
    ]


def _names_in(student: str) -> list[str]:
    return sorted(re.split(r"[\W_]+", student.casefold()))


def _newest(student: str, files: list[File], collected: Collected) -> File:
    newest = max(files, key=lambda file: file.seconds)
    for file in files:
        if file is not newest and file.content != newest.content:
            told = f"{file.place} is older than {newest.place}; the newer one was taken."
            collected.notices.append(Notice(student, told))
    return newest


def _store(place: Path, file: File) -> list[Notice]:
    """Write the notebook, and the time beside it: nbgrader grades again what is newer than its grading."""
    notebook = place / f"{place.name}.ipynb"
    if notebook.exists() and notebook.read_bytes() == file.content:
        return []
    again = notebook.exists()
    place.mkdir(parents=True, exist_ok=True)
    notebook.write_bytes(file.content)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    (place / "timestamp.txt").write_text(now, encoding="utf-8", newline="\n")
    return [Notice(place.parent.name, "took the place of what was collected before.")] if again else []
