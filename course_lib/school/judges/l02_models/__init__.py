"""Lesson 02: what the database refuses, what it fills in, what it deletes, and which moment it keeps."""

from course_lib.school.judges.l02_models import (
    e1_open_or_closed,
    e2_each_like_once,
    e3_the_clock_on_her_wall,
    e4_comments,
    e5_gone_and_what_was_left,
)

__all__ = [
    "e1_open_or_closed",
    "e2_each_like_once",
    "e3_the_clock_on_her_wall",
    "e4_comments",
    "e5_gone_and_what_was_left",
]
