"""Which seats are free, and a booking without a race."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import NotFound
from course_lib.school.judges.l17_capstone.known_good.errors import SoldOut
from course_lib.school.judges.l17_capstone.known_good.models import Booking, Payment, Seat, Show

HOLD = timedelta(minutes=10)


def is_free() -> ColumnElement[bool]:
    """Whether a row of `Seat` has no booking that is paid, and none that is still held."""
    paid = exists().where(Payment.booking_id == Booking.id)
    taken = or_(Booking.held_until > datetime.now(UTC), paid)
    return ~exists().where(Booking.seat_id == Seat.id, taken)


async def free_seats(session: AsyncSession, show_ids: Iterable[int]) -> dict[int, list[Seat]]:
    """By show, its free seats, in the order of row and number. Two statements. Raises NotFound."""
    found: dict[int, list[Seat]] = {key: [] for key in show_ids}
    known = set(await session.scalars(select(Show.id).where(Show.id.in_(found))))
    for key in found:
        if key not in known:
            raise NotFound("Show", key)
    free = select(Seat).where(Seat.show_id.in_(found), is_free()).order_by(Seat.row, Seat.number)
    for seat in await session.scalars(free):
        found[seat.show_id].append(seat)
    return found


async def book(session: AsyncSession, show_id: int, who: str) -> Booking:
    """Hold a free seat for ten minutes; whoever opened the session commits. Raises NotFound, SoldOut.

    All who book for one show stand in one line, in front of its row.
    """
    show = select(Show.id).where(Show.id == show_id).with_for_update()
    if await session.scalar(show) is None:
        raise NotFound("Show", show_id)
    free = select(Seat.id).where(Seat.show_id == show_id, is_free()).order_by(Seat.row, Seat.number)
    seat_id = await session.scalar(free.limit(1))
    if seat_id is None:
        raise SoldOut(show_id)
    await session.execute(delete(Booking).where(Booking.seat_id == seat_id))  # a hold that is over
    booking = Booking(seat_id=seat_id, who=who, held_until=datetime.now(UTC) + HOLD)
    session.add(booking)
    await session.flush()
    return booking
