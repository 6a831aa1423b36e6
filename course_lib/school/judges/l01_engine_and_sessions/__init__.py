"""Lesson 01: is it committed, is every connection given back, and has each task a session of its own?"""

from course_lib.school.judges.l01_engine_and_sessions import (
    e1_signed_up_for_good,
    e2_nothing_left_open,
    e3_all_at_once,
    e4_the_name_is_taken,
    e5_four_tasks_two_connections,
)

__all__ = [
    "e1_signed_up_for_good",
    "e2_nothing_left_open",
    "e3_all_at_once",
    "e4_the_name_is_taken",
    "e5_four_tasks_two_connections",
]
