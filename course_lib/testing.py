"""Fixtures for pytest: each test has a database of its own, on SQLite and on
PostgreSQL, or a session that leaves nothing behind.

A project takes them along with `pytest_plugins = "course_lib.testing"` in its
conftest.py. An engine belongs to one event loop, and pytest-asyncio gives each test a
new one: so each test has an engine of its own, too."""

import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from sqlalchemy import URL, NullPool
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.db import create_engine, create_session_factory
from course_lib.models import User
from course_lib.settings import database_url


@asynccontextmanager
async def rolled_back(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A session whose commits are savepoints, in a transaction that is rolled back.

    Source: SQLAlchemy, "Joining a Session into an External Transaction"."""
    sessions = create_session_factory(engine)
    async with engine.connect() as connection, connection.begin() as outer:
        mode = "create_savepoint"
        async with sessions(bind=connection, join_transaction_mode=mode) as session:
            yield session
        await outer.rollback()


@asynccontextmanager
async def another_database(beside: URL, template: str = "") -> AsyncIterator[URL]:
    """A copy of the database `template`, which nobody uses at the moment, or an empty
    database. Source: PostgreSQL, "Template Databases"."""
    url = beside.set(database=f"{beside.database}{secrets.token_hex(4)}")
    if beside.get_backend_name() == "sqlite":
        if template:
            shutil.copy(template, str(url.database))
        yield url
        return
    made = f'CREATE DATABASE "{url.database}" TEMPLATE "{template or "template1"}"'
    await _tell(beside, made)
    try:
        yield url
    finally:
        await _tell(beside, f'DROP DATABASE "{url.database}" WITH (FORCE)')


async def _tell(server: URL, statement: str) -> None:
    engine = create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(statement)


@pytest.fixture(scope="session", params=("sqlite", "postgres"))
def beside(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> URL:
    """Where databases may be made: in a folder, and on the server of the database that
    COURSE_TEST_POSTGRES names. Without it, tests on PostgreSQL are skipped."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("sqlite") / "test"
        return URL.create("sqlite+aiosqlite", database=str(file))
    if setting := os.environ.get("COURSE_TEST_POSTGRES"):
        return database_url(setting)
    pytest.skip("COURSE_TEST_POSTGRES names no database")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def prepared(beside: URL) -> AsyncIterator[URL]:
    """A database with all tables, made once; each test gets a copy."""
    async with another_database(beside) as url:
        engine = create_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(User.metadata.create_all)
        await engine.dispose()
        yield url


@pytest_asyncio.fixture
async def engine(prepared: URL) -> AsyncIterator[AsyncEngine]:
    """An engine on a copy of the prepared database: everything may be done there."""
    async with another_database(prepared, str(prepared.database)) as url:
        engine = create_engine(url)
        yield engine
        await engine.dispose()


@pytest.fixture
def sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return create_session_factory(engine)


@pytest_asyncio.fixture
async def session(prepared: URL) -> AsyncIterator[AsyncSession]:
    """A session for code that opens none: cheaper than a copy, which needs that nobody
    uses the prepared database. So a test takes this one or an engine.

    It proves nothing about a COMMIT (deferred constraints, the time) or about a second
    session."""
    engine = create_engine(prepared)
    async with rolled_back(engine) as session:
        yield session
    await engine.dispose()
