"""Lesson 05: what is kept when something goes wrong in the middle, and who says commit."""

from course_lib.school.judges.l05_transactions import (
    e1_the_rent_and_the_fee,
    e2_an_account_and_a_gift,
    e3_the_mail_comes_last,
    e4_tags_out_of_a_file,
    e5_who_can_be_paid_is_paid,
)

__all__ = [
    "e1_the_rent_and_the_fee",
    "e2_an_account_and_a_gift",
    "e3_the_mail_comes_last",
    "e4_tags_out_of_a_file",
    "e5_who_can_be_paid_is_paid",
]
