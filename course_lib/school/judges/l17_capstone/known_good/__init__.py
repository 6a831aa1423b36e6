"""Curtain, the seats of a small theatre, as it is when all goes well: each milestone may begin from here.

A milestone is judged on these parts, and not on what the learner wrote before it: an early mistake costs once.

errors     SoldOut, TooLate, AlreadyPaid, WrongAmount
models     Show, Seat, Booking, Payment, Mail, on a base of their own
migration  upgrade and downgrade, which make the same tables
seats      which seats are free, and a booking without a race
payments   a payment that happens once, and its mail
programme  the listing by key
"""

from course_lib.school.judges.l17_capstone.known_good.errors import AlreadyPaid, SoldOut, TooLate, WrongAmount
from course_lib.school.judges.l17_capstone.known_good.migration import downgrade, upgrade
from course_lib.school.judges.l17_capstone.known_good.models import (
    Booking,
    CurtainBase,
    Mail,
    Payment,
    Seat,
    Show,
)
from course_lib.school.judges.l17_capstone.known_good.payments import pay
from course_lib.school.judges.l17_capstone.known_good.programme import program
from course_lib.school.judges.l17_capstone.known_good.seats import HOLD, book, free_seats

__all__ = [
    "HOLD",
    "AlreadyPaid",
    "Booking",
    "CurtainBase",
    "Mail",
    "Payment",
    "Seat",
    "Show",
    "SoldOut",
    "TooLate",
    "WrongAmount",
    "book",
    "downgrade",
    "free_seats",
    "pay",
    "program",
    "upgrade",
]
