"""The tables of the theatre. What must never be in them is refused by the database."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from course_lib.db import Base, UtcDateTime, utc_now


class CurtainBase(DeclarativeBase):
    """A base of its own: its tables are none of the course's."""

    metadata = MetaData(naming_convention=Base.metadata.naming_convention)
    __repr__ = Base.__repr__


class Show(CurtainBase):
    """`title` is NULL as long as it is a secret."""

    __tablename__ = "shows"
    __table_args__ = (Index("ix_shows_in_order", "starts_at", "title", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    title: Mapped[str | None] = mapped_column(String(200))


class Seat(CurtainBase):
    __tablename__ = "seats"
    __table_args__ = (
        UniqueConstraint("show_id", "row", "number", name="uq_seats_place"),
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint("cents > 0", name="cents_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    show_id: Mapped[int] = mapped_column(ForeignKey("shows.id"))
    row: Mapped[str] = mapped_column(String(3))
    number: Mapped[int]
    cents: Mapped[int]


class Booking(CurtainBase):
    """A hold until `held_until`, and for good once it is paid."""

    __tablename__ = "bookings"

    id: Mapped[int] = mapped_column(primary_key=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"), unique=True)
    who: Mapped[str] = mapped_column(String(100))
    held_until: Mapped[datetime] = mapped_column(UtcDateTime)


class Payment(CurtainBase):
    __tablename__ = "payments"
    __table_args__ = (CheckConstraint("cents > 0", name="cents_positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"), unique=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    cents: Mapped[int]
    paid_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=utc_now())


class Mail(CurtainBase):
    """A letter about a payment, still to be sent while `sent_at` is NULL. The receiver knows it by `key`."""

    __tablename__ = "mails"

    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"), unique=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    recipient: Mapped[str] = mapped_column(String(100))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
