"""Lesson 16: which machine answers, how far behind it is, what is lost with the other, and what is read in vain."""

from course_lib.school.judges.l16_more_machines import (
    e1_one_session_one_machine,
    e2_read_what_was_written,
    e3_how_far_to_wait,
    e4_a_partition_before_its_month,
    e5_read_one_partition,
)

__all__ = [
    "e1_one_session_one_machine",
    "e2_read_what_was_written",
    "e3_how_far_to_wait",
    "e4_a_partition_before_its_month",
    "e5_read_one_partition",
]
