"""Takes in what learners handed in: for each learner the newest notebook of a lesson, and a word on all the rest."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from course_lib.school.classroom.cells import Part, lessons_checked, name_of, oddities, parts_of, source_of
from course_lib.school.classroom.collecting.archives import File
from course_lib.school.classroom.collecting.decoding import Unreadable
from course_lib.school.classroom.collecting.gradescope import listed_in
from course_lib.school.classroom.collecting.incoming import files_in
from course_lib.school.classroom.collecting.originals import digest_of
from course_lib.school.classroom.collecting.platforms import OWN_FILES
from course_lib.school.classroom.collecting.reading import Read, read
from course_lib.school.classroom.collecting.taking import (
    ASKED,
    LEFT_OUT,
    Collected,
    Found,
    Row,
    newest_of,
    take,
)
from course_lib.school.classroom.collecting.telling_apart import Claim, Told, number_key, tell_apart
from course_lib.school.classroom.collecting.whose import (
    Owner,
    folders_around,
    name_beside_lesson,
    naming_folders,
    owner_of,
    weak_name,
)
from course_lib.school.classroom.course_folder import ClassroomError, Notice, lesson_named, released
from course_lib.school.classroom.paths import learners, submitted
from course_lib.school.classroom.who_is_who import names_of, people_of, remember

DIGITS = 16  # of a digest, by which names.json knows a notebook that was asked about
_NAME = "name|nom|nombre|nome|naam|imię|jméno|namn|navn|nimi|ad|имя|ім'я|名前|氏名|姓名|이름"
NAME_LINE = re.compile(
    rf"^[\s>*_#-]*(?:your |full |my )?(?:{_NAME})[*_ ]*[:=：][*_ ]*(?P<name>[^\n*_#:=]{{2,60}}?)[*_ ]*$",
    re.IGNORECASE | re.MULTILINE,
)


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
    found, spoilt = _usable(files, name, parts)
    told = tell_apart(_claims(found, parts), names, learners(folder), name)
    for each in spoilt:
        _leave_out(each, _known_as(each, name, told.numbers | names.numbers), collected)
    _tell_questions(told, collected)
    for student, own in sorted(_by_student(found, told).items()):
        take(folder / "submitted" / student / name, own, collected, dry_run=dry_run)
        collected.notices += [Notice(student, odd) for odd in oddities(newest_of(own).read.cells, parts)]
    if not dry_run:
        asked = {each.key: each.digest for each in told.questions}
        unclear = {each.key: each.proposal for each in told.questions}
        remember(folder, told.people, unclear, asked=asked, numbers=told.numbers)
    collected.everybody = [*submitted(folder, name)]
    collected.names = {student: person.name for student, person in (told.people | people_of(folder)).items()}
    return collected


# What can be taken in


@dataclass(frozen=True)
class _Spoilt:
    """A file that is no notebook of the lesson, why, and whom its path names."""

    file: File
    why: Unreadable
    owner: Owner | None

    @property
    def is_a_platforms_own(self) -> bool:
        return OWN_FILES.search(str(self.file.place)) is not None


def _usable(files: list[File], name: str, parts: Mapping[str, Part]) -> tuple[list[Found], list[_Spoilt]]:
    """The notebooks of this lesson, and every other file."""
    notebooks, others = {}, {}
    for file in files:
        try:
            notebooks[file.place] = file, _notebook_in(file, name, parts)
        except Unreadable as error:
            others[file.place] = file, error
    lists, (around, _) = listed_in(files), folders_around(notebooks)
    owners = {file.place: owner_of(file.place, around=around, lists=lists) for file in files}
    found = [Found(file, own, owners[file.place]) for file, own in notebooks.values()]
    return found, [_Spoilt(file, why, owners[file.place]) for file, why in others.values()]


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


def _known_as(spoilt: _Spoilt, name: str, numbers: Mapping[str, str]) -> str:
    """The learner's folder for a file that is left out, as far as its path says it; or ''."""
    owner = spoilt.owner
    if owner is None or (spoilt.is_a_platforms_own and not owner.platform):
        return ""
    return numbers.get(number_key(owner, name), owner.folder)


def _leave_out(spoilt: _Spoilt, student: str, collected: Collected) -> None:
    place, why = str(spoilt.file.place), spoilt.why
    if spoilt.is_a_platforms_own:
        collected.tell(Row(place, student, LEFT_OUT, "is the platform's own"))
        return
    told = f"{place} {why.reason}; it was left out. {why.remedy}".strip()
    collected.tell(Row(place, student, LEFT_OUT, str(why)), told)


# Whose it is


def _claims(found: list[Found], parts: Mapping[str, Part]) -> Iterator[Claim]:
    around, crowded = folders_around(each.file.place for each in found)
    for each in found:
        place = each.file.place
        owner = each.owner
        folder = owner.loose if owner and owner.platform else next(naming_folders(place, around), "")
        inside = owner is not None and folder in crowded
        guess = (_inner_name(place, around) if inside else "") or ("" if owner else _guess(each, parts))
        yield Claim(place.as_posix(), digest_of(each.file.content)[:DIGITS], owner, inside, guess)


def _inner_name(place: PurePosixPath, around: Iterable[str]) -> str:
    inner = [*naming_folders(place, set(around))][1:2]
    return PurePosixPath(inner[0]).name if inner else name_beside_lesson(place.name) or weak_name(place.name)


def _guess(found: Found, parts: Mapping[str, Part]) -> str:
    """What a learner wrote behind `Name:` into a cell of their own; else a folder's number."""
    own = [source_of(cell) for cell in found.read.cells if name_of(cell) not in parts]
    lines = (line for source in own for line in NAME_LINE.finditer(source))
    said = next((line["name"].strip(" \"'") for line in lines), "")
    return said or next((part for part in found.file.place.parts[:-1] if part.isdecimal()), "")


def _tell_questions(told: Told, collected: Collected) -> None:
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
