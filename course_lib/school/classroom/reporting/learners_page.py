"""A page about one learner, for the teacher: what came of each exercise of all lessons, now and before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

from course_lib.school.classroom.cells import Part
from course_lib.school.classroom.reporting.html import cell, listed, number, row, section, table, whole_page
from course_lib.school.classroom.results.graded_outcomes import SIGNS, Result
from course_lib.school.classroom.results.history import Told
from course_lib.school.classroom.who_is_who import Person
from course_lib.school.lessons.course import title_of

EARLIER = "What came of each exercise, what the learner was told, and what earlier gradings had said."
HEADS = ("exercise", "outcome", "points", "what was told", "earlier")


@dataclass(frozen=True)
class LearnersLesson:
    """One lesson of one learner: `points` by nbgrader's name of a check, `page` as an address in the course folder."""

    name: str
    checks: Sequence[Part]
    results: Sequence[Result]
    points: Mapping[str, float]
    history: Sequence[Told] = ()
    page: str = ""
    unusual: Sequence[str] = field(default=())


def learners_page(person: Person, lessons: Sequence[LearnersLesson]) -> str:
    """The page stands in reports/learners. A lesson without results has nothing on it."""
    number_of = f"{person.platform} knows them by the number {person.number}." if person.number else ""
    return whole_page(
        person.name,
        f"<p>{escape(number_of)}</p>" if number_of else "",
        *(section(title_of(lesson.name), _lesson(lesson)) for lesson in lessons if lesson.results),
    )


def _lesson(lesson: LearnersLesson) -> str:
    return "\n".join(
        part for part in (_sum(lesson), _exercises(lesson), listed(map(escape, lesson.unusual))) if part
    )


def _sum(lesson: LearnersLesson) -> str:
    most = sum(check.points for check in lesson.checks)
    told = f"{sum(lesson.points.values()):g} of {most:g} points."
    leads = (
        f' <a href="../../{quote(lesson.page)}">The page that the learner gets back</a>.'
        if lesson.page
        else ""
    )
    return f"<p>{told}{leads}</p>"


def _exercises(lesson: LearnersLesson) -> str:
    by_exercise = {result.exercise: result for result in lesson.results}
    rows = [
        _exercise(lesson, check, by_exercise[check.exercise])
        for check in lesson.checks
        if check.exercise in by_exercise
    ]
    return table(EARLIER, HEADS, rows)


def _exercise(lesson: LearnersLesson, check: Part, result: Result) -> str:
    own = [told for told in lesson.history if told.exercise == check.exercise]
    cells = (
        cell(escape(str(result))),
        number(lesson.points.get(check.name, 0)),
        cell(escape(result.told)),
        cell(listed(map(_earlier, own[:-1]))),
    )
    return row(escape(f"{check.exercise} {check.title}"), cells)


def _earlier(told: Told) -> str:
    why = f": {told.why}" if told.why else ""
    return escape(f"{told.time[:10]} {SIGNS[told.outcome]} {told.outcome}{why}")
