"""Lesson 14: what is held while somebody waits, who is told, what is in the memory, and a server that is ill."""

from course_lib.school.judges.l14_running import (
    e1_ask_the_partner_outside,
    e2_tell_everybody_at_least_once,
    e3_a_million_lines_to_a_file,
    e4_behind_a_pooler,
    e5_three_in_the_morning,
)

__all__ = [
    "e1_ask_the_partner_outside",
    "e2_tell_everybody_at_least_once",
    "e3_a_million_lines_to_a_file",
    "e4_behind_a_pooler",
    "e5_three_in_the_morning",
]
