"""What a learner did is kept, whoever writes at the same time; and a spoilt file spoils nothing else."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from processes import only_posix, wait_for
from sqlalchemy import Connection, Engine, event, inspect

from course_lib.db import Base, create_session_factory
from course_lib.lab.databases import open_database
from course_lib.school.learner.progress import Progress, ProgressUnavailable, progress_of
from course_lib.school.learner.progress_tables import Own

USES: list[Callable[[Progress], Awaitable[object]]] = [
    lambda progress: progress.record("07.2", "passed"),
    lambda progress: progress.note_hint("07.2"),
    lambda progress: progress.note_recall("07?2", True),
    lambda progress: progress.failed_tries("07.2"),
    lambda progress: progress.hints_shown("07.2"),
    lambda progress: progress.passed(),
    lambda progress: progress.tries(),
    lambda progress: progress.hints(),
    lambda progress: progress.recalls(),
]
each_use = pytest.mark.parametrize("use", USES, ids=lambda use: use.__code__.co_names[0])


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return progress_of(tmp_path)


def tables_in(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def record(progress: Progress, *outcomes: str, exercise: str = "07.2") -> None:
    for outcome in outcomes:
        await progress.record(exercise, outcome)


async def test_a_try_is_kept_with_its_misconception_and_time(progress: Progress) -> None:
    at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)

    await progress.record("07.2", "not yet", "N+1", at=at)

    (kept,) = await Progress(progress.file).tries()
    assert (kept.exercise, kept.outcome, kept.misconception, kept.at) == ("07.2", "not yet", "N+1", at)


async def test_a_try_without_a_time_happened_now(progress: Progress) -> None:
    before = datetime.now(UTC)
    await record(progress, "passed")

    assert before <= (await progress.tries())[0].at <= datetime.now(UTC)


async def test_what_was_not_attempted_is_no_try(progress: Progress) -> None:
    await record(progress, "not attempted")

    assert not progress.file.exists()
    assert await progress.tries() == []


async def test_an_unknown_outcome_is_a_mistake_of_the_caller(progress: Progress) -> None:
    with pytest.raises(
        ValueError, match="outcome is 'almost'; it must be 'not attempted', 'not yet' or 'passed'"
    ):
        await record(progress, "almost")


async def test_failed_tries_count_from_the_last_pass(progress: Progress) -> None:
    await record(progress, "not yet", "not yet", "passed", "not yet")
    await record(progress, "not yet", "passed", exercise="07.3")

    assert await progress.failed_tries("07.2") == 1
    assert await progress.failed_tries("07.3") == 0
    assert await progress.failed_tries("07.4") == 0


async def test_a_pass_stays_a_pass(progress: Progress) -> None:
    await record(progress, "passed", "not yet")
    await record(progress, "not yet", exercise="07.3")

    assert await progress.passed() == {"07.2"}


async def test_hints_are_counted_one_by_one_up_to_the_solution(progress: Progress) -> None:
    assert await progress.hints_shown("07.2") == 0
    assert [await progress.note_hint("07.2") for _ in range(6)] == [1, 2, 3, 4, 4, 4]
    assert await progress.hints_shown("07.2") == 4
    assert await progress.note_hint("07.3") == 1


async def test_a_recall_is_kept(progress: Progress) -> None:
    await progress.note_recall("07?2", True)
    await progress.note_recall("07?2", False)

    assert [(each.question, each.known) for each in await progress.recalls()] == [
        ("07?2", True),
        ("07?2", False),
    ]


async def test_more_than_a_thousand_tries_are_all_there(progress: Progress) -> None:
    await record(progress, "not yet")
    rows = "INSERT INTO tries (exercise, outcome, at) SELECT exercise, outcome, at FROM tries"
    with sqlite3.connect(progress.file) as connection:
        for _ in range(11):
            connection.execute(rows)
    connection.close()

    assert len(await progress.tries()) == await progress.failed_tries("07.2") == 2048


def test_the_tables_stand_apart_from_those_of_the_course() -> None:
    assert set(Own.metadata.tables) == {"tries", "hints_shown", "recalls"}
    assert not Own.metadata.tables.keys() & Base.metadata.tables.keys()
    assert Own.metadata.naming_convention == Base.metadata.naming_convention


async def test_a_database_of_the_course_has_no_table_of_progress() -> None:
    engine = await open_database("sqlite", people=False)
    async with create_session_factory(engine)() as session:
        names = await (await session.connection()).run_sync(tables_in)
    await engine.dispose()

    assert not Own.metadata.tables.keys() & set(names)


async def test_the_database_itself_refuses_an_unknown_outcome(progress: Progress) -> None:
    await record(progress, "passed")
    with sqlite3.connect(progress.file) as connection, pytest.raises(sqlite3.IntegrityError) as refused:
        connection.execute("INSERT INTO tries (exercise, outcome, at) VALUES ('07.2', 'almost', '')")
    connection.close()

    assert "ck_tries_outcome_known" in str(refused.value)


@each_use
async def test_no_connection_stays_open(
    progress: Progress, use: Callable[[Progress], Awaitable[object]]
) -> None:
    await record(progress, "passed")
    await use(progress)

    assert [each.path for each in psutil.Process().open_files() if "progress.db" in each.path] == []
    assert names_in(progress.file.parent) == ["progress.db"]
    wait_for(lambda: not any("connection_worker" in thread.name for thread in threading.enumerate()))


async def test_to_look_leaves_no_trace(progress: Progress, tmp_path: Path) -> None:
    assert await progress.tries() == []
    assert await progress.passed() == set()
    assert await progress.hints_shown("07.2") == 0
    assert names_in(tmp_path) == []


async def test_a_copy_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(ProgressUnavailable, match="out of reach"):
        await record(progress_of(tmp_path / "gone"), "passed")

    assert names_in(tmp_path) == []


async def test_an_empty_file_is_a_beginning(progress: Progress) -> None:
    progress.file.parent.mkdir()
    progress.file.touch()

    assert await progress.tries() == []
    await record(progress, "passed")
    assert await progress.passed() == {"07.2"}


WRITER = """
import asyncio, pathlib, sys, time
from course_lib.school.learner.progress import Progress

async def work(progress):
    for _ in range(5):
        await progress.record("07.2", "not yet", sys.argv[2])
        await progress.failed_tries("07.2")
        await progress.note_hint("07.2")

while not pathlib.Path("go").exists():
    time.sleep(0.001)
asyncio.run(work(Progress(pathlib.Path(sys.argv[1]))))
"""


async def test_a_write_asks_for_the_lock_before_it_reads(progress: Progress) -> None:
    sent = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)  # Progress makes its engines itself
    await progress.note_hint("07.2")
    event.remove(Engine, "before_cursor_execute", note)

    assert sent[0] == "BEGIN IMMEDIATE"


def python(source: str, *words: str, folder: Path) -> "subprocess.Popen[str]":
    """A process of its own, in which a warning is an error."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", source, *words],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


async def test_processes_that_write_at_once_lose_nothing(progress: Progress, tmp_path: Path) -> None:
    writers = [python(WRITER, str(progress.file), f"writer {n}", folder=tmp_path) for n in range(4)]
    (tmp_path / "go").touch()

    assert [writer.communicate(timeout=300)[0] for writer in writers] == [""] * 4
    by = [each.misconception for each in await progress.tries()]
    assert sorted(by, key=str) == [f"writer {n}" for n in range(4) for _ in range(5)]
    assert [hint.number for hint in await progress.hints()] == [1, 2, 3, 4]


@each_use
@pytest.mark.parametrize(
    "content", [b"no database" * 500, b"SQLite format 3\0" + b"x" * 5000], ids=["text", "damaged"]
)
async def test_a_damaged_file_is_told_and_left_as_it_is(
    progress: Progress, content: bytes, use: Callable[[Progress], Awaitable[object]]
) -> None:
    progress.file.parent.mkdir()
    progress.file.write_bytes(content)

    with pytest.raises(ProgressUnavailable) as told:
        await use(progress)

    damaged = "it is damaged. Rename it, and the next check begins a new one"
    assert str(told.value) == f"your progress in {progress.file} is out of reach: {damaged}."
    assert progress.file.read_bytes() == content


async def test_times_that_nobody_can_read_are_told(progress: Progress) -> None:
    await record(progress, "passed")
    with sqlite3.connect(progress.file) as connection:
        connection.execute("UPDATE tries SET at = 'yesterday'")
    connection.close()

    with pytest.raises(ProgressUnavailable, match="yesterday"):
        await progress.tries()


async def test_tables_of_another_make_are_told(progress: Progress) -> None:
    progress.file.parent.mkdir()
    with sqlite3.connect(progress.file) as connection:
        connection.execute("CREATE TABLE tries (name TEXT)")
    connection.close()

    with pytest.raises(ProgressUnavailable, match="column"):
        await record(progress, "passed")


async def test_a_folder_in_the_place_of_the_file_is_told(progress: Progress) -> None:
    progress.file.mkdir(parents=True)

    with pytest.raises(ProgressUnavailable, match="it cannot be opened for writing"):
        await record(progress, "passed")


async def test_a_file_that_another_program_holds_is_told(progress: Progress) -> None:
    await record(progress, "passed")
    holder = sqlite3.connect(progress.file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(ProgressUnavailable, match="another program holds it"):
        await record(progress, "passed")
    assert await progress.passed() == {"07.2"}

    holder.close()
    await record(progress, "passed")
    assert len(await progress.tries()) == 2


LOOKS = """
import asyncio, pathlib
from course_lib.school.learner.progress import Progress, ProgressUnavailable

for _ in range(30):
    try:
        asyncio.run(Progress(pathlib.Path.cwd()).tries())
    except ProgressUnavailable:
        print("told")
"""


def test_a_command_that_cannot_open_the_file_says_nothing_else(tmp_path: Path) -> None:
    output, _ = python(LOOKS, folder=tmp_path).communicate(timeout=300)

    assert output == "told\n" * 30


HURT = """
import asyncio, os, pathlib
from course_lib.school.learner.progress import Progress, ProgressUnavailable

async def main(progress):
    await progress.record("07.2", "passed")
    {hurt}
    try:
        for _ in range(200):
            await progress.record("07.2", "passed", "x" * 1000)
    except ProgressUnavailable as told:
        print(told)

asyncio.run(main(Progress(pathlib.Path("progress.db"))))
"""
FULL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))"
READ_ONLY = "os.chmod('progress.db', 0o444); os.chmod('.', 0o555); os.geteuid() or os.setuid(65534)"


@only_posix
@pytest.mark.parametrize(
    ("hurt", "told"),
    [(FULL_DISK, "the disk is full"), (READ_ONLY, "it cannot be opened for writing")],
    ids=["full disk", "read-only"],
)
async def test_a_file_that_cannot_grow_is_told_and_stays_whole(tmp_path: Path, hurt: str, told: str) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    output, _ = python(HURT.format(hurt=hurt), folder=folder).communicate(timeout=300)
    folder.chmod(0o755)

    assert output.startswith(f"your progress in progress.db is out of reach: {told}")
    assert output.count("\n") == 1
    assert await Progress(folder / "progress.db").passed() == {"07.2"}


def test_a_file_set_aside_is_kept_whole_under_a_new_name(progress: Progress) -> None:
    progress.file.parent.mkdir()
    places = []
    for content in ("first", "second"):
        for ending in ("", "-wal"):
            Path(f"{progress.file}{ending}").write_text(content, encoding="utf-8")
        places.append(progress.set_aside())

    assert [place.name for place in places] == ["progress-1.db", "progress-2.db"]
    assert [place.read_text(encoding="utf-8") for place in places] == ["first", "second"]
    assert Path(f"{places[0]}-wal").read_text(encoding="utf-8") == "first"
    assert not progress.file.exists()


async def test_after_setting_aside_a_new_file_begins(progress: Progress) -> None:
    await record(progress, "passed")
    old = progress.set_aside()
    await record(progress, "passed", exercise="01.1")

    assert await progress.passed() == {"01.1"}
    assert await Progress(old).passed() == {"07.2"}


def test_without_a_file_there_is_nothing_to_set_aside(progress: Progress, tmp_path: Path) -> None:
    with pytest.raises(ProgressUnavailable, match="out of reach"):
        progress.set_aside()

    assert names_in(tmp_path) == []
