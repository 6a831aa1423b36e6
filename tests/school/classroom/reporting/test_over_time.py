"""A misconception is followed from the day it was met to the day it was left behind."""

from course_lib.school.classroom.reporting.over_time import over_time
from course_lib.school.classroom.results.history import Told
from course_lib.school.exercises.outcomes import NOT_YET, PASSED

FIRST, NOON, LATER = "2026-03-01T09:00:00+00:00", "2026-03-01T12:00:00+00:00", "2026-03-08T09:00:00+00:00"


def told(time: str, student: str, why: str = "", exercise: str = "07.1") -> Told:
    return Told(time, student, exercise, NOT_YET if why else PASSED, why)


def test_who_met_it_has_it_still_or_has_passed_since() -> None:
    first = [
        told(FIRST, "anna", "N+1"),
        told(FIRST, "ben", "N+1"),
        told(FIRST, "chris", "N+1"),
        told(FIRST, "dora"),
    ]
    later = [told(LATER, "anna"), told(LATER, "chris", "order lost")]
    ways = {way.misconception: way for way in over_time([*later, *first])}
    assert list(ways) == ["N+1", "order lost"]
    assert sorted(ways["N+1"].met) == ["anna", "ben", "chris"]
    assert (*ways["N+1"].still, *ways["N+1"].passed) == ("ben", "anna")
    assert str(ways["N+1"]) == "2026-03-01: 3 of 4"
    assert str(ways["order lost"]) == "2026-03-08: 1 of 2"


def test_of_two_gradings_on_one_day_the_later_one_counts() -> None:
    (way,) = over_time([told(FIRST, "anna", "N+1"), told(FIRST, "ben", "N+1"), told(NOON, "anna")])
    assert (str(way), sorted(way.met), [*way.still]) == ("2026-03-01: 1 of 2", ["anna", "ben"], ["ben"])


def test_a_slip_is_no_misconception() -> None:
    assert over_time([told(FIRST, "anna", "nothing returned"), told(FIRST, "ben")]) == []


def test_the_same_name_in_two_exercises_has_two_ways() -> None:
    ways = over_time([told(FIRST, "anna", "N+1", "07.2"), told(FIRST, "anna", "N+1")])
    assert [(way.exercise, way.misconception) for way in ways] == [("07.1", "N+1"), ("07.2", "N+1")]
