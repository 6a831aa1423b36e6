"""Takes in what learners handed in: for each learner the newest notebook of a lesson, and a word on all the rest."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from course_lib.school.classroom.cells import Part, lessons_checked, name_of, oddities, parts_of, source_of
from course_lib.school.classroom.collecting.archives import File
from course_lib.school.classroom.collecting.decoding import Unreadable
from course_lib.school.classroom.collecting.gradescope import listed_in
from course_lib.school.classroom.collecting.incoming import files_in
from course_lib.school.classroom.collecting.originals import (
    Taken,
    digest_of,
    is_kept,
    keep,
    note_taken,
    taken_of,
)
from course_lib.school.classroom.collecting.platforms import OWN_FILES
from course_lib.school.classroom.collecting.reading import Read, read
from course_lib.school.classroom.collecting.telling_apart import Claim, Question, Told, tell_apart
from course_lib.school.classroom.collecting.whose import (
    Lists,
    Owner,
    folders_around,
    name_beside_lesson,
    naming_folders,
    owner_of,
    weak_name,
)
from course_lib.school.classroom.course_folder import ClassroomError, Notice, lesson_named, released
from course_lib.school.classroom.paths import learners, originals, submitted
from course_lib.school.classroom.people import names_of, people_of, remember

TAKEN, OLDER, ASKED, LEFT_OUT = "taken", "older", "question", "left out"
_NAME = "name|nom|nombre|nome|naam|imię|jméno|namn|navn|nimi|ad|имя|ім'я|名前|氏名|姓名|이름"
NAME_LINE = re.compile(
    rf"^[\s>*_#-]*(?:your |full |my )?(?:{_NAME})[*_ ]*[:=：][*_ ]*(?P<name>[^\n*_#:=]{{2,60}}?)[*_ ]*$",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Row:
    """What becomes of one file: whose it is (or ''), one of four words, and why."""

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


def collect(folder: Path, source: Path, lesson: str, *, dry_run: bool = False) -> Collected:
    """Put the newest notebook of each learner where nbgrader looks for it. `source` is a folder or an archive.

    The files stay as they are, and the course folder keeps a copy of each notebook as it came. Taking in again what
    was there already changes nothing. With `dry_run` nothing is written.
    """
    name = lesson_named(folder, lesson)
    parts = parts_of(released(folder, name))
    if not source.exists():
        raise ClassroomError(f"there is no folder and no zip {source}.")
    names, collected = names_of(folder), Collected()
    files = files_in(source)
    found = list(_usable(files, name, parts, collected))
    told = tell_apart(_claims(found, parts), names, learners(folder), name)
    _tell_questions(found, told, collected)
    for student, own in sorted(_by_student(found, told).items()):
        _take(folder / "submitted" / student / name, own, collected, dry_run=dry_run)
        collected.notices += [Notice(student, odd) for odd in oddities(_newest(own).read.cells, parts)]
    if not dry_run:
        asked = {
            each.key: digest_of(file.content) for each in told.questions for file in files if _at(file, each)
        }
        unclear = {each.key: each.proposal for each in told.questions}
        remember(folder, told.people, unclear, asked=asked, numbers=told.numbers)
    collected.everybody = [*submitted(folder, name)]
    collected.names = {student: person.name for student, person in (told.people | people_of(folder)).items()}
    return collected


def _at(file: File, question: Question) -> bool:
    return file.place.as_posix() == question.place


# What can be taken in


def _usable(files: list[File], name: str, parts: Mapping[str, Part], collected: Collected) -> Iterator[Found]:
    """The notebooks of this lesson, each with whom it names; of every other file a notice says why not."""
    notebooks: list[tuple[File, Read]] = []
    lists = listed_in(files)
    for file in files:
        try:
            notebooks.append((file, _notebook_in(file, name, parts)))
        except Unreadable as error:
            _leave_out(file, error, collected, lists)
    around, _ = folders_around(file.place for file, _ in notebooks)
    for file, notebook in notebooks:
        yield Found(file, notebook, owner_of(file.place, around=around, lists=lists))


def _notebook_in(file: File, name: str, parts: Mapping[str, Part]) -> Read:
    if file.trouble:
        raise Unreadable(file.trouble, file.remedy)
    notebook = read(file.content)
    checked = lessons_checked(notebook.cells)
    own = [name_of(cell) for cell in notebook.cells if name_of(cell) in parts]
    if checked and name[:2] not in checked:
        raise Unreadable(f"belongs to lesson {min(checked)}, not to {name}")
    if not own:
        raise Unreadable(f"has none of the cells of {name}")
    return notebook


def _leave_out(file: File, why: Unreadable, collected: Collected, lists: Lists) -> None:
    owner = owner_of(file.place, lists=lists)
    student = owner.folder if owner else ""
    if OWN_FILES.search(file.place.as_posix()):
        student = student if owner and owner.platform else ""
        collected.tell(Row(str(file.place), student, LEFT_OUT, "is the platform's own"))
        return
    told = f"{file.place} {why.reason}; it was left out. {why.remedy}".strip()
    collected.tell(Row(str(file.place), student, LEFT_OUT, str(why)), told)


# Whose it is


def _claims(found: list[Found], parts: Mapping[str, Part]) -> Iterator[Claim]:
    around, crowded = folders_around(each.file.place for each in found)
    for each in found:
        place = each.file.place
        owner = each.owner
        inside = (
            next(naming_folders(place, around), "") in crowded and owner is not None and not owner.platform
        )
        guess = (_inner_name(place, around) if inside else "") or ("" if owner else _guess(each, parts))
        yield Claim(place.as_posix(), digest_of(each.file.content), owner, inside, guess)


def _inner_name(place: PurePosixPath, around: Iterable[str]) -> str:
    inner = [*naming_folders(place, set(around))][1:2]
    return PurePosixPath(inner[0]).name if inner else name_beside_lesson(place.name) or weak_name(place.name)


def _guess(found: Found, parts: Mapping[str, Part]) -> str:
    """What a learner wrote behind `Name:` into a cell of their own; else a folder's number."""
    own = [source_of(cell) for cell in found.read.cells if name_of(cell) not in parts]
    lines = (line for source in own for line in NAME_LINE.finditer(source))
    said = next((line["name"].strip(" \"'") for line in lines), "")
    return said or next((part for part in found.file.place.parts[:-1] if part.isdecimal()), "")


def _tell_questions(found: list[Found], told: Told, collected: Collected) -> None:
    collected.questions = sorted(told.questions, key=lambda question: question.place)
    for question in collected.questions:
        collected.tell(Row(question.place, question.guess, ASKED, question.why))
    for place in sorted(told.left_out):
        collected.tell(Row(place, "", LEFT_OUT, "names.json says so"))


def _by_student(found: list[Found], told: Told) -> dict[str, list[Found]]:
    by_student: dict[str, list[Found]] = {}
    for each in found:
        if student := told.learners.get(each.file.place.as_posix()):
            by_student.setdefault(student, []).append(each)
    return by_student


# Taking it in


def _newest(found: list[Found]) -> Found:
    return max(found, key=lambda each: each.newness)


def _take(place: Path, found: list[Found], collected: Collected, *, dry_run: bool) -> None:
    """The newest of a learner's notebooks, if what was collected before is not newer still; all the others are kept."""
    student, newest = place.parent.name, _newest(found)
    kept = originals(place.parents[2], place.name, student)
    before = taken_of(kept)
    collected.students.append(student)
    for each in found:
        if each is not newest and each.file.content != newest.file.content:
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
