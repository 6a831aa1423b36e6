"""A database for a lesson, a test or a command: a file of SQLite, the embedded PostgreSQL, or a server you name."""

import asyncio
import atexit
import os
import secrets
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import URL, NullPool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import settings
from course_lib.db import Base, create_engine
from course_lib.errors import DatabaseNotUnderstood
from course_lib.lab import postgres
from course_lib.lab.people import add_people
from course_lib.lab.processes import identity, is_alive
from course_lib.lab.run_apart import run_apart


def database_url(setting: str | None = None) -> URL:
    """The lasting database of `setting` (default: COURSE_DATABASE); 'postgres' starts the embedded server.

    Raises DatabaseNotUnderstood, PostgresUnavailable.
    """
    setting = setting or settings.database_setting()
    return (
        postgres.shared().create_database("course")
        if setting == "postgres"
        else settings.database_url(setting)
    )


def fresh_copy(prepared: URL) -> URL:
    """A fresh database with all that is in `prepared`, one of this process's own, to which nobody is connected."""
    if prepared.get_backend_name() == "postgresql":
        return postgres.shared().create_database(template=prepared.database)
    url = fresh_url("sqlite")
    shutil.copyfile(str(prepared.database), str(url.database))
    return url


def fresh_url(setting: str | None = None) -> URL:
    """An empty database that vanishes with this process; what `setting` names stays untouched.

    Raises DatabaseNotUnderstood, PostgresUnavailable, and what the driver raises where a named server does not answer.
    """
    setting = setting or settings.database_setting()
    if setting == "postgres":
        return postgres.shared().create_database()
    url = settings.database_url(setting)
    if url.get_backend_name() == "sqlite":
        return url.set(database=str(_own_folder() / "lesson.db"), query={})
    if url.get_backend_name() == "postgresql":
        return _beside(url)
    raise DatabaseNotUnderstood(url.drivername, "the lessons run on SQLite and PostgreSQL")


async def open_database(setting: str | None = None, *, people: bool = True) -> AsyncEngine:
    """An engine on a fresh database that holds the course's tables and, if you like, its sample people."""
    engine = create_engine(fresh_url(setting))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        if people:
            await add_people(connection)
    return engine


def why_not(error: Exception, url: URL) -> str:
    """Why the database at `url` could not be opened: one line for a person, without a password."""
    if url.get_backend_name() == "sqlite":
        return f"the file {url.database} cannot be opened: {why_no_file(url) or _told(error)}"
    place = f"{url.host}:{url.port}" if url.port else url.host
    return f"the database {url.database!r} of {url.username!r} at {place} cannot be opened: {_told(error)}"


def why_no_file(url: URL) -> str:
    """Why there can be no SQLite file at `url`, known before anything tries; "" where there can be one."""
    path = Path(url.database or "")
    if url.query or not url.database or url.database == ":memory:":
        return ""
    if path.exists() and not path.is_file():
        return "it is a folder" if path.is_dir() else "it is a device or a pipe, and no file"
    return "" if path.parent.is_dir() else f"there is no folder {path.parent}"


def _told(error: Exception) -> str:
    if isinstance(error, TypeError) and "'sslmode'" in str(error):
        return "asyncpg calls `sslmode` `ssl`; write ?ssl=require, with the same values"
    told = error.orig if isinstance(error, DBAPIError) else error
    return " ".join(str(told).split()) or type(told).__name__


def _own_folder() -> Path:
    """A new folder that is deleted with this process."""
    home = _home_of(os.getpid())
    home.mkdir(mode=0o700, exist_ok=True)  # it may be gone, as temporary files go
    return Path(tempfile.mkdtemp(dir=home))


@cache
def _home_of(process: int) -> Path:
    """The one folder that a process has for all its databases; those of killed processes are deleted now."""
    for left in Path(tempfile.gettempdir()).glob("course-*_*-*"):
        if not is_alive(left.name.split("-")[1]):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"course-{identity(process)}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _beside(url: URL) -> URL:
    """A new database on the server of `url`, dropped when this process ends well."""
    name = f"course_{secrets.token_hex(4)}"
    run_apart(_send(url, f"CREATE DATABASE {name}"))
    atexit.register(lambda: asyncio.run(_send(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")))
    return url.set(database=name)


async def _send(url: URL, statement: str) -> None:
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(statement)
