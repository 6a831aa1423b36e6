"""Milestone 17.3, The last seat: each seat goes to one, and nobody is turned away while one is free."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import NotFound
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l17_capstone.known_good import HOLD, Booking, SoldOut
from course_lib.school.judges.l17_capstone.second_in_line import (
    all_at_once,
    of_the_database,
    one_behind_the_other,
)
from course_lib.school.judges.l17_capstone.theatre import (
    booked,
    count,
    hold_over,
    in_one_piece,
    opened,
    paid,
    seats_of,
)
from course_lib.school.judges.registry import BOTH, judge
from course_lib.transactions import unit_of_work

FEW, MANY = 4, 9
"""As many people as seats tells who is turned away too early; more than twice as many, what is sold twice."""


@judge("17.3", on=BOTH)
async def each_seat_to_one(attempt: Attempt) -> None:
    first, crowded, line, *_ = await opened(attempt, seats=FEW, shows=4)
    await _alone(attempt, first)
    await _left_to_the_caller(attempt, first + 3)
    await _one_behind_the_other(attempt, line)
    await _a_crowd(attempt, crowded)


async def _alone(attempt: Attempt, show: int) -> None:
    """One seat is held, one is paid, the hold of one is over; the others are paid, so one can be had."""
    seats = await seats_of(attempt, show)
    held, over, *others = attempt.chance.sample(seats, len(seats))
    await booked(attempt, held, "ana")
    await booked(attempt, over, "bo", minutes=-5)
    for seat in others:
        await paid(attempt, await booked(attempt, seat, "cem", minutes=-5), f"key {seat}")
    got = await in_one_piece(attempt, show, "dana", expected=(SoldOut,))
    attempt.require(
        not isinstance(got, SoldOut),
        "expired holds are taken",
        "The hold of one seat was over five minutes ago, and nobody has paid. The seat is free again, and "
        f"`{attempt.name}` says that all are sold.",
    )
    await _a_booking(attempt, got, "dana")
    _in_time(attempt, got)
    attempt.require(
        got.seat_id not in others and await _holder(attempt, held) == "ana",
        "sold twice",
        f"`{attempt.name}` gave dana a seat that somebody holds, or has paid for.",
    )
    attempt.require(got.seat_id == over, "wrong seat", f"Free was seat {over}; dana has seat {got.seat_id}.")
    again = await in_one_piece(attempt, show, "eve", expected=(SoldOut,))
    attempt.require(
        isinstance(again, SoldOut),
        "sold twice",
        f"All seats are held or paid for. `{attempt.name}` returned {again!r:.60}, and SoldOut was asked for.",
    )
    unknown = await in_one_piece(attempt, 9_999, "eve", expected=(NotFound, SoldOut))
    attempt.require(
        isinstance(unknown, NotFound),
        "an unknown show is sold out",
        f"There is no show 9999, and `{attempt.name}` ended with {unknown!r:.60}. NotFound was asked for.",
    )


async def _a_booking(attempt: Attempt, got: Any, who: str) -> None:
    attempt.require(
        got is not None, "nothing returned", f"`{attempt.name}` returned None, and not the Booking."
    )
    attempt.require(
        isinstance(got, Booking) and got.who == who,
        "not the booking",
        f"`{attempt.name}` returned {got!r:.60}; the Booking of {who} was asked for.",
    )
    attempt.require(
        await attempt.scalar(select(Booking.who).where(Booking.id == got.id)) == who,
        "nothing stored",
        "The caller has committed, and the booking is not in the table.",
    )


def _in_time(attempt: Attempt, got: Booking) -> None:
    left = (got.held_until - datetime.now(UTC)).total_seconds()
    attempt.require(
        abs(left - HOLD.total_seconds()) < 40,
        "hold of another length",
        f"A hold lasts ten minutes. This one lasts {left / 60:.1f}.",
    )


async def _holder(attempt: Attempt, seat: int) -> str | None:
    found: str | None = await attempt.scalar(select(Booking.who).where(Booking.seat_id == seat))
    return found


async def _left_to_the_caller(attempt: Attempt, show: int) -> None:
    """The caller rolls back, and nothing is left."""
    before = await count(attempt, "bookings")
    async with attempt.sessions() as session:
        await attempt.call(session, show, "finn")
        await session.rollback()
    attempt.require(
        await count(attempt, "bookings") == before,
        "commit too early",
        f"The caller of `{attempt.name}` rolled back, and the booking is there all the same.",
    )


async def _one_behind_the_other(attempt: Attempt, show: int) -> None:
    seats = await seats_of(attempt, show)
    for seat in seats[2:]:
        await booked(attempt, seat, "gina")
    one, other = await _two(attempt, show)
    _nobody_refused(attempt, [one, other], "Two people came for two free seats, one a moment after the other")
    await _different(attempt, [one, other])
    # Without a booking of the seat, and then with a hold that is over: that is one row more at which they may meet.
    await attempt.change(delete(Booking).where(Booking.seat_id == seats[0]))
    for _ in range(2):
        one, other = await _two(attempt, show, commits=False)
        _nobody_refused(
            attempt, [other], "One seat was left. The first one's transaction was rolled back, and the second"
        )
        last = await attempt.scalar(select(Booking.id).where(Booking.seat_id == seats[0]))
        await hold_over(attempt, last)
    one, other = await _two(attempt, show)
    _no_error(attempt, [one, other], "One seat was left. The first one took it, and the second")
    attempt.require(
        isinstance(other, SoldOut),
        "sold twice",
        f"One seat was left. The first one has it, and the second was given {other!r:.60}.",
    )


async def _two(attempt: Attempt, show: int, *, commits: bool = True) -> tuple[Any, Any]:
    """Two for this show, the second one while the first one's transaction is open."""

    async def hugo(session: AsyncSession) -> Any:
        return await attempt.answer(session, show, "hugo")

    async def ines(session: AsyncSession) -> Any:
        return await attempt.answer(session, show, "ines")

    return await one_behind_the_other(attempt, hugo, ines, commits=commits)


async def _a_crowd(attempt: Attempt, show: int) -> None:
    seats = await seats_of(attempt, show)
    ends = await _all(attempt, show, FEW)
    _nobody_refused(attempt, ends, f"{FEW} people came at once for {FEW} seats")
    await _different(attempt, ends)
    async with unit_of_work(attempt.sessions) as session:
        await session.execute(text(f"DELETE FROM bookings WHERE seat_id IN ({', '.join(map(str, seats))})"))  # noqa: S608
    ends = await _all(attempt, show, MANY)
    _no_error(attempt, ends, f"{MANY} people came at once for {FEW} seats")
    got = [each for each in ends if isinstance(each, Booking)]
    await _different(attempt, got)
    attempt.require(
        len(got) >= FEW,
        "sold out too early",
        f"{MANY} people came at once for {FEW} seats, and {len(got)} of them have one.",
    )


async def _all(attempt: Attempt, show: int, people: int) -> list[Any]:
    def for_one(who: str) -> Any:
        async def work(session: AsyncSession) -> Any:
            return await attempt.answer(session, show, who)

        return work

    return await all_at_once(attempt, *(for_one(f"guest {number}") for number in range(people)))


async def _different(attempt: Attempt, bookings: list[Any]) -> None:
    """Each has a seat of their own, and in the table the seat is theirs."""
    seats = [each.seat_id for each in bookings]
    stored = [await _holder(attempt, seat) for seat in seats]
    attempt.require(
        len(set(seats)) == len(seats) and stored == [each.who for each in bookings],
        "sold twice",
        f"{len(seats)} people were told that they have a seat, and {len(set(seats))} seats were given.",
    )


def _nobody_refused(attempt: Attempt, ends: list[Any], what: str) -> None:
    _no_error(attempt, ends, what)
    refused = sum(isinstance(each, SoldOut) for each in ends)
    attempt.require(
        not refused,
        "sold out too early",
        f"{what}: {refused} of them heard SoldOut. Whoever is in front may still roll back, and a seat that they leave "
        "has to go to the next.",
    )


def _no_error(attempt: Attempt, ends: list[Any], what: str) -> None:
    errors = [each for each in ends if isinstance(each, Exception) and not isinstance(each, SoldOut)]
    attempt.require(
        not errors,
        "refused, not retried" if any(map(of_the_database, errors)) else "error in the code",
        f"{what}: {len(errors)} of {len(ends)} ended with {errors and told(errors[0])}. A seat that somebody else has "
        "just taken is no fault of theirs: the next one may be free.",
    )
