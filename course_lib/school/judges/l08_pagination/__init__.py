"""Lesson 08: bad numbers, rows that arrive, ties, the one row more, and what a page costs that lies deep down."""

from course_lib.school.judges.l08_pagination import (
    e1_what_a_visitor_types,
    e2_while_posts_arrive,
    e3_what_one_author_wrote,
    e4_is_there_more,
    e5_deep_down,
)

__all__ = [
    "e1_what_a_visitor_types",
    "e2_while_posts_arrive",
    "e3_what_one_author_wrote",
    "e4_is_there_more",
    "e5_deep_down",
]
