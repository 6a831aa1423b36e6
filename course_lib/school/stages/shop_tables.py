"""Tables of a shop that the checks make beside the course's: orders, letters, and sales that are counted in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import ref

from sqlalchemy import BigInteger, String, TypeDecorator, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

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
        self.titles: list[ref[_Title]] = []

    @property
    def read(self) -> int:
        return len(self.titles)

    @property
    def alive(self) -> int:
        return sum(title() is not None for title in self.titles)

    def note(self, text: str) -> str:
        title = _Title(text)
        self.titles.append(ref(title))
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
