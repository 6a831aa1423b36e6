"""The capstone: a small theatre's seats, in nine milestones. What is right in each is in known_good."""

from course_lib.school.judges.l17_capstone import (
    e1_the_tables,
    e2_free_seats,
    e3_the_last_seat,
    e4_pay_once,
    e5_what_is_on,
    e6_over_the_web,
    e7_three_statements,
    e8_tests_that_notice,
    e9_while_people_book,
)

__all__ = [
    "e1_the_tables",
    "e2_free_seats",
    "e3_the_last_seat",
    "e4_pay_once",
    "e5_what_is_on",
    "e6_over_the_web",
    "e7_three_statements",
    "e8_tests_that_notice",
    "e9_while_people_book",
]
