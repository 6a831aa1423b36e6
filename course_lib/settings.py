"""What the environment says: COURSE_DATABASE, COURSE_SECRET and time-outs, read when
asked and never at import."""

import logging
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from course_lib.errors import DatabaseNotUnderstood, SettingNotUnderstood

log = logging.getLogger(__name__)

SQLITE_FILE = Path(__file__).resolve().parent.parent / "course.db"


def database_setting() -> str:
    """What COURSE_DATABASE says; 'sqlite' when it says nothing."""
    return os.environ.get("COURSE_DATABASE", "").strip() or "sqlite"


def database_url(setting: str | None = None) -> URL:
    """The URL for `setting` (default: COURSE_DATABASE). 'sqlite' is a file in the
    project's folder, wherever you stand.

    Raises DatabaseNotUnderstood, also for 'postgres': starting the embedded server is
    the lab's work."""
    setting = setting or database_setting()
    if setting == "sqlite":
        return URL.create("sqlite+aiosqlite", database=str(SQLITE_FILE))
    if setting == "postgres":
        reason = "its server is started by `course serve` and by the lessons"
        raise DatabaseNotUnderstood(setting, reason)
    try:
        url = make_url(setting)
        dialect = url.get_dialect().get_async_dialect_cls(url)
        dialect.import_dbapi()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise DatabaseNotUnderstood(setting, "it names no database we know") from None
    except ImportError as missing:
        reason = f"{missing.name} is not installed"
        raise DatabaseNotUnderstood(setting, reason) from None
    if sslmode := url.query.get("sslmode"):  # libpq's word; asyncpg calls it ssl
        url = url.difference_update_query(["sslmode"])
        url = url.update_query_dict({"ssl": sslmode})
    if not dialect.is_async:
        reason = f"the driver of {url.drivername!r} is not async"
        raise DatabaseNotUnderstood(setting, reason)
    return url


def cursor_secret(*, one_process: bool = True) -> str:
    """COURSE_SECRET, which signs cursors; without one a new secret, which no other
    process knows.

    Where there may be several processes, as behind `uvicorn --workers`, the log says
    that they need it."""
    secret = os.environ.get("COURSE_SECRET")
    if not (secret or one_process):
        log.warning(
            "COURSE_SECRET is not set: a cursor is good for the process that made it, "
            "and no other."
        )
    return secret or secrets.token_urlsafe()


@dataclass(frozen=True)
class Timeouts:
    """Seconds after which the database gives up: a statement that waits for a lock or
    runs, a session that does nothing inside its transaction, or a wait to connect.

    SQLite knows the first alone: nothing stops a slow statement there, and nothing ends
    a forgotten transaction."""

    lock: float = 5
    statement: float = 10
    idle_in_transaction: float = 60
    pool: float = 5


def timeouts() -> Timeouts:
    """COURSE_LOCK_TIMEOUT, COURSE_STATEMENT_TIMEOUT, COURSE_POOL_TIMEOUT,
    COURSE_IDLE_IN_TRANSACTION_TIMEOUT, or defaults. Raises SettingNotUnderstood."""
    names = [each.name for each in fields(Timeouts)]
    variables = {name: f"COURSE_{name.upper()}_TIMEOUT" for name in names}
    said = {name: each for name, each in variables.items() if os.environ.get(each)}
    return Timeouts(**{name: _seconds(each) for name, each in said.items()})


def _seconds(variable: str) -> float:
    value = os.environ[variable]
    with suppress(ValueError):
        if 0 < (seconds := float(value)) <= 3_600:
            return seconds
    raise SettingNotUnderstood(variable, value, "seconds, more than 0 and at most 3600")
