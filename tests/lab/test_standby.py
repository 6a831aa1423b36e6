"""A primary and its standby: what arrives, what is held back, what is lost, and that nothing of them is left."""

import secrets
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from course_lib.lab import standby
from course_lib.lab.postgres import PostgresUnavailable
from course_lib.lab.postgres.cluster import wait_for
from course_lib.lab.postgres.os_account import cache
from course_lib.lab.postgres.programs import run
from course_lib.lab.processes import is_alive
from course_lib.lab.standby import Pair, primary_and_standby
from course_lib.models import Tag, User

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with primary_and_standby() as pair:
        pair.primary.sql("CREATE TABLE notes (id serial PRIMARY KEY)")
        yield pair


@pytest.fixture
def empty(pair: Pair) -> Pair:
    """The pair, with no note on either."""
    pair.primary.sql("DELETE FROM notes")
    pair.catch_up()
    return pair


def write(pair: Pair, notes: int = 1) -> None:
    pair.primary.sql(f"INSERT INTO notes SELECT FROM generate_series(1, {notes})")


def shown(pair: Pair) -> tuple[int, int]:
    """How many notes the primary and the standby have."""
    primary, on_standby = (
        int(each.sql("SELECT count(*) FROM notes")) for each in (pair.primary, pair.standby)
    )
    return primary, on_standby


def test_a_standby_that_runs_is_ready_and_can_be_joined(pair: Pair) -> None:
    assert pair.standby.is_ready()
    assert pair.standby.start().is_running()


def test_what_is_committed_is_on_the_standby_once_it_has_caught_up(empty: Pair) -> None:
    write(empty)
    empty.catch_up()

    assert shown(empty) == (1, 1)


def test_the_standby_refuses_to_write(empty: Pair) -> None:
    with pytest.raises(PostgresUnavailable, match="cannot execute INSERT in a read-only transaction"):
        empty.standby.sql("INSERT INTO notes DEFAULT VALUES")


def test_a_standby_that_is_paused_shows_nothing_new_until_it_is_resumed(empty: Pair) -> None:
    empty.pause()
    write(empty)
    paused = shown(empty)
    empty.resume()
    empty.catch_up()

    assert (paused, shown(empty)) == ((1, 0), (1, 1))


def test_nothing_arrives_over_a_line_that_is_cut_and_all_of_it_when_it_is_mended(empty: Pair) -> None:
    empty.cut()
    write(empty)
    cut, connected = shown(empty), empty.is_connected()
    empty.mend()
    empty.catch_up()

    assert (cut, connected, shown(empty)) == ((1, 0), False, (1, 1))


def test_who_waits_at_commit_finds_the_row_on_the_standby_at_once(empty: Pair) -> None:
    empty.wait_at_commit()
    for _ in range(20):
        empty.primary.sql("SET synchronous_commit = remote_apply; INSERT INTO notes DEFAULT VALUES")
        primary, on_standby = shown(empty)
        assert primary == on_standby
    empty.wait_at_commit(yes=False)
    empty.cut()
    write(empty)  # and would never return if it still waited
    empty.mend()


async def test_engines_on_both_find_the_sample_people(pair: Pair) -> None:
    writer, reader = await pair.open("people")
    async with writer.begin() as connection:
        await connection.execute(insert(Tag).values(name="new"))
    pair.catch_up()
    async with reader.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(User)) == 8
        assert await connection.scalar(select(Tag.id).filter_by(name="new"))
    for each in (writer, reader):
        await each.dispose()


def test_promoted_behind_a_cut_line_it_lacks_what_came_later_and_takes_writes() -> None:
    with primary_and_standby() as pair:
        folders = [pair.primary.folder, pair.standby.folder]
        pair.primary.sql("CREATE TABLE notes (id serial PRIMARY KEY)")
        write(pair, 3)
        pair.catch_up()
        pair.cut()
        write(pair, 2)
        pair.primary.kill()
        pair.promote()
        assert pair.standby.sql("SELECT count(*) FROM notes").strip() == "3"
        pair.standby.sql("INSERT INTO notes DEFAULT VALUES")
        pair.primary.start()
        assert shown(pair) == (5, 4)

    assert not any(folder.exists() for folder in folders)


def test_without_pg_basebackup_it_says_so_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def noted(size: int) -> str:
        names.append(real_name(size))
        return names[-1]

    def lacking(words: list[str], *rest: Any, **options: Any) -> Any:
        return run(["pg_none", *words[1:]], *rest, **options)

    real_name = secrets.token_hex
    monkeypatch.setattr(secrets, "token_hex", noted)
    monkeypatch.setattr(standby, "run", lacking)
    with pytest.raises(PostgresUnavailable, match="made no standby"):
        Pair.own()

    assert len(names) == 2
    assert not any((cache() / f"private-{name}").exists() for name in names)


def test_a_copy_that_fails_tells_its_reason(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "COPY", f"{standby.COPY} --compress=nonsense")
    with pytest.raises(PostgresUnavailable, match=r"made no standby: pg_basebackup: .*nonsense"):
        standby._standby_of(pair.primary)


def test_the_pair_of_a_program_that_was_killed_is_ended_and_deleted() -> None:
    code = """
        from course_lib.lab.processes import identity
        from course_lib.lab.standby import Pair
        pair = Pair.own()
        for each in (pair.primary, pair.standby):
            print(each.folder, identity(each.pid), sep="\\n", flush=True)
        input()
    """
    pipe = subprocess.PIPE
    words = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, cwd=PROJECT) as program:
        assert program.stdout
        said = [program.stdout.readline().strip() for _ in range(4)]
        program.kill()
    wait_for(lambda: not any(Path(folder).exists() for folder in said[::2]))

    assert not any(map(is_alive, said[1::2]))
