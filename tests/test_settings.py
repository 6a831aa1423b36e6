"""COURSE_DATABASE is read when asked; a wrong one is named without its password."""

import re
from pathlib import Path

import pytest

from course_lib.errors import DatabaseNotUnderstood, SettingNotUnderstood
from course_lib.settings import (
    SQLITE_FILE,
    Timeouts,
    cursor_secret,
    database_setting,
    database_url,
    timeouts,
)

PASSWORD = "hunter2"
WRONG = {
    "nonsense": "no database we know",
    "postgresql": "no database we know",
    "postgresql+asyncpg": "no database we know",
    "oraclex://ann:hunter2@host/course": "no database we know",
    "postgresql+nodriver://ann:hunter2@host/course": "no database we know",
    "sqlite:///course.db": "'sqlite' is not async",
    "sqlite+pysqlite:///course.db": "'sqlite+pysqlite' is not async",
    "postgresql://ann:hunter2@host/course": "psycopg is not installed",
    "postgresql+psycopg2://ann:hunter2@host/course": "psycopg2 is not installed",
    "mysql+aiomysql://ann:hunter2@host/course": "aiomysql is not installed",
    "postgresql://ann:hun@ter2hunter2@host/course": "psycopg is not installed",
    "postgresql://ann:hunter2?x@host/course": "psycopg is not installed",
    "postgresql://ann:x?hunter2@host/course": "psycopg is not installed",
    "postgresql://ann:x/hunter2@host/course": "psycopg is not installed",
    "postgresql://ann:x#hunter2@host/course": "psycopg is not installed",
    "postgresql://ann:x:hunter2@host/course": "psycopg is not installed",
    "postgresql://ann:hunter2": "no database we know",
    "postgresql:ann:hunter2@host/course": "no database we know",
    "postgresql+asyncpg//ann:hunter2@host/course": "no database we know",
    "ann:hunter2@host": "no database we know",
    "postgresql+asyncpg://ann:hunter2@host:port/course": "no database we know",
    "postgresql+asyncpg://ann:hunter2@[::1/course": "no database we know",
    "postgresql://host/course?password=hunter2": "psycopg is not installed",
    "postgresql://host/course?password=a@hunter2": "psycopg is not installed",
    "oraclex://ann:x\nhunter2@host": "no database we know",
}


@pytest.mark.parametrize(("setting", "reason"), WRONG.items())
def test_a_wrong_setting_is_named_with_what_is_accepted_and_without_its_password(
    setting: str, reason: str
) -> None:
    with pytest.raises(DatabaseNotUnderstood, match=re.escape(reason)) as caught:
        database_url(setting)

    assert f"COURSE_DATABASE is '{re.split('[:/@]', setting)[0]}" in str(caught.value)
    assert "Accepted are 'sqlite', 'postgres'" in str(caught.value)
    assert PASSWORD not in f"{caught.value} {caught.value.args} {vars(caught.value)}"


def test_the_embedded_server_is_the_labs_to_start_and_the_error_says_how() -> None:
    with pytest.raises(DatabaseNotUnderstood, match="started by `course serve` and by the lessons"):
        database_url("postgres")


@pytest.mark.parametrize(
    "setting",
    ["postgresql+asyncpg://ann:hunter2@host/course", "sqlite+aiosqlite:////tmp/x.db", "sqlite+aiosqlite://"],
)
def test_an_async_url_is_taken_as_it_is(setting: str) -> None:
    assert database_url(setting).render_as_string(hide_password=False) == setting


@pytest.mark.parametrize("said", [None, "", "  "])
def test_who_says_nothing_gets_sqlite(monkeypatch: pytest.MonkeyPatch, said: str | None) -> None:
    monkeypatch.delenv("COURSE_DATABASE", raising=False)
    if said is not None:
        monkeypatch.setenv("COURSE_DATABASE", said)

    assert database_setting() == "sqlite"


def test_the_setting_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATABASE", " postgresql+asyncpg://host/first ")
    first = database_url()
    monkeypatch.setenv("COURSE_DATABASE", "postgresql+asyncpg://host/second")

    assert (first.database, database_url().database) == ("first", "second")


def test_the_file_of_sqlite_is_the_same_from_every_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    assert database_url("sqlite").database == str(SQLITE_FILE)
    assert SQLITE_FILE.is_absolute()
    assert SQLITE_FILE.parent == Path(__file__).resolve().parents[1]


def test_the_cursor_secret_is_the_one_that_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_SECRET", "one for all")

    assert cursor_secret() == "one for all"


def test_without_a_cursor_secret_each_process_makes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_SECRET", raising=False)

    assert len({cursor_secret() for _ in range(3)}) == 3


@pytest.mark.parametrize(("sslmode", "ssl"), [("require", "require"), ("verify-full", "verify-full")])
def test_sslmode_is_understood(sslmode: str, ssl: str) -> None:
    url = database_url(f"postgresql+asyncpg://ann:pw@db.example.org/blog?sslmode={sslmode}&timeout=3")

    assert dict(url.query) == {"ssl": ssl, "timeout": "3"}


@pytest.mark.parametrize("name", ["lock", "statement", "idle_in_transaction", "pool"])
def test_timeouts_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"COURSE_{name.upper()}_TIMEOUT", "0.5")

    assert timeouts() == Timeouts(**{name: 0.5})


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf", "3601"])
def test_a_timeout_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("COURSE_POOL_TIMEOUT", value)

    with pytest.raises(SettingNotUnderstood, match=f"COURSE_POOL_TIMEOUT is '{value}'; it must be seconds"):
        timeouts()


def test_without_a_secret_the_log_says_what_it_means_for_several_processes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("COURSE_SECRET", raising=False)
    first, second = cursor_secret(), cursor_secret()
    assert (first != second, caplog.text) == (True, "")
    cursor_secret(one_process=False)
    assert "COURSE_SECRET is not set" in caplog.text
