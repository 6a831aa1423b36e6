"""Lesson 11: tests that notice what is broken, and leave nothing behind."""

from course_lib.school.judges.l11_testing import (
    e1_a_test_of_the_transfer,
)

__all__ = [
    "e1_a_test_of_the_transfer",
]
