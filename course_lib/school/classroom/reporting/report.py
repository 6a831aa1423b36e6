"""The teacher's report on a lesson: who passed what, and which misconception how many met; as tables and as a page."""

from collections import Counter
from pathlib import Path

from course_lib.school.classroom.cells import Part, checks_of, parts_of
from course_lib.school.classroom.course_folder import ClassroomError, command, lesson_named, released
from course_lib.school.classroom.paths import pages, reports, write_csv
from course_lib.school.classroom.people import people_of
from course_lib.school.classroom.reporting.teachers_page import Class, page_of
from course_lib.school.classroom.results.graded_outcomes import OUTCOMES, Result, met, results_of
from course_lib.school.classroom.results.points import points_of
from course_lib.school.classroom.results.unusual import odd_cells, stops
from course_lib.school.exercises.outcomes import PASSED


def report(folder: Path, lesson: str) -> Path:
    """Write exercises.csv, outcomes.csv and report.html from what was graded; gives the page."""
    name = lesson_named(folder, lesson)
    parts = parts_of(released(folder, name))
    results = results_of(folder, name, parts)
    if not results:
        first = command("grade", folder, name)
        raise ClassroomError(f"nothing of {name} is graded yet. Grade it first: {first}")
    checks = checks_of(parts)
    place = reports(folder, name)
    write_csv(place / "outcomes.csv", _outcomes(results))
    write_csv(place / "exercises.csv", [_HEAD, *(_line(check, results) for check in checks)])
    page = place / "report.html"
    page.write_text(page_of(_class(folder, name, parts, results)), encoding="utf-8", newline="\n")
    return page


_HEAD = ["exercise", "title", "points", "learners", *OUTCOMES, "misconceptions", "slips", "who passed"]


def _class(folder: Path, name: str, parts: dict[str, Part], results: list[Result]) -> Class:
    return Class(
        name=name, checks=checks_of(parts), results=results,
        names={student: person.name for student, person in people_of(folder).items()},
        totals={student: sum(own.values()) for student, own in points_of(folder, name).items()},
        pages={student: "/".join(page.parts[-4:]) for student, page in pages(folder, name).items()},
        unusual=[*odd_cells(folder, name, parts), *stops(folder, name, parts, results)],
    )  # fmt: skip


def _outcomes(results: list[Result]) -> list[list[str]]:
    rows = [[each.student, each.exercise, each.outcome, each.why, each.told] for each in results]
    return [["student", "exercise", "outcome", "why", "told"], *rows]


def _line(check: Part, results: list[Result]) -> list[object]:
    own = [result for result in results if result.exercise == check.exercise]
    times = Counter(result.outcome for result in own)
    passed = [result.student for result in own if result.outcome == PASSED]
    counts = [times[outcome] for outcome in OUTCOMES]
    ways = ["; ".join(str(each) for each in met(own, slips=slips)) for slips in (False, True)]
    return [check.exercise, check.title, check.points, len(own), *counts, *ways, "; ".join(passed)]
