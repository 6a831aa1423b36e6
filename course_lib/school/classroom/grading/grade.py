"""Runs what was collected, and turns it into points, pages for the learners and a table."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from course_lib.school.classroom.cells import Part, checks_of, parts_of
from course_lib.school.classroom.course_folder import (
    ClassroomError,
    Notice,
    command,
    lesson_named,
    released,
    run_nbgrader,
)
from course_lib.school.classroom.paths import autograded, pages, reports, submitted, write_csv
from course_lib.school.classroom.results.graded_outcomes import results_of
from course_lib.school.classroom.results.points import table_of_points
from course_lib.school.classroom.results.unusual import hanging_answers, stops

SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.IGNORECASE | re.DOTALL)
CONTENTS = re.compile(r"""(<a href="#(?P<name>[^"]+)">)Test cell(?=</a>)""")
GRADE_CELL = re.compile(r"Grade cell: <code>(?P<name>[^<]+)</code>")
STYLE = "<style>th, td { padding: .2em .7em; vertical-align: top; } caption { color: inherit; }</style>"
HEARD = re.compile(
    r"(?P<word>Sanitizing|Skipping existing assignment:) .*[/\\](submitted|autograded)[/\\](?P<student>[^/\\]+)[/\\]"
)


@dataclass(frozen=True)
class Graded:
    """The table of points, the page of each learner, who could not be graded, and what was stopped."""

    table: Path
    pages: dict[str, Path]
    notices: list[Notice]


def grade(folder: Path, lesson: str, *, again: bool = False, tell: Callable[[str], object] = str) -> Graded:
    """Run every notebook that is new since the last time, or with `again` all of them. This runs learners' code.

    A cell that does not end is stopped after a minute; the points of all other cells stay. `tell` hears, for each
    learner, a line as soon as the turn comes.
    """
    name = lesson_named(folder, lesson)
    parts = parts_of(released(folder, name))
    students = [*submitted(folder, name)]
    if not students:
        first = command("collect", folder, name, "FROM")
        raise ClassroomError(f"nothing of {name} is collected yet. Collect it first: {first}")
    failed = _autograde(folder, name, students, again=again, tell=tell)
    points = table_of_points(folder, name, checks_of(parts))
    table = write_csv(reports(folder, name) / "grades.csv", points)
    tell("writing the learners' pages")
    found = _write_pages(folder, name, parts)
    results = results_of(folder, name, parts)
    return Graded(table, found, [*failed, *stops(folder, name, parts, results), *hanging_answers(results)])


def _autograde(
    folder: Path, name: str, students: list[str], *, again: bool, tell: Callable[[str], object]
) -> list[Notice]:
    """Let nbgrader run the notebooks; who could not be graded is told."""
    words = ["autograde", name, *(["--force"] if again else [])]
    log = run_nbgrader(
        folder, *words, heard=lambda line: tell(turn) if (turn := _turn(line, students)) else ""
    )
    log_file = reports(folder, name) / "grading.log"
    log_file.write_text(log, encoding="utf-8", newline="\n")
    graded = autograded(folder, name)
    if not graded:
        raise ClassroomError(f"nbgrader could grade nobody; what it said is in {log_file}.")
    told = f"could not be graded; what nbgrader said is in {log_file}."
    return [Notice(student, told) for student in students if student not in graded]


def _turn(line: str, students: list[str]) -> str:
    """Whose turn it is, out of a line of nbgrader's log; '' for all other lines."""
    heard = HEARD.search(line)
    if heard is None or heard["student"] not in students:
        return ""
    place = f"{students.index(heard['student']) + 1} of {len(students)}: {heard['student']}"
    return place if heard["word"] == "Sanitizing" else f"{place} is graded, and nothing is new"


def _write_pages(folder: Path, name: str, parts: Mapping[str, Part]) -> dict[str, Path]:
    """Each learner's notebook as a page, with its points."""
    run_nbgrader(folder, "generate_feedback", name, "--force")
    found = pages(folder, name)
    for page in found.values():
        page.write_text(for_learners(page.read_text("utf-8"), parts), encoding="utf-8", newline="\n")
    return found


def for_learners(page: str, parts: Mapping[str, Part]) -> str:
    """nbgrader's page without scripts, which it would load from elsewhere, and with the exercises by their names."""

    def title(cell: re.Match[str]) -> str:
        part = parts.get(cell["name"])
        return escape(f"{part.exercise} {part.title}") if part else cell["name"]

    page = SCRIPT.sub("", page).replace("</head>", f"{STYLE}\n</head>", 1)
    page = CONTENTS.sub(lambda cell: cell[1] + title(cell), page)
    page = GRADE_CELL.sub(lambda cell: f"The check of {title(cell)}", page)
    return page.replace(">Student's answer<", ">Your answer<")
