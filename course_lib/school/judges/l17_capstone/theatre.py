"""A theatre with its tables, shows and seats, for those who judge what happens there."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, text, update

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l17_capstone.known_good import (
    HOLD,
    Booking,
    CurtainBase,
    Payment,
    Seat,
    Show,
)
from course_lib.transactions import unit_of_work

FIRST_SHOW = datetime(2027, 1, 8, 19, 30, tzinfo=UTC)


async def opened(attempt: Attempt, *, seats: int, shows: int = 1) -> list[int]:
    """Make the tables of the theatre; the keys of its shows, each with so many seats. They begin anywhere."""
    async with attempt.engine.begin() as connection:
        await connection.run_sync(CurtainBase.metadata.create_all)
    first, price = attempt.chance.randint(3, 40), attempt.chance.randint(8, 40) * 100
    keys = list(range(first, first + shows))
    await attempt.change(
        insert(Show).values(
            [
                {"id": key, "starts_at": FIRST_SHOW + timedelta(days=key), "title": f"Hamlet, part {key}"}
                for key in keys
            ]
        )
    )
    rows = [_seat(key, place, price) for key in keys for place in range(seats)]
    attempt.chance.shuffle(rows)  # nobody's seats are in order by themselves
    if rows:
        await attempt.change(insert(Seat).values(rows))
    return keys


def _seat(show: int, place: int, price: int) -> dict[str, Any]:
    """Ten seats to a row, and the number 10 comes behind 9."""
    return {"show_id": show, "row": "ABCDEFGH"[place // 10], "number": place % 10 + 1, "cents": price}


async def seats_of(attempt: Attempt, show: int) -> list[int]:
    """The keys of all its seats, in their order."""
    seats = select(Seat.id).where(Seat.show_id == show).order_by(Seat.row, Seat.number)
    return [key for (key,) in await attempt.rows(seats)]


async def price_of(attempt: Attempt, show: int) -> int:
    return int(await attempt.scalar(select(Seat.cents).where(Seat.show_id == show).limit(1)))


async def booked(attempt: Attempt, seat: int, who: str, *, minutes: float = HOLD.seconds / 60) -> int:
    """Somebody's booking, held for so many minutes from now, or over where they are below zero. Its key."""
    until = datetime.now(UTC) + timedelta(minutes=minutes)
    await attempt.change(insert(Booking).values(seat_id=seat, who=who, held_until=until))
    return int(await attempt.scalar(select(Booking.id).where(Booking.seat_id == seat)))


async def paid(attempt: Attempt, booking: int, key: str) -> None:
    price = select(Seat.cents).join(Booking, Booking.seat_id == Seat.id).where(Booking.id == booking)
    cents = await attempt.scalar(price)
    await attempt.change(insert(Payment).values(booking_id=booking, key=key, cents=cents))


async def hold_over(attempt: Attempt, *bookings: int) -> None:
    """The ten minutes of these bookings are over."""
    past = datetime.now(UTC) - timedelta(minutes=1)
    await attempt.change(update(Booking).where(Booking.id.in_(bookings)).values(held_until=past))


async def in_one_piece(attempt: Attempt, *arguments: Any, expected: tuple[type[Exception], ...] = ()) -> Any:
    """What the learner's function gives or raises in a unit of work of its own, which is then committed: after an
    expected error, too, so whatever was written before it would stay.
    """
    async with unit_of_work(attempt.sessions) as session:
        return await attempt.call(session, *arguments, expected=expected)


async def count(attempt: Attempt, table: str) -> int:
    return int(await attempt.scalar(text(f"SELECT count(*) FROM {table}")))  # noqa: S608  a name of ours
