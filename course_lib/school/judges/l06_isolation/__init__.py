"""Lesson 06: what is lost, who is refused and who waits, when two or three do it at once."""

from course_lib.school.judges.l06_isolation import (
    e1_the_key_of_an_order,
    e2_two_cash_machines,
    e3_who_asks_too_late,
    e4_there_and_back,
    e5_all_of_it_again,
)

__all__ = [
    "e1_the_key_of_an_order",
    "e2_two_cash_machines",
    "e3_who_asks_too_late",
    "e4_there_and_back",
    "e5_all_of_it_again",
]
