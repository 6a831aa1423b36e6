"""A database for a lesson, a test or a command: a file of SQLite, the embedded PostgreSQL, or a server you name."""

import atexit
import shutil
import tempfile
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import settings
from course_lib.db import Base, create_engine
from course_lib.lab import postgres
from course_lib.lab.people import add_people


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


def fresh_url(setting: str | None = None) -> URL:
    """An empty database that vanishes with this process. Raises DatabaseNotUnderstood, PostgresUnavailable."""
    setting = setting or settings.database_setting()
    if setting == "postgres":
        return postgres.shared().create_database()
    url = settings.database_url(setting)
    if url.get_backend_name() == "sqlite":
        return url.set(database=str(_own_folder() / "lesson.db"))
    return url


async def open_database(setting: str | None = None, *, people: bool = True) -> AsyncEngine:
    """An engine on a fresh database that holds the course's tables and, if you like, its sample people."""
    engine = create_engine(fresh_url(setting))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        if people:
            await add_people(connection)
    return engine


def _own_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="course-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
