"""The teacher's report on a lesson as one page."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from course_lib.school.classroom.cells import Part
from course_lib.school.classroom.course_folder import Notice
from course_lib.school.classroom.reporting.html import cell, listed, number, row, section, table, whole_page
from course_lib.school.classroom.reporting.next_hour import Topic
from course_lib.school.classroom.reporting.over_time import MetOverTime
from course_lib.school.classroom.results.graded_outcomes import OUTCOMES, Met, Result, met
from course_lib.school.lessons.course import title_of
from course_lib.school.lessons.settling import SettlingCell

BY_EXERCISE = (
    "How many passed each exercise, and which misconception how many met, with what one learner was told. "
    "A slip is a mistake in what was typed or returned; it says nothing of what a learner believes."
)
BY_LEARNER = "What came of each exercise, and the points. A name leads to all that is known of this learner."
OVER_TIME = (
    "How many learners ever met each misconception; how many of them have it still, and how many have passed "
    "since; and the days of grading on which it was seen, with how many of those who were graded that day."
)


@dataclass(frozen=True)
class Class:
    """All that the page tells. `names` are what a folder's name stands for."""

    name: str
    checks: list[Part]
    results: list[Result]
    names: Mapping[str, str]
    totals: Mapping[str, float]
    unusual: list[Notice]
    topics: list[Topic]
    over_time: list[MetOverTime]

    def called(self, student: str) -> str:
        return self.names.get(student, student)


def page_of(shown: Class) -> str:
    title = f"{title_of(shown.name)}: what the class met"
    learners = len({result.student for result in shown.results})
    told = [f"{shown.called(each.student)}: {each.told}" for each in shown.unusual]
    return whole_page(
        title,
        f"<p>Learners graded: {learners}.</p>",
        section("What to talk about in the next hour", listed(map(_topic, shown.topics), "ol")),
        section("Exercises", _by_exercise(shown)),
        section("Learners", _by_learner(shown)),
        section("Misconceptions over time", _over_time(shown)),
        section("Unusual notebooks", listed(map(escape, told))),
    )


def _topic(topic: Topic) -> str:
    example = f'<span class="example">For example: {escape(topic.told)}</span>' if topic.told else ""
    settled = f'<span class="example">{_settled(topic.cell)}</span>' if topic.cell else ""
    return f"{escape(str(topic))}.{example}{settled}"


def _settled(by: SettlingCell) -> str:
    place = f"lesson {by.lesson[:2]}, <em>{escape(by.section)}</em>"
    return f"Settled by the cell with <code>{escape(by.line)}</code> in {place}"


def _by_exercise(shown: Class) -> str:
    rows = []
    for check in shown.checks:
        own = [result for result in shown.results if result.exercise == check.exercise]
        times = Counter(result.outcome for result in own)
        counts = map(number, [check.points, *(times[outcome] for outcome in OUTCOMES)])
        ways = (cell(listed(map(_way, met(own, slips=slips)))) for slips in (False, True))
        rows.append(row(escape(f"{check.exercise} {check.title}"), [*counts, *ways]))
    return table(BY_EXERCISE, ["exercise", "points", *OUTCOMES, "misconceptions", "slips"], rows)


def _by_learner(shown: Class) -> str:
    said = {(result.student, result.exercise): str(result) for result in shown.results}
    most = sum(check.points for check in shown.checks)
    rows = []
    for student in dict.fromkeys(result.student for result in shown.results):
        cells = [cell(escape(said.get((student, check.exercise), ""))) for check in shown.checks]
        rows.append(row(_name(shown, student), [*cells, number(shown.totals.get(student, 0))]))
    heads = ["learner", *(check.exercise for check in shown.checks), f"points of {most:g}"]
    return table(BY_LEARNER, heads, rows)


def _name(shown: Class, student: str) -> str:
    """This page stands in reports/LESSON, and what a name leads to in reports/learners."""
    return f'<a href="../learners/{quote(student)}.html">{escape(shown.called(student))}</a>'


def _over_time(shown: Class) -> str:
    rows = []
    for way in shown.over_time:
        counts = map(number, (len(way.met), len(way.still), len(way.passed)))
        rows.append(row(escape(f"{way.exercise} {way.misconception}"), [*counts, cell(escape(str(way)))]))
    return table(OVER_TIME, ["misconception", "met", "still", "passed since", "days"], rows)


def _way(way: Met) -> str:
    example = f'<span class="example">For example: {escape(way.told)}</span>' if way.told else ""
    return f"{escape(str(way))}{example}"
