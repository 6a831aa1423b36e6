"""What a test does with its database is gone for the next one, and what it proved was true of real commits."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib import testing
from course_lib.db import create_engine
from course_lib.lab import postgres
from course_lib.models import Tag
from course_lib.testing import another_database, rolled_back

# In place of those of conftest.py, which the other tests use.
beside, prepared = testing.beside, testing.prepared
engine, sessions, session = testing.engine, testing.sessions, testing.session

Sessions = async_sessionmaker[AsyncSession]
HOW_MANY = select(func.count()).select_from(Tag)


@pytest.fixture(scope="session", autouse=True)
def named(server: postgres.Server) -> Iterator[None]:
    """The tests may make databases on the kit's own server."""
    with pytest.MonkeyPatch.context() as patch:
        url = server.create_database().render_as_string(hide_password=False)
        patch.setenv("COURSE_TEST_POSTGRES", url)
        yield


async def database_names(url: URL) -> list[str]:
    engine = create_engine(url)
    async with engine.connect() as connection:
        found = await connection.exec_driver_sql("SELECT datname FROM pg_database")
        names = list(found.scalars())
    await engine.dispose()
    return names


@pytest.mark.parametrize("time", ["first", "second"])
async def test_what_one_test_commits_the_next_one_does_not_meet(sessions: Sessions, time: str) -> None:
    async with sessions() as session, session.begin():
        session.add(Tag(name="kept"))

    async with sessions() as another:
        assert [tag.id for tag in await another.scalars(select(Tag))] == [1]


@pytest.mark.parametrize("time", ["first", "second"])
async def test_the_rolled_back_session_keeps_nothing_that_was_committed(
    session: AsyncSession, time: str
) -> None:
    session.add(Tag(name="kept"))
    await session.commit()

    assert await session.scalar(HOW_MANY) == 1


async def test_a_rollback_takes_only_what_was_not_committed(engine: AsyncEngine) -> None:
    async with rolled_back(engine) as session:
        session.add(Tag(name="kept"))
        await session.commit()
        session.add(Tag(name="kept"))
        with pytest.raises(IntegrityError):
            await session.commit()
        await session.rollback()

        assert list(await session.scalars(select(Tag.name))) == ["kept"]


async def test_a_block_that_fails_leaves_nothing_and_no_connection_lent(engine: AsyncEngine) -> None:
    async def commit_and_fail() -> None:
        async with rolled_back(engine) as session:
            session.add(Tag(name="lost"))
            await session.commit()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await commit_and_fail()
    async with engine.connect() as connection:
        assert await connection.scalar(HOW_MANY) == 0
    assert "Current Checked out connections: 0" in engine.pool.status()


async def test_the_objects_of_the_session_stay_readable_after_a_commit(session: AsyncSession) -> None:
    session.add(tag := Tag(name="kept"))
    await session.commit()

    assert tag.name == "kept"


async def test_another_database_has_what_its_template_has(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(insert(Tag).values(name="kept"))
    await engine.dispose()

    async with another_database(engine.url, str(engine.url.database)) as url:
        copy = create_engine(url)
        async with copy.connect() as connection:
            assert await connection.scalar(HOW_MANY) == 1
        await copy.dispose()


async def test_without_a_template_it_is_empty(engine: AsyncEngine) -> None:
    async with another_database(engine.url) as url:
        empty = create_engine(url)
        async with empty.connect() as connection:
            with pytest.raises(DBAPIError, match=r"no such table|does not exist"):
                await connection.scalar(HOW_MANY)
        await empty.dispose()


@pytest.mark.parametrize("beside", ["postgres"], indirect=True)
async def test_on_a_server_it_goes_with_its_block_also_when_that_fails(beside: URL) -> None:
    there: set[str] = set()

    async def look_and_fail() -> None:
        async with another_database(beside) as url:
            there.update({str(url.database)} & {*await database_names(beside)})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await look_and_fail()
    assert len(there) == 1
    assert not there & {*await database_names(beside)}


@pytest.mark.parametrize("beside", ["postgres"], indirect=True)
async def test_it_goes_although_somebody_is_connected(beside: URL) -> None:
    async with another_database(beside) as url:
        forgotten = create_engine(url)
        connection = await forgotten.connect()

    assert url.database not in await database_names(beside)
    await connection.invalidate()
    await connection.close()
    await forgotten.dispose()


def test_tests_on_a_postgresql_that_nobody_named_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = "course_lib.testing"')
    (tmp_path / "test_it.py").write_text("def test_it(sessions): ...")
    words = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(tmp_path)]
    without = {name: value for name, value in os.environ.items() if name != "COURSE_TEST_POSTGRES"}

    done = subprocess.run(words, cwd=tmp_path, env=without, check=False, capture_output=True, text=True)

    assert "1 passed, 1 skipped" in done.stdout
    assert "COURSE_TEST_POSTGRES names no database" in done.stdout
