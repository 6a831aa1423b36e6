"""A payment that happens once, however often it is asked for."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import KeyReused, NotFound
from course_lib.school.judges.l17_capstone.known_good.errors import AlreadyPaid, TooLate, WrongAmount
from course_lib.school.judges.l17_capstone.known_good.models import Booking, Mail, Payment, Seat


async def pay(session: AsyncSession, booking_id: int, key: str, cents: int) -> Payment:
    """Pay for a booking, and write its mail; whoever opened the session commits.

    The same key with the same terms once more gives the payment that is there. Raises NotFound, KeyReused, AlreadyPaid,
    TooLate, WrongAmount; the session can go on.
    """
    found = select(Booking).where(Booking.id == booking_id).with_for_update()
    booking = await session.scalar(found.execution_options(populate_existing=True))
    if earlier := await session.scalar(select(Payment).where(Payment.key == key)):
        return _the_same(earlier, booking_id, cents)
    if booking is None:
        raise NotFound("Booking", booking_id)
    if await session.scalar(select(Payment.id).where(Payment.booking_id == booking_id)):
        raise AlreadyPaid(booking_id)
    if booking.held_until <= datetime.now(UTC):
        raise TooLate(booking_id)
    price = (await session.get_one(Seat, booking.seat_id)).cents
    if cents != price:
        raise WrongAmount(booking_id, cents, price)
    return await _written(session, booking, key, cents)


async def _written(session: AsyncSession, booking: Booking, key: str, cents: int) -> Payment:
    """Somebody else's booking may take the same key at the same moment: the database lets one of the two through."""
    payment = Payment(booking_id=booking.id, key=key, cents=cents)
    try:
        async with session.begin_nested():
            session.add(payment)
    except IntegrityError:
        raise KeyReused(key) from None
    session.add(Mail(payment_id=payment.id, key=key, recipient=booking.who))
    await session.flush()
    return payment


def _the_same(earlier: Payment, booking_id: int, cents: int) -> Payment:
    if (earlier.booking_id, earlier.cents) != (booking_id, cents):
        raise KeyReused(earlier.key)
    return earlier
