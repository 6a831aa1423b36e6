"""Two databases for every test that touches one: a new file of SQLite, and a PostgreSQL database of its test file,
emptied each time."""

import gc
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from stages import DATABASES, Site, logged_in, serving, with_people, without_rows

from course_lib.app import create_app
from course_lib.db import create_engine, create_session_factory
from course_lib.lab import postgres
from course_lib.lab.databases import fresh_url
from course_lib.lab.people import make_administrator
from course_lib.school.stages.cheap_hashes import cheap_hashes


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """The embedded PostgreSQL of the kit; this run of the tests is one of its users."""
    server = postgres.shared()
    yield server
    server.leave()


@pytest.fixture(scope="module")
def postgres_url(server: postgres.Server) -> Iterator[URL]:
    """A database for one file of tests: no other file meets the tables that it leaves."""
    url = server.create_database()
    yield url
    server.drop_database(str(url.database))


LONGEST = (
    "test_notebooks.py",
    "test_tried_answers.py",
    "test_every_answer.py",
    "test_grade.py",  # lends its round to others, who would wait for it
    "test_regrade.py",
    "test_cli.py",
)
"""Of these a worker has for minutes: begun last, they would keep all others waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def pytest_collection_finish() -> None:
    """What is there before the first test stays to the end: a tenth of a check's work went into looking through it for
    garbage."""
    gc.collect()
    gc.freeze()


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
    await without_rows(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
def sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return create_session_factory(engine)


@pytest.fixture
async def session(sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


@pytest.fixture
async def people(engine: AsyncEngine) -> None:
    """The eight sample people: mira is user 1 with account 1, tomas user 2 with account 2, and so on."""
    await with_people(engine)


@pytest.fixture
def quick_hashes() -> Iterator[None]:
    """New passwords are hashed with the least of everything: for tests that do not ask what a hash costs."""
    with cheap_hashes():
        yield


@pytest.fixture(scope="session", params=DATABASES)
def served(request: pytest.FixtureRequest, server: postgres.Server) -> Iterator[tuple[URL, str]]:
    """One server for all tests on a database: the database's address and the server's."""
    url = fresh_url("sqlite") if request.param == "sqlite" else server.create_database()
    with serving(create_app(create_engine(url))) as address:
        yield url, address


@pytest.fixture
async def site(served: tuple[URL, str]) -> AsyncIterator[Site]:
    """The served application with the sample people in its database."""
    url, address = served
    engine = create_engine(url)
    await with_people(engine)
    await make_administrator(engine, "mira")
    mira = await logged_in(engine, 1)
    async with (
        httpx.AsyncClient(headers=mira, base_url=address, timeout=300, verify=False) as client,
        httpx.AsyncClient(base_url=address, timeout=300, verify=False) as stranger,
    ):
        yield Site(engine, client, stranger)
    await engine.dispose()
