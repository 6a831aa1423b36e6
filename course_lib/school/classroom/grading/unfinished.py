"""What grading has begun and not finished, so that it can be interrupted at any time, and goes on where it was."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

import course_lib
from course_lib.school.classroom.course_folder import ClassroomError
from course_lib.school.classroom.paths import autograded, submitted
from course_lib.school.classroom.results.points import in_gradebook

OWN = ".grading"
"""The folder for all this in a course folder."""


@contextmanager
def alone(folder: Path) -> Iterator[Path]:
    """Keep others from grading in this course folder; gives a folder for what is not whole yet, emptied."""
    own = folder / OWN
    own.mkdir(exist_ok=True)
    try:
        with FileLock(own / "lock", timeout=0):
            apart = own / "apart"
            shutil.rmtree(apart, ignore_errors=True)
            apart.mkdir(exist_ok=True)
            yield apart
            shutil.rmtree(apart, ignore_errors=True)
    except Timeout:
        raise ClassroomError(
            f"another program is grading in {folder} now. Wait until it has ended."
        ) from None


def mark_unfinished(folder: Path, name: str, student: str) -> Path:
    """A file that says that this learner's grading has begun; whoever finishes it removes the file."""
    file = folder / OWN / "unfinished" / name / student
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return file


def finished(folder: Path, name: str) -> set[str]:
    """Whose newest notebook is graded, with everything that belongs to it."""
    graded = autograded(folder, name)
    begun = {path.name for path in (folder / OWN / "unfinished" / name).glob("*")}
    whole = {
        student
        for student, notebook in submitted(folder, name).items()
        if student in graded and student not in begun and _time_of(notebook) == _time_of(graded[student])
    }
    return whole and whole & in_gradebook(
        folder, name
    )  # who has graded nobody yet need not wait for nbgrader


def _time_of(notebook: Path) -> bytes:
    """When it was collected; nbgrader keeps the time beside the notebook."""
    file = notebook.parent / "timestamp.txt"
    return file.read_bytes() if file.is_file() else b""


class Again:
    """Who was graded again already, by a grading of all that was interrupted: with other judges it begins anew."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / OWN / f"again-{name}-{_judges()}.txt"

    def done(self) -> set[str]:
        return set(self._file.read_text("utf-8").splitlines()) if self._file.is_file() else set()

    def add(self, student: str) -> None:
        with self._file.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{student}\n")

    def end(self) -> None:
        self._file.unlink(missing_ok=True)


def _judges() -> str:
    """A name for the kit as it is now: another one where a line of it has changed."""
    place = Path(course_lib.__file__).parent
    told = hashlib.sha256()
    for file in sorted(place.rglob("*.py")):
        told.update(file.read_bytes())
    return told.hexdigest()[:12]
