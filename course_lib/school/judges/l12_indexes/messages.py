"""A forum of one table, for exercise 12.3: a message may answer another one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ForeignKey, insert
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Its own, so that the blog has no such table."""


class Message(Base):
    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    reply_to: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))
    withdrawn: Mapped[bool] = mapped_column(default=False)


FEW = (
    {"id": 1, "text": "Who has a rye starter to spare?", "reply_to": None},
    {"id": 2, "text": "I have. Come by on Friday.", "reply_to": 1},
    {"id": 3, "text": "Lost: a grey bicycle.", "reply_to": None},
    {"id": 4, "text": "Is the night train late?", "reply_to": None},
    {"id": 5, "text": "It was cancelled. No, wrong train.", "reply_to": 4, "withdrawn": True},
)


async def add_messages(engine: AsyncEngine, rows: Sequence[dict[str, Any]] = FEW) -> None:
    """Make the table and write these rows, of which a withdrawn one says so."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(Message), [{"withdrawn": False} | row for row in rows])
