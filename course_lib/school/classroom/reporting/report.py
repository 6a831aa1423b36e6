"""The teacher's report on a lesson, as tables and as pages: one for the class, and one for each of its learners."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from course_lib.school.classroom.cells import Part, checks_of, parts_of
from course_lib.school.classroom.course_folder import ClassroomError, Notice, command, lesson_named, released
from course_lib.school.classroom.paths import graded_lessons, pages, reports, write_csv
from course_lib.school.classroom.reporting.learners_page import LearnersLesson, learners_page
from course_lib.school.classroom.reporting.next_hour import next_hour
from course_lib.school.classroom.reporting.over_time import MetOverTime, over_time
from course_lib.school.classroom.reporting.teachers_page import Class, page_of
from course_lib.school.classroom.results.graded_outcomes import OUTCOMES, Result, met, results_of
from course_lib.school.classroom.results.history import Told, history_of
from course_lib.school.classroom.results.points import points_of
from course_lib.school.classroom.results.unusual import odd_cells, stops
from course_lib.school.classroom.who_is_who import Person, people_of
from course_lib.school.exercises.outcomes import PASSED


@dataclass(frozen=True)
class Lesson:
    """All that grading left of a lesson."""

    name: str
    parts: dict[str, Part]
    results: list[Result]
    points: dict[str, dict[str, float]]
    history: list[Told]
    unusual: list[Notice]
    pages: dict[str, str]


def report(folder: Path, lesson: str) -> Path:
    """Write the tables and pages of what was graded; gives the page of the class.

    The pages of learners show each lesson that is graded, so they are written anew with every report.
    """
    name = lesson_named(folder, lesson)
    shown = _lesson(folder, name)
    if not shown.results:
        first = command("grade", folder, name)
        raise ClassroomError(f"nothing of {name} is graded yet. Grade it first: {first}")
    checks = checks_of(shown.parts)
    place = reports(folder, name)
    write_csv(place / "outcomes.csv", _outcomes(shown.results))
    write_csv(place / "exercises.csv", [_HEAD, *(_line(check, shown.results) for check in checks)])
    write_csv(place / "misconceptions.csv", [_HEAD_OF_WAYS, *map(_way, over_time(shown.history))])
    _write_learners_pages(folder, shown)
    page = place / "report.html"
    page.write_text(page_of(_class(folder, shown)), encoding="utf-8", newline="\n")
    return page


_HEAD = ["exercise", "title", "points", "learners", *OUTCOMES, "misconceptions", "slips", "who passed"]
_HEAD_OF_WAYS = ["exercise", "misconception", "met", "still", "passed since", "days"]


def _lesson(folder: Path, name: str) -> Lesson:
    parts = parts_of(released(folder, name))
    results = results_of(folder, name, parts)
    return Lesson(
        name=name, parts=parts, results=results,
        points=points_of(folder, name),
        history=history_of(folder, name),
        unusual=[*odd_cells(folder, name, parts), *stops(folder, name, parts, results)],
        pages={student: "/".join(page.parts[-4:]) for student, page in pages(folder, name).items()},
    )  # fmt: skip


def _class(folder: Path, shown: Lesson) -> Class:
    return Class(
        name=shown.name, checks=checks_of(shown.parts), results=shown.results,
        names={student: person.name for student, person in people_of(folder).items()},
        totals={student: sum(own.values()) for student, own in shown.points.items()},
        unusual=shown.unusual,
        topics=next_hour(shown.results),
        over_time=over_time(shown.history),
    )  # fmt: skip


def _write_learners_pages(folder: Path, shown: Lesson) -> None:
    """One for each learner of this lesson; the other lessons are read again only for them."""
    others = [_lesson(folder, name) for name in graded_lessons(folder) if name != shown.name]
    lessons = sorted([shown, *others], key=lambda lesson: lesson.name)
    people = people_of(folder)
    place = reports(folder, "learners")
    for student in dict.fromkeys(result.student for result in shown.results):
        person = people.get(student, Person(student))
        page = learners_page(person, [_of_learner(lesson, student) for lesson in lessons])
        (place / f"{student}.html").write_text(page, encoding="utf-8", newline="\n")


def _of_learner(lesson: Lesson, student: str) -> LearnersLesson:
    return LearnersLesson(
        name=lesson.name, checks=checks_of(lesson.parts),
        results=[each for each in lesson.results if each.student == student],
        points=lesson.points.get(student, {}),
        history=[each for each in lesson.history if each.student == student],
        page=lesson.pages.get(student, ""),
        unusual=[each.told for each in lesson.unusual if each.student == student],
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


def _way(way: MetOverTime) -> list[object]:
    return [way.exercise, way.misconception, len(way.met), len(way.still), len(way.passed), str(way)]
