"""Lesson 13: whom a change of a table stops, and for how long, and what running programs make of it."""

from course_lib.school.judges.l13_live_changes import (
    e1_a_required_column,
    e2_alter_patiently,
    e3_an_index_while_all_write,
    e4_rename_without_a_failure,
    e5_fill_in_small_steps,
)

__all__ = [
    "e1_a_required_column",
    "e2_alter_patiently",
    "e3_an_index_while_all_write",
    "e4_rename_without_a_failure",
    "e5_fill_in_small_steps",
]
