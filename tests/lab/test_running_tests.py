"""Pytest really runs, on functions that stand in no test file, and its verdicts are told as they are."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from course_lib.lab import running_tests
from course_lib.lab.postgres import PostgresUnavailable
from course_lib.lab.running_tests import file_of, run_tests

CELLS = '''
import asyncio
from unittest.mock import AsyncMock

import pytest
from sqlalchemy import func, select

from course_lib.models import Tag

WANTED = 3
session = count = object()  # a notebook has such names, too


class Counter:
    """Starts as it is told."""

    def __init__(self):
        self.count = WANTED


def three():
    return Counter().count


def four():
    return three() + 1


VERSIONS = [three, four]


@pytest.mark.parametrize("version", VERSIONS)
async def test_version(version):
    count = version()
    assert count == WANTED


async def test_database(engine):
    assert engine.dialect.name == "sqlite"


async def test_query(session):
    count = await session.scalar(select(func.count()).select_from(Tag))
    raise KeyError(count)


async def test_without_await():
    asyncio.sleep(0)


async def test_twice_wrong():
    asyncio.sleep(0)
    assert not WANTED


async def test_mock():
    assert AsyncMock().name == 1


def test_in_setup(nowhere): ...
'''


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Functions as a notebook has them: here `test_` means nothing to the pytest that runs."""
    (tmp_path / "cells_of_a_notebook.py").write_text(CELLS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import cells_of_a_notebook  # type: ignore[import-not-found]

    yield cells_of_a_notebook
    del sys.modules["cells_of_a_notebook"]


def test_each_case_of_a_test_is_told_with_what_was_compared(cells: ModuleType) -> None:
    run = run_tests(cells.test_version)

    assert [(each.case, each.database, each.told) for each in run.outcomes] == [
        ("three", "", "passes"),
        ("four", "", "fails: assert 4 == 3"),
    ]
    assert run.failed() == ["test_version[four]"]
    assert run.failed("sqlite") == []


def test_a_test_that_asks_for_a_database_runs_on_both(cells: ModuleType) -> None:
    run = run_tests(cells.test_database, cells.test_query)

    assert [(each.name, each.database, each.told) for each in run.outcomes] == [
        ("test_database", "sqlite", "passes"),
        ("test_query", "sqlite", "fails: KeyError"),
        ("test_database", "postgres", "fails: assert 'postgresql' == 'sqlite'"),
        ("test_query", "postgres", "fails: KeyError"),
    ]
    assert run.failed("postgres") == ["test_database", "test_query"]
    assert repr(run).splitlines()[0] == "1 passed, 3 failed"


def test_warnings_are_errors_and_no_address_is_told(cells: ModuleType) -> None:
    run = run_tests(cells.test_without_await, cells.test_mock, cells.test_in_setup)

    assert [each.told for each in run.outcomes] == [
        "fails: PytestUnraisableExceptionWarning",
        "fails: assert <AsyncMock name='mock.name'> == 1",
        "fails: fixture 'nowhere' not found",
    ]


def test_a_test_that_fails_twice_is_told_once(cells: ModuleType) -> None:
    run = run_tests(cells.test_twice_wrong)

    assert [each.told for each in run.outcomes] == ["fails: assert not 3"]
    assert repr(run).splitlines()[0] == "1 failed"


def test_by_case_there_is_a_column_for_each_test(cells: ModuleType) -> None:
    assert repr(run_tests(cells.test_version).by_case()).splitlines() == [
        "1 passed, 1 failed",
        "case   version",
        "─────  ───────",
        "three  passes",
        "four   fails",
    ]


def test_without_postgresql_its_tests_are_skipped(cells: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot_start(setting: str) -> None:
        raise PostgresUnavailable("no")

    monkeypatch.setattr(running_tests, "fresh_url", cannot_start)
    run = run_tests(cells.test_database)

    assert [each.told for each in run.outcomes] == ["passes", "skipped"]
    assert run.failed("postgres") == []


def test_the_file_has_what_is_used_and_nothing_else(cells: ModuleType) -> None:
    parts = file_of(cells.test_version, cells.test_query).split("\n\n\n")

    assert parts[0].splitlines() == [
        "import pytest",
        "from course_lib.models import Tag",
        "from sqlalchemy import func",
        "from sqlalchemy import select",
    ]
    assert [part.splitlines()[0] for part in parts[1:]] == [
        "WANTED = 3",
        "class Counter:",
        "def three():",
        "def four():",
        "VERSIONS = [three, four]",
        '@pytest.mark.parametrize("version", VERSIONS)',
        "async def test_query(session):",
    ]


def test_what_pytest_cannot_read_is_an_error(cells: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "WANTED", object())  # it has no spelling

    with pytest.raises(RuntimeError, match="could not run"):
        run_tests(cells.test_version)
