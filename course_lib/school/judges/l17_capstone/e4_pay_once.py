"""Milestone 17.4, Pay once: one payment and one mail, however often it is asked for."""

from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import KeyReused, NotFound
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l17_capstone.known_good import (
    AlreadyPaid,
    Booking,
    Payment,
    Seat,
    TooLate,
    WrongAmount,
)
from course_lib.school.judges.l17_capstone.second_in_line import (
    all_at_once,
    one_behind_the_other,
)
from course_lib.school.judges.l17_capstone.theatre import (
    booked,
    count,
    hold_over,
    in_one_piece,
    opened,
    seats_of,
)
from course_lib.school.judges.registry import BOTH, judge

CLICKS = 5
NO = (NotFound, KeyReused, AlreadyPaid, TooLate, WrongAmount)
PRICES = select(Booking.id, Seat.cents).join(Seat, Seat.id == Booking.seat_id)
MAIL = text("SELECT key, recipient, sent_at FROM mails WHERE payment_id = :payment")


@judge("17.4", on=BOTH)
async def paid_once(attempt: Attempt) -> None:
    [show] = await opened(attempt, seats=10)
    await attempt.change(text("UPDATE seats SET cents = cents + 10 * id"))  # each has its own price
    seats = await seats_of(attempt, show)
    mine, other, late, *more = [await booked(attempt, seat, f"guest {seat}") for seat in seats]
    prices = dict(map(tuple, await attempt.rows(PRICES)))
    await hold_over(attempt, late)
    await _for_the_first_time(attempt, mine, prices[mine], f"guest {seats[0]}")
    await _once_more(attempt, mine, prices[mine])
    await _turned_away(attempt, (mine, other, late), prices)
    await _left_to_the_caller(attempt, other, prices[other])
    await _at_the_same_time(attempt, more, prices)


async def _pay(attempt: Attempt, booking: int, key: str, cents: int) -> Any:
    before = [await count(attempt, table) for table in ("payments", "mails")]
    got = await in_one_piece(attempt, booking, key, cents, expected=NO)
    after = [await count(attempt, table) for table in ("payments", "mails")]
    attempt.require(
        not isinstance(got, Exception) or after == before,
        "written all the same",
        f"`{attempt.name}` raised {told(got) if isinstance(got, Exception) else ''}, and has written before.",
    )
    return got


async def _for_the_first_time(attempt: Attempt, booking: int, cents: int, who: str) -> None:
    got = await _pay(attempt, booking, "click", cents)
    attempt.require(
        got is not None, "nothing returned", f"`{attempt.name}` returned None, and not the Payment."
    )
    attempt.require(
        isinstance(got, Payment) and (got.booking_id, got.key, got.cents) == (booking, "click", cents),
        "not the payment",
        f"A booking was paid in time. `{attempt.name}` returned {got!r:.80}, and not its Payment.",
    )
    attempt.require(
        await count(attempt, "payments") == 1,
        "nothing stored",
        "The caller has committed, and the payment is not in the table.",
    )
    mails = await attempt.rows(MAIL.bindparams(payment=got.id))
    attempt.require(
        len(mails) == 1,
        "no mail",
        f"A payment was made, and {len(mails)} mails were written in its transaction.",
    )
    [(key, recipient, sent)] = mails
    attempt.require(
        (key, recipient, sent) == ("click", who, None),
        "wrong mail",
        f"The mail of the payment 'click' by {who!r} has the key {key!r}, the recipient {recipient!r} and was sent at "
        f"{sent}. Its key is the payment's, and it is still to be sent.",
    )


async def _once_more(attempt: Attempt, booking: int, cents: int) -> None:
    """The second click, in time, and one that comes when the ten minutes are over."""
    first = await attempt.scalar(select(Payment.id))
    again = await _pay(attempt, booking, "click", cents)
    attempt.require(
        isinstance(again, Payment) and again.id == first,
        "the second click is turned away",
        f"The same key, booking and amount came a second time, and `{attempt.name}` ended with {again!r:.80}. It is to "
        "return the payment that is there.",
    )
    await hold_over(attempt, booking)
    again = await _pay(attempt, booking, "click", cents)
    attempt.require(
        isinstance(again, Payment) and again.id == first,
        "a paid booking is too late",
        "A booking was paid in time. The same call came once more after the ten minutes, as after a lost reply, and "
        f"ended with {again!r:.80}.",
    )


async def _turned_away(attempt: Attempt, bookings: tuple[int, int, int], prices: dict[int, int]) -> None:
    mine, other, late = bookings
    calls = (
        (
            "terms not compared",
            KeyReused,
            (other, "click", prices[other]),
            "with a key that another booking was paid with",
        ),
        (
            "terms not compared",
            KeyReused,
            (mine, "click", prices[mine] + 100),
            "with a key used before, and another amount",
        ),
        ("paid for nothing", TooLate, (late, "late", prices[late]), "after its ten minutes"),
        (
            "any amount will do",
            WrongAmount,
            (other, "less", prices[other] - 100),
            "with 100 cents less than its price",
        ),
        (
            "any amount will do",
            WrongAmount,
            (other, "more", prices[other] + 100),
            "with 100 cents more than its price",
        ),
        ("paid twice", AlreadyPaid, (mine, "again", prices[mine]), "once more, with a new key"),
        ("an unknown booking", NotFound, (9_999, "who", prices[mine]), "though there is none of this number"),
    )
    for name, error, arguments, how in calls:
        got = await _pay(attempt, *arguments)
        attempt.require(
            isinstance(got, error),
            name,
            f"Booking {arguments[0]} was paid {how}. `{attempt.name}` ended with {got!r:.80}; {error.__name__} was "
            "asked for.",
        )


async def _left_to_the_caller(attempt: Attempt, booking: int, cents: int) -> None:
    before = await count(attempt, "payments")
    async with attempt.sessions() as session:
        await attempt.call(session, booking, "undone", cents)
        await session.rollback()
    attempt.require(
        await count(attempt, "payments") == before,
        "commit too early",
        f"The caller of `{attempt.name}` rolled back, and the payment is there all the same.",
    )


async def _at_the_same_time(attempt: Attempt, bookings: list[int], prices: dict[int, int]) -> None:
    mine, yours, many, *_ = bookings
    pair = await one_behind_the_other(attempt, *[_click(attempt, mine, "twice", prices[mine])] * 2)
    _one_payment(attempt, pair, "The same click came twice, the second while the first was at work")
    pair = await one_behind_the_other(
        attempt,
        _click(attempt, yours, "shared", prices[yours]),
        _click(attempt, many, "shared", prices[many], goes_on=True),
    )
    attempt.require(
        not isinstance(pair[1], InvalidRequestError),
        "savepoint missing",
        "Two bookings were paid with one key at the same time. The second call was refused by the table, and its "
        "session cannot go on. Without a savepoint the refusal ends the caller's whole transaction.",
    )
    attempt.require(
        isinstance(pair[1], KeyReused),
        "one key, two bookings",
        f"Two bookings were paid with one key at the same time. The second call ended with {_ended(pair[1])}; "
        "KeyReused was asked for.",
    )
    ends = await all_at_once(attempt, *[_click(attempt, many, "storm", prices[many])] * CLICKS)
    _one_payment(attempt, ends, f"{CLICKS} calls came at once with one key")


def _click(attempt: Attempt, booking: int, key: str, cents: int, *, goes_on: bool = False) -> Any:
    async def work(session: AsyncSession) -> Any:
        try:
            return await attempt.answer(session, booking, key, cents)
        except KeyReused:
            if goes_on:
                await session.execute(select(Payment.id).limit(1))
            raise

    return work


def _one_payment(attempt: Attempt, ends: Any, what: str) -> None:
    errors = [each for each in ends if not isinstance(each, Payment)]
    attempt.require(
        not errors,
        "the second click crashes",
        f"{what}: {len(errors)} of {len(ends)} ended with {errors and _ended(errors[0])}. All were to have the same "
        "payment.",
    )
    found = {each.id for each in ends}
    attempt.require(len(found) == 1, "paid twice", f"{what}, and {len(found)} payments were made.")


def _ended(found: Any) -> str:
    return told(found) if isinstance(found, Exception) else f"{found!r:.60}"
