"""The next hour begins with what most learners met."""

from course_lib.school.classroom.reporting.next_hour import next_hour
from course_lib.school.classroom.results.graded_outcomes import Result
from course_lib.school.exercises.outcomes import NOT_YET, PASSED
from course_lib.school.lessons.settling import settled_by


def met(why: str, exercise: str, *students: str) -> list[Result]:
    return [Result(student, exercise, NOT_YET, why, f"{student} was told") for student in students]


def test_a_name_in_two_exercises_is_one_topic_and_counts_each_learner_once() -> None:
    results = [
        *met("N+1", "07.2", "anna", "ben"),
        *met("N+1", "07.1", "anna"),
        Result("chris", "07.1", PASSED),
    ]
    (topic,) = next_hour(results)
    assert str(topic) == "N+1: 2 of 3 learners, in 07.1 and 07.2"
    assert (topic.told, topic.cell) == ("anna was told", settled_by("07.2", "N+1"))


def test_three_are_enough_and_the_most_met_comes_first() -> None:
    whys = ("not loaded", "order lost", "N+1", "posts left out")
    results = [each for times, why in enumerate(whys, 1) for each in met(why, "07.1", *"abcd"[:times])]
    assert [topic.misconception for topic in next_hour(results)] == ["posts left out", "N+1", "order lost"]


def test_a_slip_and_a_verdict_without_a_name_are_no_topics() -> None:
    assert next_hour([*met("nothing returned", "07.1", "anna"), *met("", "07.2", "anna")]) == []
