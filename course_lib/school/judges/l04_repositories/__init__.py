"""Lesson 04: who says commit, what reaches the SQL and the row, in which order, and what an error takes along."""

from course_lib.school.judges.l04_repositories import (
    e1_a_draft_for_an_import,
    e2_what_a_visitor_types,
    e3_page_after_page,
    e4_a_form_from_outside,
    e5_add_what_is_new,
)

__all__ = [
    "e1_a_draft_for_an_import",
    "e2_what_a_visitor_types",
    "e3_page_after_page",
    "e4_a_form_from_outside",
    "e5_add_what_is_new",
]
