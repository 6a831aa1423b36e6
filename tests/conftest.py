"""Two databases for every test that touches one: a new file of SQLite, and a PostgreSQL database emptied each time."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.db import Base, create_engine, create_session_factory
from course_lib.lab import postgres
from course_lib.lab.databases import fresh_url

DATABASES = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """The embedded PostgreSQL of the kit; this run of the tests is one of its users."""
    server = postgres.shared()
    yield server
    server.leave()


@pytest.fixture(scope="session")
def postgres_url(server: postgres.Server) -> URL:
    return server.create_database()


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest) -> URL:
    """An address at which there are no tables, or the course's tables without rows."""
    if request.param == "sqlite":
        return fresh_url("sqlite")
    postgres_url: URL = request.getfixturevalue("postgres_url")
    return postgres_url


@pytest.fixture
async def engine(url: URL) -> AsyncIterator[AsyncEngine]:
    """An engine on the course's tables, without rows; keys start at 1."""
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        if engine.dialect.name == "postgresql":
            tables = ", ".join(Base.metadata.tables)
            await connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    yield engine
    await engine.dispose()


@pytest.fixture
def sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return create_session_factory(engine)


@pytest.fixture
async def session(sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session
