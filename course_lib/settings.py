"""Where the database is: COURSE_DATABASE, read when asked and never at import."""

import os
import re
import secrets
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from course_lib.errors import DatabaseNotUnderstood

SQLITE_FILE = Path(__file__).resolve().parent.parent / "course.db"


def database_setting() -> str:
    """What COURSE_DATABASE says; 'sqlite' when it says nothing."""
    return os.environ.get("COURSE_DATABASE", "").strip() or "sqlite"


def database_url(setting: str | None = None) -> URL:
    """The URL for `setting` (default: COURSE_DATABASE). 'sqlite' is a file in the project's folder, wherever you stand.

    Raises DatabaseNotUnderstood, also for 'postgres': starting the embedded server is the lab's work.
    """
    setting = setting or database_setting()
    if setting == "sqlite":
        return URL.create("sqlite+aiosqlite", database=str(SQLITE_FILE))
    if setting == "postgres":
        raise DatabaseNotUnderstood(
            setting, "the embedded PostgreSQL is started by `course serve` and by the lessons, not here"
        )
    return _async_url(setting)


def cursor_secret() -> str:
    """COURSE_SECRET, which signs cursors; without one a new secret, so that cursors end with the process."""
    return os.environ.get("COURSE_SECRET") or secrets.token_urlsafe()


def _async_url(setting: str) -> URL:
    try:
        url = make_url(setting)
        dialect = url.get_dialect().get_async_dialect_cls(url)
        dialect.import_dbapi()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise DatabaseNotUnderstood(_without_secrets(setting), "it names no database we know") from None
    except ImportError as missing:
        raise DatabaseNotUnderstood(_without_secrets(setting), f"{missing.name} is not installed") from None
    if not dialect.is_async:
        raise DatabaseNotUnderstood(
            _without_secrets(setting), f"the driver of {url.drivername!r} is not async"
        )
    return url


def _without_secrets(setting: str) -> str:
    """The setting, fit to be printed: up to the first sign behind which a password may stand."""
    return re.sub(r"(://|[:/@?]).*", r"\1***", setting, flags=re.DOTALL)
