"""Tables of a shop that the checks make beside the course's: orders, letters, sales that are counted in memory, and
events by the month."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any
from weakref import ref

from sqlalchemy import BigInteger, String, TypeDecorator, false, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from course_lib.db import UtcDateTime
from course_lib.school.attempts.attempt import Attempt


class ShopBase(DeclarativeBase):
    """No migration knows these tables."""


class Order(ShopBase):
    """`receipt` is what the partner gave for the money; an order that has none is not paid."""

    __tablename__ = "shop_orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    cents: Mapped[int] = mapped_column(BigInteger)
    receipt: Mapped[str | None] = mapped_column(String(40))


class Letter(ShopBase):
    """An outbox: it was written in the transaction of which it tells, and waits to be sent."""

    __tablename__ = "shop_letters"

    id: Mapped[int] = mapped_column(primary_key=True)
    words: Mapped[str] = mapped_column(String(80))
    sent: Mapped[bool] = mapped_column(default=False, server_default=false())


class Undeliverable(Exception):
    """What `send` raises for a letter that cannot be delivered."""


class _Title(str):
    """A text of which it can be seen whether somebody still holds it."""


class Seen:
    """The titles that have been read, for as long as somebody holds them."""

    def __init__(self) -> None:
        self.read = 0
        self._held: list[ref[_Title]] = []

    @property
    def alive(self) -> int:
        self._held = [title for title in self._held if title() is not None]
        return len(self._held)

    def note(self, text: str) -> str:
        title = _Title(text)
        self.read += 1
        self._held.append(ref(title))
        return title


_seen: list[Seen] = []


class _CountedTitle(TypeDecorator[str]):
    impl, cache_ok = String, True

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        return _seen[-1].note(value) if value and _seen else value


class Sale(ShopBase):
    """There are many of them."""

    __tablename__ = "shop_sales"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(_CountedTitle(80))


class Event(ShopBase):
    """On PostgreSQL each month has a partition of its own, and the key has to hold the column that decides."""

    __tablename__ = "shop_events"
    __table_args__ = {"postgresql_partition_by": "RANGE (at)"}

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    words: Mapped[str] = mapped_column(String(80))


def month_after(month: date, count: int = 1) -> date:
    """The first day of the month that comes so many months later."""
    years, months = divmod(month.month - 1 + count, 12)
    return date(month.year + years, months + 1, 1)


async def open_events(engine: AsyncEngine, first: date, months: int = 12) -> None:
    """The table of events, and on PostgreSQL a partition for each of so many months, which begin at midnight UTC."""
    async with engine.begin() as connection:
        await connection.run_sync(ShopBase.metadata.create_all)
        if engine.dialect.name != "postgresql":
            return
        for month in [month_after(first, count) for count in range(months)]:
            bounds = [datetime(each.year, each.month, 1, tzinfo=UTC) for each in (month, month_after(month))]
            await connection.execute(
                text(
                    f"CREATE TABLE IF NOT EXISTS shop_events_{month:%Y_%m} PARTITION OF shop_events "
                    f"FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')"
                )
            )


@contextmanager
def titles_counted() -> Iterator[Seen]:
    _seen.append(seen := Seen())
    try:
        yield seen
    finally:
        _seen.remove(seen)


async def open_shop(attempt: Attempt) -> None:
    async with attempt.engine.begin() as connection:
        await connection.run_sync(ShopBase.metadata.create_all)
