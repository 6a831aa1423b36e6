"""The points of a lesson in the files that Moodle and Canvas import.

fill(folder, "07", MOODLE, Path("worksheet.csv"))   the platform's own file, with the points in it
write(folder, "07", CANVAS)                         a file of our own, for those whose number is known

A file of the platform's own is the surer way: it knows everybody, in the language of its site.
"""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from course_lib.school.classroom.course_folder import ClassroomError, lesson_named
from course_lib.school.classroom.paths import reports, write_csv
from course_lib.school.classroom.returning.status import Standing, standings
from course_lib.school.classroom.who_is_who import Person, people_of
from course_lib.school.lessons.course import title_of

Row = list[str]
NUMBER = re.compile(r"\d+$")  # of `Participant 11`, in whatever language
MOST_WORDS = 5  # of a name that is tried in every order


@dataclass(frozen=True)
class GradebookFile:
    """What a platform asks of a file of grades. `who` are its number for a learner and the learner's name, each with
    the place where it stands when the heading is in another language; `points` is a pattern for the heading of the
    column that takes them; `source` says where the importer is to be read.
    """

    platform: str
    columns: tuple[str, ...]
    who: tuple[tuple[int, str], tuple[int, str]]
    points: str
    source: str
    line: Callable[[Person, Standing], list[object]]
    first: Callable[[float], list[list[object]]] = lambda most: []


MOODLE = GradebookFile(
    platform="Moodle",
    columns=("Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)"),
    who=((0, "Identifier"), (1, "Full name")), points="grade",
    source="moodle, mod/assign/feedback/offline/importgradeslib.php: Identifier, Grade and Last modified (grade)",
    line=lambda person, own: [
        f"Participant {person.number}", person.name, own.points, own.max_points, own.graded[:16].replace("T", " "),
    ],
)  # fmt: skip
CANVAS = GradebookFile(
    platform="Canvas",
    columns=("Student", "ID", "SIS User ID", "SIS Login ID", "Section", "{lesson}"),
    who=((1, "ID"), (0, "Student")), points=r"{lesson}( \(\d+\))?",
    source="canvas-lms, lib/gradebook_importer.rb: Student, ID and Section stand first, then the assignments",
    line=lambda person, own: [person.name, person.number, "", "", "", own.points],
    first=lambda most: [["    Points Possible", "", "", "", "", most]],
)  # fmt: skip
PLATFORMS = (MOODLE, CANVAS)


@dataclass(frozen=True)
class Written:
    """The file, how many points are in it, and whom it could not take."""

    path: Path
    learners: int
    left_out: list[str]


def write(folder: Path, lesson: str, kind: GradebookFile) -> Written:
    """A file with those whose number this platform gave with their notebook; the others are named."""
    name = lesson_named(folder, lesson)
    own, people = _graded(folder, name), people_of(folder, name)
    known = [each for each in own if _number(people, each.student, kind)]
    if not known:
        raise ClassroomError(
            f"of nobody graded in {name} is a number of {kind.platform} known. Export a file there, and name it."
        )
    heads = [column.format(lesson=title_of(known[0].lesson)) for column in kind.columns]
    lines = [[_plain(value) for value in kind.line(people[each.student], each)] for each in known]
    first = [[_plain(value) for value in line] for line in kind.first(known[0].max_points)]
    path = _path(folder, name, kind)
    write_csv(path, [heads, *first, *lines])
    return Written(path, len(known), [each.name for each in own if each not in known])


def fill(folder: Path, lesson: str, kind: GradebookFile, exported: Path, *, column: str = "") -> Written:
    """A copy of the platform's file with the points in the column of this lesson; all else in it stays."""
    name = lesson_named(folder, lesson)
    own, people = _graded(folder, name), people_of(folder, name)
    separator, rows = _read(exported)
    at = _columns(exported, rows[0], kind, column or kind.points.format(lesson=title_of(own[0].lesson)))
    found = _match([row for row in rows[1:] if len(row) > at.points], own, people, kind, at)
    for standing, row in found:
        row[at.points] = _plain(standing.points)
    path = _path(folder, name, kind)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    matched = {standing.student for standing, _ in found}
    return Written(path, len(matched), [each.name for each in own if each.student not in matched])


@dataclass(frozen=True)
class _At:
    """Where the columns stand."""

    number: int
    name: int
    points: int


def _graded(folder: Path, name: str) -> list[Standing]:
    own = [each for each in standings(folder, [name]) if each.points is not None]
    if not own:
        raise ClassroomError(f"nothing of {name} is graded yet, so there are no points to write.")
    return own


def _number(people: Mapping[str, Person], student: str, kind: GradebookFile) -> str:
    person = people.get(student)
    return person.number if person and person.platform == kind.platform else ""


def _plain(value: object) -> str:
    """A number as both importers read it: with a point, and without one where it is whole."""
    return f"{value:g}" if isinstance(value, float | int) else str(value or "")


def _path(folder: Path, name: str, kind: GradebookFile) -> Path:
    return reports(folder, name) / f"points_for_{kind.platform.lower()}.csv"


def _read(exported: Path) -> tuple[str, list[Row]]:
    """What separates the columns, which some sites do by semicolons, and the rows."""
    try:
        text = exported.read_text("utf-8-sig")
        separator = csv.Sniffer().sniff(text.partition("\n")[0], delimiters=",;\t").delimiter
    except (OSError, ValueError, csv.Error) as error:
        raise ClassroomError(f"{exported} cannot be read as a table: {error}.") from None
    return separator, [*csv.reader(io.StringIO(text, newline=""), delimiter=separator)]


def _columns(exported: Path, heads: Row, kind: GradebookFile, points: str) -> _At:
    """The number and the name stand first in both files, whatever their language calls them."""
    there = [head.strip() for head in heads]
    found = [
        at for at, head in enumerate(there) if head == points or re.fullmatch(points, head, re.IGNORECASE)
    ]
    if len(found) != 1:
        raise ClassroomError(
            f"{exported} has {len(found) or 'no'} columns {points!r} for these points, among "
            f"{', '.join(filter(None, there))}. Name the right one with --column."
        )
    number, name = (there.index(head) if head in there else place for place, head in kind.who)
    return _At(number, name, found[0])


def _match(
    rows: list[Row], own: list[Standing], people: Mapping[str, Person], kind: GradebookFile, at: _At
) -> list[tuple[Standing, Row]]:
    """Each learner with their row: by the platform's number, and without one by a name that no other row has."""
    by_number = {found[0]: row for row in rows if (found := NUMBER.search(row[at.number].strip()))}
    pairs = []
    for standing in own:
        number = _number(people, standing.student, kind)
        named = [row for row in rows if not number and _is_one_name(row[at.name], standing.name)]
        if row := by_number.get(number) or (named[0] if len(named) == 1 else None):
            pairs.append((standing, row))
    times = Counter(id(row) for _, row in pairs)
    return [(standing, row) for standing, row in pairs if times[id(row)] == 1]


def _is_one_name(one: str, other: str) -> bool:
    """`Berg, Anna Lena` is `Anna Lena Berg`, and `bergannalena` too."""
    return bool(_spellings(one) & _spellings(other))


def _spellings(name: str) -> set[str]:
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", name).casefold())
    orders = permutations(words) if len(words) <= MOST_WORDS else [words]
    return {"".join(order) for order in orders} - {""}
