"""Takes in what learners handed in: for each learner the newest notebook of a lesson, and a word on all the rest."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from course_lib.lab.classroom.cells import Part, cells_of, lessons_checked, name_of, oddities, parts_of
from course_lib.lab.classroom.folder import ClassroomError, Notice, lesson_named, released
from course_lib.lab.classroom.incoming import File, files_in, student_of
from course_lib.lab.course import lessons


@dataclass
class Collected:
    """Whose notebooks are in the course folder now, and what a teacher should know about them."""

    students: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


def collect(folder: Path, source: Path, lesson: str) -> Collected:
    """Put the newest notebook of each learner where nbgrader looks for it. `source` is a folder or a zip.

    The files stay as they are. Taking in again what was there already changes nothing.
    """
    name = lesson_named(folder, lesson)
    parts = parts_of(released(folder, name))
    if not source.exists():
        raise ClassroomError(f"there is no folder and no zip {source}.")
    collected = Collected()
    for student, found in sorted(_by_student(_usable(files_in(source), name, parts, collected)).items()):
        newest = _newest(student, found, collected)
        collected.students.append(student)
        collected.notices += [Notice(student, told) for told in oddities(cells_of(newest.content), parts)]
        collected.notices += _store(folder / "submitted" / student / name, newest)
    return collected


def submitted(folder: Path, name: str) -> dict[str, Path]:
    """The collected notebooks of a lesson, by learner."""
    found = sorted((folder / "submitted").glob(f"*/{name}/{name}.ipynb"))
    return {path.parents[1].name: path for path in found}


def _usable(
    files: Iterable[File], name: str, parts: dict[str, Part], collected: Collected
) -> list[tuple[str, File]]:
    """The notebooks of this lesson, each with its learner; of every other file a notice says why not."""
    usable = []
    for file in files:
        student = student_of(file.place, [lesson.name for lesson in lessons()])
        why_not = (
            file.trouble or _why_not(file, name, parts) or ("" if student else "does not say whose it is")
        )
        if why_not:
            collected.notices.append(Notice(student, f"{file.place} {why_not}; it was left out."))
        else:
            usable.append((student, file))
    return usable


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


def _by_student(files: list[tuple[str, File]]) -> dict[str, list[File]]:
    """Two spellings that some systems take for one folder are one learner."""
    spelling: dict[str, str] = {}
    found: dict[str, list[File]] = {}
    for student, file in files:
        found.setdefault(spelling.setdefault(student.casefold(), student), []).append(file)
    return found


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
