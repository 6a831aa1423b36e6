"""Lesson 11: tests that notice what is broken, and leave nothing behind."""

from course_lib.school.judges.l11_testing import (
    e1_a_test_of_the_transfer,
    e2_a_test_of_the_pages,
    e3_nothing_is_left_behind,
    e4_a_race_that_is_certain,
    e5_two_statements_are_enough,
)

__all__ = [
    "e1_a_test_of_the_transfer",
    "e2_a_test_of_the_pages",
    "e3_nothing_is_left_behind",
    "e4_a_race_that_is_certain",
    "e5_two_statements_are_enough",
]
