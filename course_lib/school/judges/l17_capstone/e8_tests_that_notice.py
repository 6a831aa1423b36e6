"""Exercise 17.8, Tests that notice: six broken theatres, and one test that tells each of them from two right ones."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import CourseError, KeyReused, NotFound
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l17_capstone.known_good import (
    HOLD,
    AlreadyPaid,
    Booking,
    CurtainBase,
    Mail,
    Payment,
    Seat,
    Show,
    SoldOut,
    TooLate,
    WrongAmount,
    book,
    pay,
)
from course_lib.school.judges.l17_capstone.theatre import booked, opened, seats_of
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.written_tests import Function, Versions, put_to_the_test

TOLD_TWICE = "one seat for two"
BY_OTHER_NAMES = {
    "asserts on words": "tests the wording",
    f"not caught: {TOLD_TWICE}": "never two at once",
}


@judge("17.8", on=BOTH)
async def tests_that_notice(attempt: Attempt) -> None:
    another, show = await opened(attempt, seats=attempt.chance.randint(4, 5), shows=2)
    await booked(attempt, (await seats_of(attempt, another))[0], "juno")

    @asynccontextmanager
    async def arranged(theatre: Function) -> AsyncIterator[tuple[Any, ...]]:
        @wraps(book)
        def book_here(*arguments: Any, **options: Any) -> Any:
            return theatre("book", *arguments, **options)

        @wraps(pay)
        def pay_here(*arguments: Any, **options: Any) -> Any:
            return theatre("pay", *arguments, **options)

        yield attempt.sessions, book_here, pay_here, show

    async def more_seats() -> None:
        """A test that has sold all of them finds some again."""
        price = select(Seat.cents).where(Seat.show_id == show).limit(1)
        cents = await attempt.scalar(price)
        rows = [{"show_id": show, "row": "Z", "number": number, "cents": cents} for number in range(1, 5)]
        await attempt.change(insert(Seat).values(rows))

    try:
        await put_to_the_test(
            attempt,
            Versions(_theatre(book, pay), _theatre(_book_and_see, _pay_by_key), _broken(), _in_other_words()),
            arranged,
            other_rows="The show has other seats than the one of your notebook, and they cost another price.",
            before_the_second=more_seats,
            metadata=CurtainBase.metadata,
            in_part=True,
        )
    except NotYet as fault:
        fault.misconception = BY_OTHER_NAMES.get(fault.misconception, fault.misconception)
        raise


def _theatre(book_a_seat: Function, pay_for_it: Function) -> Function:
    """Both in one, as the stage puts one function to the test."""

    async def theatre(which: str, *arguments: Any, **options: Any) -> Any:
        return await (book_a_seat if which == "book" else pay_for_it)(*arguments, **options)

    theatre.__name__ = "book` or `pay"
    return theatre


def _in_other_words() -> Function:
    def reworded(function: Function) -> Function:
        async def same(*arguments: Any, **options: Any) -> Any:
            try:
                return await function(*arguments, **options)
            except CourseError as error:
                error.args = ("no, sorry",)
                raise

        return same

    return _theatre(reworded(book), reworded(pay))


async def _book_and_see(session: AsyncSession, show_id: int, who: str) -> Booking:
    """Waits for nobody: takes a seat, and where the table says that it is gone, looks for another one."""
    if await session.get(Show, show_id) is None:
        raise NotFound("Show", show_id)
    while True:
        now, paid = datetime.now(UTC), select(Payment.booking_id)
        over = (Booking.held_until <= now) & Booking.id.not_in(paid)
        taken = select(Booking.seat_id).where(~over)
        free = select(Seat).where(Seat.show_id == show_id, Seat.id.not_in(taken))
        seat = await session.scalar(free.order_by(Seat.id.desc()).limit(1))
        if seat is None:
            raise SoldOut(show_id)
        try:
            async with session.begin_nested():
                await session.execute(delete(Booking).where(Booking.seat_id == seat.id, over))
                booking = Booking(seat_id=seat.id, who=who, held_until=now + HOLD)
                session.add(booking)
        except IntegrityError:
            continue
        return booking


async def _pay_by_key(session: AsyncSession, booking_id: int, key: str, cents: int) -> Payment:
    """Asks for everything in one statement, and looks for the key last."""
    all_of_it = (
        select(Booking, Seat, Payment)
        .join(Seat, Seat.id == Booking.seat_id)
        .outerjoin(Payment, Payment.booking_id == Booking.id)
        .where(Booking.id == booking_id)
        .with_for_update(of=Booking)
    )
    rows = await session.execute(all_of_it.execution_options(populate_existing=True))
    found: Any = rows.one_or_none()
    with_key = await session.scalar(select(Payment).where(Payment.key == key))
    if with_key is not None:
        if with_key.booking_id == booking_id and with_key.cents == cents:
            return with_key
        raise KeyReused(key)
    if found is None:
        raise NotFound("Booking", booking_id)
    booking, seat, payment = found
    if payment is not None:
        raise AlreadyPaid(booking_id)
    if booking.held_until <= datetime.now(UTC):
        raise TooLate(booking_id)
    if seat.cents != cents:
        raise WrongAmount(booking_id, cents, seat.cents)
    payment = Payment(booking_id=booking_id, key=key, cents=cents)
    session.add(payment)
    await session.flush()
    session.add(Mail(payment_id=payment.id, key=f"mail-{payment.id}", recipient=booking.who))
    await session.flush()
    return payment


@dataclass
class _TellsTwice:
    """Whoever asks while another one's booking for the show is not committed yet is given that one's seat, too."""

    at_work: list[tuple[int, AsyncSession, asyncio.Future[Booking]]] = field(default_factory=list)

    async def book(self, session: AsyncSession, show_id: int, who: str) -> Booking:
        for show, other, theirs in self.at_work:
            if show == show_id and other is not session and (not theirs.done() or other.in_transaction()):
                return await asyncio.shield(theirs)
        mine: asyncio.Future[Booking] = asyncio.get_running_loop().create_future()
        mine.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may ask for it
        self.at_work.append((show_id, session, mine))
        try:
            booking = await book(session, show_id, who)
        except BaseException as error:
            self.at_work.remove((show_id, session, mine))
            mine.set_exception(error if isinstance(error, Exception) else RuntimeError("ended"))
            raise
        mine.set_result(booking)
        return booking


async def _keeps_the_last_seat(session: AsyncSession, show_id: int, who: str) -> Booking:
    booking = await book(session, show_id, who)
    taken = select(Booking.seat_id)
    left = await session.scalar(
        select(Seat.id).where(Seat.show_id == show_id, Seat.id.not_in(taken)).limit(1)
    )
    if left is None:
        await session.delete(booking)
        await session.flush()
        raise SoldOut(show_id)
    return booking


async def _holds_for_ever(session: AsyncSession, booking_id: int, key: str, cents: int) -> Payment:
    found = await session.get(Booking, booking_id, populate_existing=True)
    until = found and found.held_until
    unpaid = await session.scalar(select(Payment.id).where(Payment.booking_id == booking_id)) is None
    if until and until <= datetime.now(UTC) and unpaid:
        own = update(Booking).where(Booking.id == booking_id)
        await session.execute(own.values(held_until=datetime.now(UTC) + timedelta(minutes=1)))
        payment = await pay(session, booking_id, key, cents)
        await session.execute(own.values(held_until=until))
        return payment
    return await pay(session, booking_id, key, cents)


async def _refuses_the_second_click(session: AsyncSession, booking_id: int, key: str, cents: int) -> Payment:
    same = Payment.key == key, Payment.booking_id == booking_id, Payment.cents == cents
    if await session.scalar(select(Payment.id).where(*same)):
        raise AlreadyPaid(booking_id)
    return await pay(session, booking_id, key, cents)


async def _looks_at_the_key_alone(session: AsyncSession, booking_id: int, key: str, cents: int) -> Payment:
    earlier = await session.scalar(select(Payment).where(Payment.key == key))
    return earlier or await pay(session, booking_id, key, cents)


async def _writes_no_mail(session: AsyncSession, booking_id: int, key: str, cents: int) -> Payment:
    payment = await pay(session, booking_id, key, cents)
    await session.execute(delete(Mail).where(Mail.payment_id == payment.id))
    return payment


def _broken() -> Mapping[str, Function]:
    """Made anew for each check: one of them remembers who is at work."""
    return {
        TOLD_TWICE: _theatre(_TellsTwice().book, pay),
        "last seat kept": _theatre(_keeps_the_last_seat, pay),
        "a hold without an end": _theatre(book, _holds_for_ever),
        "second click refused": _theatre(book, _refuses_the_second_click),
        "other terms, same key": _theatre(book, _looks_at_the_key_alone),
        "no mail": _theatre(book, _writes_no_mail),
    }
