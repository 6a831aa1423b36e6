"""Lesson 12: one index for two queries, who uses it, a NULL in a list, one row for each, and a sum over a join."""

from course_lib.school.judges.l12_indexes import (
    e1_one_index_for_two_queries,
    e2_does_it_use_it,
    e3_nobody_replied,
    e4_newest_per_author,
    e5_the_doubled_sum,
)

__all__ = [
    "e1_one_index_for_two_queries",
    "e2_does_it_use_it",
    "e3_nobody_replied",
    "e4_newest_per_author",
    "e5_the_doubled_sum",
]
