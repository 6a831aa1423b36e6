"""A page about one learner shows all lessons, and what earlier gradings said."""

import re

from classrooms import NAME, Round

from course_lib.school.classroom.cells import Part
from course_lib.school.classroom.reporting.learners_page import LearnersLesson, learners_page
from course_lib.school.classroom.results.graded_outcomes import Result
from course_lib.school.classroom.results.history import Told
from course_lib.school.classroom.who_is_who import Person
from course_lib.school.exercises.outcomes import NOT_YET, PASSED

CHECK = Part("07-1-check", "check", "", "07.1", "The tags, too", 2)
TIME = "2026-03-0{}T09:00:00+00:00"


def lesson(name: str, *results: Result) -> LearnersLesson:
    history = [
        Told(TIME.format(1), "anna", "07.1", NOT_YET, "N+1"),
        Told(TIME.format(2), "anna", "07.1", PASSED),
    ]
    return LearnersLesson(name, [CHECK], results, {"07-1-check": 2}, history, page="feedback/an na/x.html")


def test_the_page_says_what_came_of_an_exercise_and_what_had_come_of_it_before() -> None:
    page = learners_page(
        Person("Anna <Berg>", "Moodle", "11"), [lesson(NAME, Result("anna", "07.1", PASSED))]
    )
    assert "<h1>Anna &lt;Berg&gt;</h1>\n<p>Moodle knows them by the number 11.</p>" in page
    assert "2 of 2 points." in page
    assert '<a href="../../feedback/an%20na/x.html">' in page
    assert "<td>✓ passed</td>" in page
    assert re.findall("<li>(.+?)</li>", page) == ["2026-03-01 ✗ not yet: N+1"]


def test_a_lesson_without_results_has_nothing_on_the_page() -> None:
    page = learners_page(
        Person("Anna"), [lesson("06_isolation"), lesson(NAME, Result("anna", "07.1", PASSED))]
    )
    assert re.findall("<h2>(.+)</h2>", page) == ["07 Eager loading"]


def test_each_learner_of_the_round_has_a_page_that_leads_to_the_one_they_get(whole_round: Round) -> None:
    place = whole_round.folder / "reports" / "learners"
    assert sorted(path.name for path in place.iterdir()) == [
        "Anna_Berg.html",
        "ben.html",
        "chris.html",
        "eve.html",
    ]
    page = (place / "ben.html").read_text("utf-8")
    (address,) = re.findall(r'<a href="([^"]+)">', page)
    assert (place / address).resolve().is_file()
    assert "<td>✗ not yet: not loaded</td>" in page
    assert "07.2: the answer cell stands there 2 times" in page
    assert re.findall(r"<script|<link|<img|://", page) == []
