"""The tables of a blog whose readers also hold accounts, with the rules this course
needs, kept by the database."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, BigInteger, ForeignKey, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates
from sqlalchemy.schema import CheckConstraint, Column, Index, UniqueConstraint
from sqlalchemy.sql import false, text, true

from course_lib.db import (
    Base,
    HiddenText,
    OneSpelling,
    UtcDateTime,
    one_spelling,
    utc_now,
)

MAX_ID = 2**31 - 1
"""PostgreSQL's largest INTEGER. A table that may outgrow it starts with BigInteger:
widening a key rewrites it."""

NEVER_REUSE_IDS = {"sqlite_autoincrement": True}
"""An id that was once committed is never given again. Without it SQLite gives the
highest id, once deleted, to the next row, and all that still points there. Its price is
a second write for each INSERT (sqlite.org/autoinc.html)."""

PUBLISHED: dict[str, Any] = {
    "sqlite_where": text("published = 1"),
    "postgresql_where": text("published"),
}
"""What a partial index holds, in the words of a query: SQLite uses it where the two say
the same, word by word."""

UNSENT: dict[str, Any] = dict.fromkeys(
    ("sqlite_where", "postgresql_where"), text("sent_at IS NULL")
)

related = partial(relationship, lazy="raise", passive_deletes=True)
"""Fetched only where a query asks for it, and deleted by the database's own foreign
keys."""


def _at_most(column: str, length: int) -> CheckConstraint:
    """SQLite takes VARCHAR(50) as a remark and stores any length: a CHECK holds on both
    databases."""
    return CheckConstraint(f"length({column}) <= {length}", name=f"{column}_length")


class Numbered:
    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


Moment = Annotated[
    datetime, mapped_column(UtcDateTime, server_default=utc_now(), sort_order=1)
]


class Timestamped:
    """Two times in UTC, filled by the database at an INSERT and readable after a flush
    (eager_defaults: RETURNING).

    `updated_at` moves with each UPDATE that SQLAlchemy writes. Plain SQL has to set it,
    or a trigger of your own."""

    __mapper_args__ = {"eager_defaults": True}

    created_at: Mapped[Moment]
    updated_at: Mapped[Moment] = mapped_column(onupdate=utc_now())


class User(Numbered, Timestamped, Base):
    __tablename__ = "users"
    __table_args__ = (
        _at_most("email", 255),
        _at_most("username", 50),
        CheckConstraint("email = lower(email)", name="email_lower_case"),
        CheckConstraint("username = lower(username)", name="username_lower_case"),
        NEVER_REUSE_IDS,
    )

    email: Mapped[str] = mapped_column(OneSpelling(255), unique=True)
    username: Mapped[str] = mapped_column(OneSpelling(50), unique=True)
    hashed_password: Mapped[str] = mapped_column(HiddenText(255))
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    is_admin: Mapped[bool] = mapped_column(default=False, server_default=false())

    posts: Mapped[list["Post"]] = related(
        back_populates="author", cascade="all, delete-orphan"
    )
    accounts: Mapped[list["Account"]] = related(
        back_populates="owner", passive_deletes="all"
    )

    @validates("email", "username")
    def _one_spelling(self, _: str, typed: Any) -> Any:
        # What the database will hold, so that the object says the same before it is
        # read back.
        return one_spelling(typed) if isinstance(typed, str) else typed


post_tags = Table(
    "post_tags",
    Base.metadata,
    Column("post_id", ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "tag_id",
        ForeignKey("tags.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
)


class Post(Numbered, Timestamped, Base):
    __tablename__ = "posts"
    __table_args__ = (
        _at_most("title", 200),
        Index("ix_posts_feed", "created_at", "id", **PUBLISHED),
        NEVER_REUSE_IDS,
    )

    title: Mapped[str] = mapped_column(String(200))
    content: Mapped[str] = mapped_column(Text)
    published: Mapped[bool] = mapped_column(default=False, server_default=false())
    author_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )

    author: Mapped[User] = related(back_populates="posts")
    tags: Mapped[list["Tag"]] = related(
        secondary=post_tags, back_populates="posts", order_by="Tag.name"
    )


class Tag(Numbered, Base):
    __tablename__ = "tags"
    __table_args__ = (_at_most("name", 50), NEVER_REUSE_IDS)

    name: Mapped[str] = mapped_column(String(50), unique=True)

    posts: Mapped[list[Post]] = related(secondary=post_tags, back_populates="tags")


class Account(Numbered, Timestamped, Base):
    """Money in whole cents. Nobody can delete a user who holds an account."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("balance >= 0", name="balance_not_negative"),
        NEVER_REUSE_IDS,
    )

    owner_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="RESTRICT"), index=True
    )
    balance: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")

    owner: Mapped[User] = related(back_populates="accounts")


class Transfer(Numbered, Base):
    """A line of the ledger: written with the balances it explains, or not at all."""

    __tablename__ = "transfers"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("from_account_id <> to_account_id", name="two_accounts"),
        UniqueConstraint(
            "from_account_id", "idempotency_key", name="uq_transfers_payer_and_key"
        ),
        _at_most("idempotency_key", 64),
        NEVER_REUSE_IDS,
    )

    from_account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    to_account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    idempotency_key: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[Moment]


class LoginToken(Numbered, Base):
    """A login that lasts until `expires_at`. Of its token there is a SHA-256 alone, in
    hex: whoever reads this table cannot log in with it."""

    __tablename__ = "login_tokens"
    __table_args__ = (NEVER_REUSE_IDS,)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    token_hash: Mapped[str] = mapped_column(HiddenText(64), unique=True)
    created_at: Mapped[Moment]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, sort_order=2)


class OutboxMessage(Numbered, Base):
    """Something to tell outside, written with what it tells of, or not at all."""

    __tablename__ = "outbox_messages"
    __table_args__ = (
        Index("ix_outbox_messages_unsent", "attempts", "id", **UNSENT),
        NEVER_REUSE_IDS,
    )

    key: Mapped[UUID] = mapped_column(default=uuid4)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[Moment]
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime, sort_order=2)
