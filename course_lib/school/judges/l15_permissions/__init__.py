"""Lesson 15: what belongs to somebody, who comes in, how long, and rows that the database itself keeps apart."""

from course_lib.school.judges.l15_permissions import (
    e1_drafts_are_private,
    e2_cash_for_the_owner,
    e3_who_comes_in,
    e4_a_new_password,
    e5_rows_of_one_user,
)

__all__ = [
    "e1_drafts_are_private",
    "e2_cash_for_the_owner",
    "e3_who_comes_in",
    "e4_a_new_password",
    "e5_rows_of_one_user",
]
