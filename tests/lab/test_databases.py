"""A database for a lesson or a test: fresh, with or without people, and gone with its process."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL, func, inspect, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from stages import DATABASES

from course_lib.db import Base
from course_lib.errors import DatabaseNotUnderstood
from course_lib.lab import postgres
from course_lib.lab.databases import database_url, fresh_url, open_database, why_no_file, why_not
from course_lib.models import User
from course_lib.settings import SQLITE_FILE

ASK = "from course_lib.lab.databases import fresh_url; print(fresh_url({!r}).render_as_string(False), flush=True); "

pytestmark = pytest.mark.usefixtures("server")


def shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def asked_by_another_process(setting: str, then: str = "") -> tuple[URL, "subprocess.Popen[str]"]:
    """A fresh database of a process that goes on with `then`, which may wait for its input."""
    words = [sys.executable, "-c", ASK.format(setting) + then]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return make_url(process.stdout.readline().strip()), process


async def users_in(engine: AsyncEngine) -> int | None:
    async with engine.connect() as connection:
        return await connection.scalar(select(func.count()).select_from(User))


async def databases_of(url: URL) -> set[str]:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        names = set(await connection.scalars(text("SELECT datname FROM pg_database")))
    await engine.dispose()
    return names


@pytest.mark.parametrize("setting", DATABASES)
def test_each_fresh_database_is_another(setting: str) -> None:
    assert len({shown(fresh_url(setting)) for _ in range(2)}) == 2


@pytest.mark.parametrize("setting", DATABASES)
@pytest.mark.parametrize(("people", "users"), [(True, 8), (False, 0)])
async def test_an_opened_database_has_the_tables_and_the_people_if_wanted(
    setting: str, people: bool, users: int
) -> None:
    engine = await open_database(setting, people=people)

    assert await users_in(engine) == users
    async with engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert set(tables) >= Base.metadata.tables.keys()
    await engine.dispose()


def test_the_lasting_database_of_sqlite_is_the_file_in_the_project() -> None:
    assert database_url("sqlite").database == str(SQLITE_FILE)


def test_the_lasting_database_of_postgresql_is_made_once() -> None:
    assert database_url("postgres") == database_url("postgres")
    assert database_url("postgres").database == "course"


def test_a_setting_that_is_no_database_is_named() -> None:
    for ask in (database_url, fresh_url):
        with pytest.raises(DatabaseNotUnderstood, match="'nonsense'"):
            ask("nonsense")


def test_without_a_setting_the_environment_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATABASE", "sqlite+aiosqlite:////tmp/of_my_own.db")

    assert database_url().database == "/tmp/of_my_own.db"
    assert fresh_url().get_backend_name() == "sqlite"


def test_a_named_file_is_never_touched_by_a_lesson(tmp_path: Path) -> None:
    mine = tmp_path / "mine.db"
    mine.write_bytes(b"precious")

    assert fresh_url(f"sqlite+aiosqlite:///{mine}").database != str(mine)
    assert mine.read_bytes() == b"precious"


async def test_a_named_server_gets_a_database_beside_the_named_one(postgres_url: URL) -> None:
    url, process = asked_by_another_process(shown(postgres_url), "input()")
    during = await databases_of(postgres_url)
    process.communicate("\n")

    assert url.database != postgres_url.database
    assert during - await databases_of(postgres_url) >= {url.database}


def test_the_file_of_a_lesson_vanishes_with_its_process() -> None:
    url, process = asked_by_another_process("sqlite", "input()")
    folder = Path(str(url.database)).parent
    before = folder.is_dir()
    process.communicate("\n")

    assert (before, folder.exists()) == (True, False)


def test_the_file_of_a_killed_process_vanishes_with_the_next_process_that_asks() -> None:
    url, process = asked_by_another_process("sqlite", "input()")
    process.kill()
    process.communicate()
    asked_by_another_process("sqlite")[1].communicate()

    assert not Path(str(url.database)).parent.exists()


def test_a_fresh_file_can_be_made_where_temporary_files_were_cleared_away() -> None:
    shutil.rmtree(Path(str(fresh_url("sqlite").database)).parents[1])

    assert Path(str(fresh_url("sqlite").database)).parent.is_dir()


async def test_the_database_of_a_killed_process_vanishes_with_the_next_fresh_one(
    server: postgres.Server,
) -> None:
    url, process = asked_by_another_process("postgres", "input()")
    process.kill()
    process.communicate()

    for _ in await databases_of(server.url()):  # each time a few go, and others may have left some
        if url.database not in await databases_of(server.create_database()):
            return
    pytest.fail(f"{url.database} is still there")


def test_why_a_database_cannot_be_opened_is_one_line_without_a_password() -> None:
    url = make_url("postgresql+asyncpg://ann:sesame@db.example/blog?password=sesame")

    assert why_not(TimeoutError(), url) == (
        "the database 'blog' of 'ann' at db.example cannot be opened: TimeoutError"
    )
    assert why_not(OSError("no route\nto host"), url.set(port=5432)).endswith(
        "at db.example:5432 cannot be opened: no route to host"
    )


def test_a_place_where_no_sqlite_file_can_be_is_told_before_anything_tries(tmp_path: Path) -> None:
    def told(path: object) -> str:
        return why_no_file(URL.create("sqlite+aiosqlite", database=str(path)))

    (tmp_path / "there.db").touch()
    assert [told(path) for path in (tmp_path / "there.db", tmp_path / "new.db", ":memory:")] == ["", "", ""]
    assert told(tmp_path) == "it is a folder"
    assert told(tmp_path / "no" / "x.db") == f"there is no folder {tmp_path / 'no'}"
    if sys.platform != "win32":
        assert told(os.devnull) == "it is a device or a pipe, and no file"
