"""One engine per database and event loop, one session per piece of work, and timestamps
that are always UTC.

The SQLite part follows "Enabling Non-Legacy SQLite Transactional Modes" in SQLAlchemy's
page on SQLite, the way with events, which every Python has: the driver starts no
transaction by itself, so the engine says BEGIN."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from unicodedata import normalize

from sqlalchemy import DateTime, MetaData, String, TypeDecorator, event, exc, inspect
from sqlalchemy.engine import URL, Connection, Dialect, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.ext.asyncio.engine import create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import PoolResetState
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from course_lib.settings import Timeouts

WRITE_LOCK_FIRST = {"sqlite_begin": "BEGIN IMMEDIATE"}
"""Execution options of a connection or session that is going to write. PostgreSQL
ignores them."""

READ_ONLY = {"sqlite_read_only": True, "postgresql_readonly": True}
"""Execution options of a connection or session that is going to read: a statement that
writes is refused."""

SQLITE_BUSY, SQLITE_LOCKED = 5, 6
SERIALIZATION_FAILURE, DEADLOCK_DETECTED = "40001", "40P01"
LOCK_NOT_AVAILABLE = "55P03"
CONFLICTS = SERIALIZATION_FAILURE, DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE
UNAVAILABLE = ("08", "53", "57P", "57014")
"""How SQLSTATE begins when the server is gone, shuts down, has no connection left, or
stopped a slow statement."""


def create_engine(
    url: URL | str,
    *,
    foreign_keys: bool = True,
    timeouts: Timeouts | None = None,
    **options: Any,
) -> AsyncEngine:
    """An engine with SQLite's traps closed; it connects when first used.

    Errors do not show parameters, which may be secrets. `options` go to SQLAlchemy's
    `create_async_engine`. `foreign_keys=False` is for migrations on SQLite, which
    rebuild tables."""
    options = {"hide_parameters": True, "pool_pre_ping": True} | options
    url = make_url(url)
    if timeouts and url.get_backend_name() == "postgresql":
        limits = {
            "lock_timeout": f"{timeouts.lock}s",
            "statement_timeout": f"{timeouts.statement}s",
            "idle_in_transaction_session_timeout": f"{timeouts.idle_in_transaction}s",
        }
        asyncpg = {"timeout": timeouts.pool, "server_settings": limits}
        options = {"pool_timeout": timeouts.pool, "connect_args": asyncpg} | options
    engine = create_async_engine(url, **options)
    if engine.dialect.name == "sqlite":
        _mend_sqlite(engine, foreign_keys, (timeouts or Timeouts()).lock)
    event.listen(engine.sync_engine, "handle_error", _forget_row)
    return engine


def _forget_row(context: ExceptionContext) -> None:
    """PostgreSQL tells the whole row that it refuses, a hash in it too, and a traceback
    would print that."""
    refusal = context.original_exception.__cause__
    if getattr(refusal, "detail", None):
        refusal.detail = None  # type: ignore[union-attr]


def create_session_factory(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions whose objects stay readable after a commit, and which cannot be used
    again once closed."""
    return async_sessionmaker(engine, expire_on_commit=False, close_resets_only=False)


def _mend_sqlite(engine: AsyncEngine, foreign_keys: bool, patience: float) -> None:
    waits = f"busy_timeout={round(patience * 1_000)}"

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN, not the driver
        # WAL is kept in the file: only its first connection changes anything, and fails
        # while somebody reads it.
        _pragmas(connection, f"foreign_keys={foreign_keys}", "journal_mode=WAL", waits)

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        reads = options.get("sqlite_read_only", False)
        if connection.info.get("reads", False) is not reads:
            # A connection of the pool keeps what was said last.
            _pragmas(connection.connection.dbapi_connection, f"query_only={reads}")
            connection.info["reads"] = reads
        if not connection._is_autocommit_isolation():
            connection.exec_driver_sql(options.get("sqlite_begin", "BEGIN"))

    @event.listens_for(engine.sync_engine, "reset")
    def end(connection: Any, _: object, state: PoolResetState) -> None:
        # A COMMIT that SQLite refuses leaves its transaction open.
        if state.asyncio_safe and connection.driver_connection.in_transaction:
            connection.rollback()

    @event.listens_for(engine.sync_engine, "invalidate")
    def give_up(connection: Any, *_: object) -> None:
        # Closed after a cancel, it keeps its locks for as long as somebody refers to a
        # cursor of it, and the traceback of the cancelled task does.
        with suppress(Exception):
            connection.rollback()


def _pragmas(connection: Any, *pragmas: str) -> None:
    async def say(driver: Any) -> None:
        for pragma in pragmas:
            async with driver.execute(f"PRAGMA {pragma}"):
                pass  # closed after an error, too: an open cursor keeps the file open

    connection.run_async(say)


class Base(DeclarativeBase):
    """Every constraint gets a name, the same on both databases: migrations can find it
    and errors can tell it."""

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
        # Reads no attribute: in a notebook's last line an expired one would ask the
        # database, and fail.
        identity = inspect(self).identity
        return f"<{type(self).__name__} {identity[0] if identity else '(not saved)'}>"


class UtcDateTime(TypeDecorator[datetime]):
    """Takes times that know their zone, stores UTC, returns UTC. SQLite would drop the
    zone without a word."""

    impl, cache_ok = DateTime(timezone=True), True
    python_type = datetime

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; use datetime.now(UTC)")
        return value and value.astimezone(UTC)

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        return value and (
            value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        )


def one_spelling(text: str) -> str:
    """The same for Ann, ANN and full-width Ａｎｎ, for ß and SS, σ and ς, for é as one
    sign or as two.

    Made here and nowhere else: the lower() of Python, SQLite and PostgreSQL disagree,
    but none changes what this gives, if Python knows the letters. Source: the Unicode
    Standard, section 3.13; lower() is there for Cherokee."""
    return normalize("NFKC", normalize("NFKD", text).casefold().lower())


class OneSpelling(TypeDecorator[str]):
    """Text that SQLAlchemy writes and searches in one spelling. What was typed is not
    kept: straße@x.org is stored as strasse@x.org, another mailbox perhaps. Who sends
    mail keeps the address as typed too, in a column beside it."""

    impl, cache_ok = String, True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and one_spelling(value)


class Hidden(str):
    def __repr__(self) -> str:
        return "'***'"


class HiddenText(TypeDecorator[str]):
    """Text that no log at DEBUG shows, SQLAlchemy's or aiosqlite's, where the column is
    known: `text()` knows none."""

    impl, cache_ok = String, True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else Hidden(value)

    process_result_value = process_bind_param


class utc_now(FunctionElement[datetime]):  # noqa: N801  as SQL writes functions
    """The database's clock. PostgreSQL gives the time when the transaction began."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(utc_now)
def _utc_now(element: utc_now, compiler: SQLCompiler, **_: Any) -> str:
    # SQLite's CURRENT_TIMESTAMP has whole seconds, and not SQLAlchemy's format: as
    # text, the two would not compare.
    if compiler.dialect.name == "sqlite":
        return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
    return "CURRENT_TIMESTAMP"


def is_conflict(error: DBAPIError) -> bool:
    """Whether another transaction was in the way, so that the same work may succeed
    when it is run again.

    A change of the schema counts: asyncpg refuses once what was prepared before it."""
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    state = getattr(error.orig, "sqlstate", None)
    stale = type(error.orig).__name__ == "InvalidCachedStatementError"
    return code in (SQLITE_BUSY, SQLITE_LOCKED) or state in CONFLICTS or stale


def is_unavailable(error: Exception) -> bool:
    """Whether the database was not there to answer: no connection left, the server
    gone, or the time over."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None))
        return error.connection_invalidated or state.startswith(UNAVAILABLE)
    return isinstance(error, exc.TimeoutError | OSError)


def violated_constraint(error: IntegrityError) -> str:
    """The name of a CHECK or of a UNIQUE on one column: 'ck_users_email_length',
    'uq_users_email'.

    PostgreSQL tells it. SQLite tells the column of a unique one, and the naming
    convention makes the name of it. For other rules (a key, NOT NULL, several columns)
    it is what the database says, and that differs."""
    if name := getattr(error.driver_exception, "constraint_name", None):
        return str(name)
    told = re.sub(
        r"^UNIQUE constraint failed: (\w+)\.(\w+)$", r"uq_\1_\2", str(error.orig)
    )
    return told.rpartition(": ")[2]
