"""Lesson 07: how many statements, how many rows, and whether everything is there that somebody will touch."""

from course_lib.school.judges.l07_eager_loading import (
    e1_the_tags_too,
    e2_headlines,
    e3_a_page_of_people,
    e4_fifty_posts_twenty_accounts,
    e5_ask_again,
)

__all__ = [
    "e1_the_tags_too",
    "e2_headlines",
    "e3_a_page_of_people",
    "e4_fifty_posts_twenty_accounts",
    "e5_ask_again",
]
