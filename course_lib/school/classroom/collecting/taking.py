"""The newest notebook of a learner goes into `submitted`, and each one among the originals."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from course_lib.school.classroom.collecting.archives import File
from course_lib.school.classroom.collecting.originals import Taken, is_kept, keep, note_taken, taken_of
from course_lib.school.classroom.collecting.reading import Read
from course_lib.school.classroom.collecting.telling_apart import Question
from course_lib.school.classroom.collecting.whose import Owner
from course_lib.school.classroom.course_folder import Notice
from course_lib.school.classroom.paths import originals

TAKEN, OLDER, SAME, ASKED, LEFT_OUT = "taken", "older", "the same", "question", "left out"


@dataclass(frozen=True)
class Row:
    """What becomes of one file: whose it is (or ''), one of five words, and why."""

    place: str
    student: str
    what: str
    why: str = ""


@dataclass
class Collected:
    """Whose notebooks were taken in, and what a teacher should know about them.

    `everybody` are all whose notebooks of the lesson are in the course folder now, `names` how they write themselves.
    `rows` has a line for each file, and `questions` are those that nobody but a teacher can answer.
    """

    students: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    everybody: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def tell(self, row: Row, told: str = "") -> None:
        self.rows.append(row)
        if told:
            self.notices.append(Notice(row.student, told))


@dataclass(frozen=True)
class Found:
    """A notebook of the lesson: the file, what was read in it, and whom its path names."""

    file: File
    read: Read
    owner: Owner | None

    @property
    def newness(self) -> tuple[int, float]:
        return (self.owner.version if self.owner else 0, self.seconds)

    @property
    def seconds(self) -> float:
        told = self.owner.seconds if self.owner else None
        return self.file.seconds if told is None else told


def newest_of(found: list[Found]) -> Found:
    return max(found, key=lambda each: each.newness)


def take(place: Path, found: list[Found], collected: Collected, *, dry_run: bool) -> None:
    """The newest of a learner's notebooks, if what was collected before is not newer still; all the others are kept."""
    student, newest = place.parent.name, newest_of(found)
    kept = originals(place.parents[2], place.name, student)
    before = taken_of(kept)
    collected.students.append(student)
    for each in found:
        if each is not newest and each.file.content == newest.file.content:
            collected.tell(Row(str(each.file.place), student, SAME, f"is the same as {newest.file.place}"))
        elif each is not newest:
            told = f"{each.file.place} is older than {newest.file.place}; the newer one was taken."
            collected.tell(Row(str(each.file.place), student, OLDER, told), told)
    if before and _is_older(newest, before, kept):
        told = f"{newest.file.place} is older than {before.place}, which was collected before and stays."
        collected.tell(Row(str(newest.file.place), student, OLDER, told), told)
    else:
        collected.tell(Row(str(newest.file.place), student, TAKEN, _mended(newest)), _mended(newest))
        if not dry_run:
            collected.notices += _store(place, kept, newest)
    for each in () if dry_run else found:
        keep(kept, each.file.place.name, each.file.content, each.seconds)


def _mended(found: Found) -> str:
    if not found.read.mended:
        return ""
    return (
        f"{found.file.place} was mended: {', '.join(dict.fromkeys(found.read.mended))}. Its original is kept."
    )


def _is_older(newest: Found, before: Taken, kept: Path) -> bool:
    same = is_kept(kept, newest.file.content)
    return newest.seconds < before.seconds and not (same and same.name == before.original)


def _store(place: Path, kept: Path, found: Found) -> list[Notice]:
    """Write the notebook, and the time beside it: nbgrader grades again what is newer than its grading."""
    notebook = place / f"{place.name}.ipynb"
    original = keep(kept, found.file.place.name, found.file.content, found.seconds)
    before, again = taken_of(kept), notebook.exists()
    if again and notebook.read_bytes() == found.read.content:
        if before is None or before.original != original.name:
            note_taken(kept, found.file, found.seconds, original)
        return []
    if again and before is None:  # of a course folder that kept no originals
        keep(kept, notebook.name, notebook.read_bytes(), notebook.stat().st_mtime)
    place.mkdir(parents=True, exist_ok=True)
    half = place / "half.new"
    half.write_bytes(found.read.content)
    half.replace(notebook)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    (place / "timestamp.txt").write_text(now, encoding="utf-8", newline="\n")
    note_taken(kept, found.file, found.seconds, original)
    return [Notice(place.parent.name, "took the place of what was collected before.")] if again else []
