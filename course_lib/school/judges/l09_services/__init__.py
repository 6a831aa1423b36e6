"""Lesson 09: does the loop turn meanwhile, what gets in, who is told, and who says commit."""

from course_lib.school.judges.l09_services import (
    e1_a_list_of_newcomers,
    e2_what_a_change_may_say,
    e3_a_welcome,
    e4_two_want_one_address,
    e5_a_change_and_its_faults,
)

__all__ = [
    "e1_a_list_of_newcomers",
    "e2_what_a_change_may_say",
    "e3_a_welcome",
    "e4_two_want_one_address",
    "e5_a_change_and_its_faults",
]
