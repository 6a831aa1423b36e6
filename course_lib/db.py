"""One engine per database and event loop, one session per piece of work, and timestamps that are always UTC.

The SQLite part follows "Enabling Non-Legacy SQLite Transactional Modes" in SQLAlchemy's page on SQLite, the way with
events, which every Python has: the driver starts no transaction by itself, so the engine says BEGIN.
"""

import re
from datetime import UTC, datetime
from typing import Any
from unicodedata import normalize

from sqlalchemy import URL, Connection, DateTime, Dialect, MetaData, String, TypeDecorator, event, inspect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

WRITE_LOCK_FIRST = {"sqlite_begin": "BEGIN IMMEDIATE"}
"""Execution options of a connection or session that is going to write. PostgreSQL ignores them."""

SQLITE_BUSY = 5
SERIALIZATION_FAILURE, DEADLOCK_DETECTED = "40001", "40P01"


def create_engine(url: URL | str, *, foreign_keys: bool = True, **options: Any) -> AsyncEngine:
    """An engine with SQLite's traps closed; it connects when first used.

    Errors do not show parameters, which may be secrets. `options` go to SQLAlchemy's `create_async_engine`.
    `foreign_keys=False` is for migrations on SQLite, which rebuild tables.
    """
    options = {"hide_parameters": True, "pool_pre_ping": True} | options
    engine = create_async_engine(url, **options)
    if engine.dialect.name == "sqlite":
        _mend_sqlite(engine, foreign_keys)
    return engine


def create_session_factory(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions whose objects stay readable after a commit, and which cannot be used again once closed."""
    return async_sessionmaker(engine, expire_on_commit=False, close_resets_only=False)


def _mend_sqlite(engine: AsyncEngine, foreign_keys: bool) -> None:
    pragmas = (f"foreign_keys={'ON' if foreign_keys else 'OFF'}", "journal_mode=WAL", "busy_timeout=5000")

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, _: object) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN, not the driver
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


class Base(DeclarativeBase):
    """Every constraint gets a name, the same on both databases: migrations can find it and errors can tell it."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )

    def __repr__(self) -> str:
        # Reads no attribute: in a notebook's last line an expired one would ask the database, and fail.
        identity = inspect(self).identity
        return f"<{type(self).__name__} {identity[0] if identity else '(not saved)'}>"


class UtcDateTime(TypeDecorator[datetime]):
    """Takes times that know their zone, stores UTC, returns UTC. SQLite would drop the zone without a word."""

    impl = DateTime(timezone=True)
    cache_ok = True
    python_type = datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; use datetime.now(UTC)")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_spelling(text: str) -> str:
    """The same for Ann, ANN and full-width Ａｎｎ, for ß and SS, σ and ς, for é as one sign or as two.

    Made here and nowhere else: the lower() of Python, SQLite and PostgreSQL disagree, but none changes what this gives,
    if Python knows the letters. Source: the Unicode Standard, section 3.13; lower() is there for Cherokee.
    """
    return normalize("NFKC", normalize("NFKD", text).casefold().lower())


class OneSpelling(TypeDecorator[str]):
    """Text that SQLAlchemy writes and searches in one spelling. What was typed is not kept: straße@x.org is stored as
    strasse@x.org, another mailbox perhaps. Who sends mail keeps the address as typed too, in a column beside it.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and one_spelling(value)


class Hidden(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class HiddenText(TypeDecorator[str]):
    """Text that shows in no log, neither with the rows of SQLAlchemy's at DEBUG nor with aiosqlite's parameters, where
    the statement knows the column: `text()` does not.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else Hidden(value)

    process_result_value = process_bind_param


class utc_now(FunctionElement[datetime]):  # noqa: N801  SQL functions are written in lower case
    """The database's clock. PostgreSQL gives the time at which the transaction began."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(utc_now)
def _utc_now(element: utc_now, compiler: SQLCompiler, **_: Any) -> str:
    return "CURRENT_TIMESTAMP"


@compiles(utc_now, "sqlite")
def _utc_now_in_sqlite(element: utc_now, compiler: SQLCompiler, **_: Any) -> str:
    # CURRENT_TIMESTAMP has whole seconds there, and not SQLAlchemy's format: as text, the two would not compare.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


def is_conflict(error: DBAPIError) -> bool:
    """Whether another transaction was in the way, so that the same work may succeed when it is run again."""
    if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == SQLITE_BUSY:
        return True
    return getattr(error.orig, "sqlstate", None) in (SERIALIZATION_FAILURE, DEADLOCK_DETECTED)


def violated_constraint(error: IntegrityError) -> str:
    """The name of a CHECK or of a UNIQUE on one column: 'ck_users_email_length', 'uq_users_email'.

    PostgreSQL tells it. SQLite tells the column of a unique one, and the naming convention makes the name of it. For
    other rules (a key, NOT NULL, several columns) it is what the database says, and that differs.
    """
    if name := getattr(error.driver_exception, "constraint_name", None):
        return str(name)
    told = str(error.orig)
    unique = re.fullmatch(r"UNIQUE constraint failed: (\w+)\.(\w+)", told)
    return f"uq_{unique[1]}_{unique[2]}" if unique else told.rpartition(": ")[2]
