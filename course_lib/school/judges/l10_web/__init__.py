"""Lesson 10: what a client sees and when it is true, what leaves the house, and how long a connection is lent."""

from course_lib.school.judges.l10_web import (
    e1_what_the_page_shows,
    e2_no_more_tags,
    e3_minus_one_titles,
    e4_a_slow_reader,
    e5_a_session_for_each_request,
)

__all__ = [
    "e1_what_the_page_shows",
    "e2_no_more_tags",
    "e3_minus_one_titles",
    "e4_a_slow_reader",
    "e5_a_session_for_each_request",
]
