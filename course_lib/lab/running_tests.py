"""Real pytest, in a process of its own, on test functions of a notebook: who passes, and who fails, on which database.

run = run_tests(test_rename)     # fixtures of course_lib.testing; on both databases where a test asks for one
run                              # a table: a row for each test, a column for each database
run.file                         # the file that pytest ran: the functions, what they use, and its imports
run.failed("sqlite")             # the names of the tests that failed there
run.by_case()                    # a row for each case of a parameter, a column for each test
"""

import ast
import builtins
import inspect
import linecache
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import course_lib
from course_lib.lab.databases import fresh_url
from course_lib.lab.markdown_note import Source
from course_lib.lab.postgres import PostgresUnavailable
from course_lib.lab.tables import ShownAsTable, Table

DATABASES = ("sqlite", "postgres")
SETTINGS = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
PLUGINS = ("-p", "pytest_asyncio.plugin", "-p", "course_lib.testing", "-p", "no:cacheprovider")
LONGEST = 60


@dataclass(frozen=True)
class Outcome:
    """Of a test, for one `case` of its parameters and one database; each may be ""."""

    test: str
    case: str
    database: str
    told: str

    @property
    def name(self) -> str:
        return f"{self.test}[{self.case}]" if self.case else self.test

    @property
    def place(self) -> str:
        return " on ".join(filter(None, [self.test.removeprefix("test_").replace("_", " "), self.database]))


@dataclass(repr=False)
class Run(ShownAsTable):
    """What one run of pytest found, in its order."""

    file: Source
    outcomes: list[Outcome]

    def failed(self, database: str = "") -> list[str]:
        """The tests that failed there; for "" those that ask for no database."""
        return [each.name for each in self.outcomes if each.database == database and "fails" in each.told]

    def table(self) -> Table:
        databases = [each for each in ("", *DATABASES) if any(one.database == each for one in self.outcomes)]
        told = {(each.name, each.database): each.told for each in self.outcomes}
        rows = [
            (name, *(told.get((name, database), "") for database in databases))
            for name in dict.fromkeys(each.name for each in self.outcomes)
        ]
        return Table(
            self.caption, ("test", *(each or "no database" for each in databases)), rows, code=("test",)
        )

    @property
    def caption(self) -> str:
        words = {"passes": "passed", "fails": "failed", "skipped": "skipped"}
        counts = {
            word: sum(each.told.startswith(kind) for each in self.outcomes) for kind, word in words.items()
        }
        return ", ".join(f"{count} {word}" for word, count in counts.items() if count)

    def by_case(self) -> Table:
        """The same with a row for each case, and a column for each test and database."""
        columns = list(dict.fromkeys(each.place for each in self.outcomes))
        told = {(each.case, each.place): each.told.partition(":")[0] for each in self.outcomes}
        rows = [
            (case, *(told.get((case, place), "") for place in columns))
            for case in dict.fromkeys(each.case for each in self.outcomes)
        ]
        return Table(self.caption, ("case", *columns), rows, code=("case",))


def run_tests(*tests: Callable[..., Any]) -> Run:
    """Write the tests and what they use into a file, and run pytest on it; warnings are errors.

    Where PostgreSQL cannot start its tests are skipped. Raises RuntimeError where pytest could not run them at all.
    """
    code = file_of(*tests)
    with tempfile.TemporaryDirectory(prefix="course-tests-") as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text(SETTINGS)
        (folder / "test_lesson.py").write_text(code, encoding="utf-8")
        words = [
            sys.executable,
            "-m",
            "pytest",
            *PLUGINS,
            "--junitxml=found.xml",
            "--basetemp=files",
            "--tb=short",
        ]
        done = subprocess.run(
            [*words, "test_lesson.py"],
            cwd=folder,
            env=_environment(),
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        if done.returncode > 1:
            raise RuntimeError(f"pytest could not run this:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        cases = ElementTree.parse(folder / "found.xml").iter("testcase")  # noqa: S314  pytest wrote it
        return Run(Source("test_lesson.py", code), _once_each(map(_outcome, cases)))


def _environment() -> dict[str, str]:
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COURSE_TEST_"))
    }
    with suppress(PostgresUnavailable):
        own["COURSE_TEST_POSTGRES"] = fresh_url("postgres").render_as_string(hide_password=False)
    here = str(Path(course_lib.__file__).parents[1])
    own["PYTHONPATH"] = os.pathsep.join([here, *filter(None, [own.get("PYTHONPATH")])])
    return own | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUTF8": "1"}


def _once_each(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """pytest tells a test twice that fails, and fails again while it is tidied up. The first failure counts."""
    found: dict[tuple[str, str], Outcome] = {}
    for each in outcomes:
        found.setdefault((each.name, each.database), each)
    return [*found.values()]


def _outcome(case: ElementTree.Element) -> Outcome:
    test, _, rest = case.get("name", "").rstrip("]").partition("[")
    parts = rest.split("-") if rest else []
    database = next((each for each in DATABASES if each in parts), "")
    others = "-".join(each for each in parts if each != database)
    return Outcome(test, others, database, _told(case))


def _told(case: ElementTree.Element) -> str:
    for kind in ("failure", "error", "skipped"):
        found = case.find(kind)
        if found is not None:
            return "skipped" if kind == "skipped" else f"fails: {_why(found.get('message', ''))}"
    return "passes"


def _why(message: str) -> str:
    """An assertion as it was compared, another error by its name."""
    if missing := re.search(r"fixture '\w+' not found", message):
        return missing[0]
    first = re.sub(r"^failed on \w+ with \"", "", message).splitlines()[0]
    if first.startswith(("assert ", "AssertionError: assert ")):
        first = re.sub(r" id='\d+'", "", first.removeprefix("AssertionError: "))  # of a mock
        return first if len(first) <= LONGEST else f"{first[:LONGEST]}…"
    return first.partition(":")[0].rpartition(".")[2]


def file_of(*tests: Callable[..., Any]) -> str:
    """The tests as one file, below everything of their own module that they use, below their imports."""
    writer = _Writer(tests[0].__module__)
    for test in tests:
        writer.write(test)
    imports = sorted(writer.imports, key=lambda line: (line.startswith("from"), line))
    return "\n".join(imports) + "\n\n\n" + "\n\n\n".join(writer.parts) + "\n"


class _Writer:
    def __init__(self, module: str) -> None:
        self.module = module
        self.imports: set[str] = set()
        self.parts: list[str] = []
        self.known: set[str] = set()

    def write(self, thing: Any) -> None:
        """A function or a class of the module itself; what it uses comes first."""
        if thing.__name__ in self.known:
            return
        self.known.add(thing.__name__)
        source = textwrap.dedent(_source_of(thing)).rstrip()
        module = vars(sys.modules[self.module])
        for name in _names(source):
            if name in module and not hasattr(builtins, name):
                self.use(name, module[name])
        self.parts.append(source)

    def use(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType):
            self.imports.add(f"import {value.__name__}" + (f" as {name}" if value.__name__ != name else ""))
        elif isinstance(value, list | tuple) and all(map(callable, value)):
            for each in value:
                self.write(each)
            self.value(name, f"[{', '.join(each.__name__ for each in value)}]")
        elif getattr(value, "__module__", None) == self.module:
            self.write(value)
        elif place := _place_of(name, value):
            self.imports.add(f"from {place} import {name}")
        else:
            self.value(name, repr(value))

    def value(self, name: str, text: str) -> None:
        if name not in self.known:
            self.known.add(name)
            self.parts.append(f"{name} = {text}")


def _source_of(thing: Any) -> str:
    """Python finds no class of a notebook by itself, but the functions in it."""
    inner = (
        [each for each in vars(thing).values() if inspect.isfunction(each)] if isinstance(thing, type) else []
    )
    if not inner:
        return inspect.getsource(thing)
    lines = linecache.getlines(inner[0].__code__.co_filename)
    tree = compile("".join(lines), "", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    found = next(node for node in tree.body if getattr(node, "name", "") == thing.__name__)
    return "".join(lines[found.lineno - 1 : found.end_lineno])


def _names(source: str) -> list[str]:
    """What it reads and neither takes as an argument nor assigns."""
    nodes = list(ast.walk(ast.parse(source)))
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    named = [node for node in nodes if isinstance(node, ast.Name)]
    own |= {node.id for node in named if not isinstance(node.ctx, ast.Load)}
    return list(dict.fromkeys(node.id for node in named if node.id not in own))


def _place_of(name: str, value: Any) -> str:
    """The shortest package or module that gives it under this name."""
    parts = str(getattr(value, "__module__", "")).split(".")
    places = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return next((place for place in places if getattr(sys.modules.get(place), name, None) is value), "")
