"""Tables of a shop that the checks make beside the course's: orders, letters, and sales that are counted in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


class Seen:
    """How many titles have been read, and how many of them are alive."""

    read = alive = most_alive = 0


_seen: list[Seen] = []


class _Title(str):
    """A text that is counted for as long as somebody holds it."""

    def __new__(cls, text: str, seen: Seen) -> "_Title":
        title = super().__new__(cls, text)
        title.seen = seen
        seen.read += 1
        seen.alive += 1
        seen.most_alive = max(seen.most_alive, seen.alive)
        return title

    seen: Seen

    def __del__(self) -> None:
        self.seen.alive -= 1


class _CountedTitle(TypeDecorator[str]):
    impl, cache_ok = String, True

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        return _Title(value, _seen[-1]) if value and _seen else value


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
