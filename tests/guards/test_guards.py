"""Each guard removed in a copy of the kit: the tests that are named for it fail there, and pass where it stands.

`make test` looks only whether the list still fits the code; `course test guards` removes them.
"""

import ast
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from kit_copies import copy_of_the_kit

from course_lib.lab.postgres import shared
from course_lib.school.kit_files import ROOT

LONGEST = 300
"""Seconds after which the tests of a guard are ended; nobody has failed then."""


@dataclass(frozen=True)
class Guard:
    """`text` of `file` gives way to `instead`; then what `wrong` says goes wrong, and each of the `tests` fails."""

    name: str
    file: str
    text: str
    instead: str
    wrong: str
    tests: list[str]

    def removed_from(self, source: str) -> str:
        return source.replace(self.text, self.instead)


GUARDS = [
    Guard(**entry)
    for entry in tomllib.loads(Path(__file__).with_name("guards.toml").read_text("utf-8"))["guard"]
]
each_guard = pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)


@cache
def read(file: str) -> str:
    return (ROOT / file).read_text("utf-8")


@cache
def named_in(file: str) -> set[str]:
    return set(re.findall(r"^(?:async )?def (test_\w+)", read(file), re.MULTILINE))


def is_there(test: str) -> bool:
    file, _, name = test.partition("[")[0].partition("::")
    return name in named_in(file)


def test_every_guard_has_its_own_name_and_says_what_goes_wrong_without_it() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)
    assert [guard.name for guard in GUARDS if not re.fullmatch(r"[A-Z`].*\.", guard.wrong)] == []


def test_every_guard_stands_in_its_file_once_and_without_it_the_file_is_still_python() -> None:
    assert [guard.name for guard in GUARDS if read(guard.file).count(guard.text) != 1] == []
    for guard in GUARDS:
        ast.parse(guard.removed_from(read(guard.file)), guard.name)


def test_no_guard_is_caught_by_nothing_and_the_tests_that_are_named_are_there() -> None:
    assert [guard.name for guard in GUARDS if not guard.tests] == []
    named = {test for guard in GUARDS for test in guard.tests}
    assert [test for test in named if not is_there(test)] == []


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_kit(tmp_path_factory.mktemp("guards"))


@pytest.fixture(scope="module")
def cache_of_servers() -> Iterator[str]:
    """With a PostgreSQL of its own, which runs all the time: a kit without a guard must not meet that of others."""
    with tempfile.TemporaryDirectory(prefix="guards-") as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o711)
        patch.setenv("COURSE_CACHE", folder)
        server = shared()
        yield folder
        server.remove()


@pytest.fixture
def failed(kit: Path, cache_of_servers: str) -> "Run":
    return Run(kit, cache_of_servers)


@dataclass(frozen=True)
class Run:
    kit: Path
    cache: str

    def __call__(self, tests: list[str]) -> tuple[int, set[str], str]:
        """The exit status of pytest on these tests in the copy, those that failed, and what it said."""
        words = ["-q", "-rf", "--no-header", "--tb=short", "-p", "no:cacheprovider"]
        own = {"PYTHONPATH": str(self.kit), "COURSE_CACHE": self.cache, "COLUMNS": "500"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        finished = subprocess.run(
            [sys.executable, "-m", "pytest", *words, *tests],
            cwd=self.kit,
            env=inherited | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
        )
        told = finished.stdout
        failures = {
            test for test in tests if re.search(rf"^FAILED {re.escape(test)}(?![^ [\n])", told, re.MULTILINE)
        }
        return finished.returncode, failures, told


@contextmanager
def removed(guard: Guard, path: Path) -> Iterator[None]:
    whole = path.read_text("utf-8")
    rewrite(path, guard.removed_from(whole))
    try:
        yield
    finally:
        rewrite(path, whole)


def rewrite(path: Path, source: str) -> None:
    """No bytecode outlives its source: two sources of one length and one second look alike to Python."""
    path.write_text(source, "utf-8")
    Path(cache_from_source(path)).unlink(missing_ok=True)


@pytest.mark.guards
def test_with_every_guard_in_its_place_all_named_tests_pass(failed: Run) -> None:
    status, failures, told = failed(sorted({test for guard in GUARDS for test in guard.tests}))
    assert (status, failures) == (0, set()), told


@pytest.mark.guards
@each_guard
def test_without_the_guard_the_tests_that_are_named_fail(guard: Guard, failed: Run) -> None:
    with removed(guard, failed.kit / guard.file):
        status, failures, told = failed(guard.tests)
    assert status == 1, f"{guard.name}: {told}"
    assert set(guard.tests) - failures == set(), f"{guard.name} is gone, and these still pass: {told}"
    assert "NameError" not in told, told
