"""Who may import whom, and who may do what: each rule written once, and proved by a module that breaks it."""

import ast
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import course_lib

LIBRARY = Path(__file__).resolve().parents[1] / "course_lib"

FLOORS = (
    "errors",
    "settings",
    "db",
    "models",
    "eager_loading",
    "statements",
    "pagination",
    "repositories",
    "transactions",
    "live_changes",
    "outbox",
    "security",
    "access",
    "schemas",
    "services",
    "dependencies",
    "routers",
    "app",
    "testing",
)
"""A module imports only what stands before it."""

WEB = {"dependencies", "routers", "app"}
MAY_IMPORT = {
    "fastapi": WEB,
    "starlette": set[str](),
    "pydantic": {"pagination", "schemas", "services", *WEB},
}
MAY_IMPORT["pydantic_core"] = MAY_IMPORT["pydantic"]
MAY_IMPORT["pytest"] = MAY_IMPORT["pytest_asyncio"] = {"testing"}
MAKES_ENGINES = {"db"}
COMMITS = {"transactions", "testing"}  # the tables of a test are made before its work begins
MOST_PARAMETERS = 5

Check = Callable[[str, ast.Module], Iterator[str]]


def imported(tree: ast.Module) -> set[str]:
    """Every module that is named; what comes out of a module counts as one too: it may be a module."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {"." * node.level + (node.module or "")}
            names |= {f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names}
    return names


def attributes(tree: ast.Module) -> set[str]:
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def a_module_imports_only_floors_below_it(module: str, tree: ast.Module) -> Iterator[str]:
    allowed = set(FLOORS[: FLOORS.index(module)])
    for name in imported(tree):
        package, _, rest = name.partition(".")
        if package == "course_lib" and rest and rest.split(".")[0] not in allowed:
            yield f"{module} imports {name}"


def no_module_imports_what_stands_above(module: str, tree: ast.Module) -> Iterator[str]:
    above = ("course_lib.lab", "course_lib.school")
    yield from (f"{module} imports {name}" for name in imported(tree) if name.startswith(above))


def imports_are_absolute(module: str, tree: ast.Module) -> Iterator[str]:
    yield from (f"{module} imports {name}" for name in imported(tree) if name.startswith("."))


def packages_stay_on_their_floors(module: str, tree: ast.Module) -> Iterator[str]:
    for package in {name.split(".")[0] for name in imported(tree)} & MAY_IMPORT.keys():
        if module not in MAY_IMPORT[package]:
            yield f"{module} imports {package}"


def only_db_makes_an_engine(module: str, tree: ast.Module) -> Iterator[str]:
    makers = {"create_engine", "create_async_engine", "engine_from_config", "async_engine_from_config"}
    named = {name for name in imported(tree) if name.startswith("sqlalchemy")} | attributes(tree)
    for name in {name.rpartition(".")[2] for name in named} & makers:
        if module not in MAKES_ENGINES:
            yield f"{module} names {name}"


def only_transactions_commits(module: str, tree: ast.Module) -> Iterator[str]:
    if module not in COMMITS:
        yield from (f"{module} calls .{name}" for name in attributes(tree) & {"commit", "begin"})


def a_function_takes_at_most_five_parameters_beside_its_session(
    module: str, tree: ast.Module
) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            names = [each.arg for each in every if each.arg not in ("self", "cls", "session")]
            if len(names) > MOST_PARAMETERS:
                yield f"{module}.{node.name} takes {len(names)}"


BREAKS: list[tuple[Check, str, str]] = [
    (a_module_imports_only_floors_below_it, "models", "from course_lib.repositories import UserRepository"),
    (a_module_imports_only_floors_below_it, "models", "from course_lib import app"),
    (a_module_imports_only_floors_below_it, "models", "import course_lib.models"),
    (a_module_imports_only_floors_below_it, "errors", "def late():\n    from course_lib.settings import x"),
    (a_module_imports_only_floors_below_it, "app", "from course_lib.nowhere import x"),
    (no_module_imports_what_stands_above, "app", "from course_lib.lab.sql import watch"),
    (no_module_imports_what_stands_above, "app", "from course_lib import lab"),
    (no_module_imports_what_stands_above, "app", "import course_lib.lab.plans as plans"),
    (no_module_imports_what_stands_above, "app", "from course_lib.school.kit_files import ROOT"),
    (imports_are_absolute, "services", "from . import models"),
    (imports_are_absolute, "services", "from .models import User"),
    (packages_stay_on_their_floors, "services", "from fastapi import HTTPException"),
    (packages_stay_on_their_floors, "app", "from starlette.requests import Request"),
    (packages_stay_on_their_floors, "repositories", "import pydantic"),
    (packages_stay_on_their_floors, "models", "from pydantic_core import to_json"),
    (packages_stay_on_their_floors, "testing", "from fastapi import FastAPI"),
    (packages_stay_on_their_floors, "app", "import pytest"),
    (packages_stay_on_their_floors, "db", "from pytest_asyncio import fixture"),
    (only_db_makes_an_engine, "app", "from sqlalchemy.ext.asyncio import create_async_engine"),
    (
        only_db_makes_an_engine,
        "settings",
        "import sqlalchemy\nengine = sqlalchemy.create_engine('sqlite://')",
    ),
    (only_transactions_commits, "repositories", "async def create(session):\n    await session.commit()"),
    (
        only_transactions_commits,
        "services",
        "async def create(factory):\n    async with factory.begin(): pass",
    ),
    (
        a_function_takes_at_most_five_parameters_beside_its_session,
        "app",
        "class A:\n    def f(self, a, b, /, c, d, *, e, f): pass",
    ),
]
KEEPS: list[tuple[Check, str, str]] = [
    (a_module_imports_only_floors_below_it, "models", "from course_lib.db import Base\nimport sqlalchemy"),
    (packages_stay_on_their_floors, "routers", "from fastapi import APIRouter"),
    (only_db_makes_an_engine, "app", "from course_lib.db import create_engine\ncreate_engine('x')"),
    (
        only_transactions_commits,
        "services",
        "async def f(session):\n    async with session.begin_nested(): pass",
    ),
    (only_transactions_commits, "transactions", "async def f(session):\n    await session.commit()"),
    (
        a_function_takes_at_most_five_parameters_beside_its_session,
        "app",
        "class A:\n    def f(self, session, a, b, c, *, d, e, **more): pass",
    ),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in BREAKS))


def named(case: object) -> str | None:
    return getattr(case, "__name__", None)


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_the_library_keeps_the_rule(rule: Check) -> None:
    for module in FLOORS:
        tree = ast.parse((LIBRARY / f"{module}.py").read_text(encoding="utf-8"))
        assert list(rule(module, tree)) == []


@pytest.mark.parametrize(("rule", "module", "source"), BREAKS, ids=named)
def test_a_module_that_breaks_the_rule_is_found(rule: Check, module: str, source: str) -> None:
    assert list(rule(module, ast.parse(source))) != []


@pytest.mark.parametrize(("rule", "module", "source"), KEEPS, ids=named)
def test_a_module_that_keeps_the_rule_is_left_alone(rule: Check, module: str, source: str) -> None:
    assert list(rule(module, ast.parse(source))) == []


def test_every_module_has_its_floor() -> None:
    assert {path.stem for path in LIBRARY.glob("*.py")} == {"__init__", *FLOORS}
    folders = {path.name for path in LIBRARY.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {"lab", "school"}


def test_no_line_of_the_library_is_wider_than_a_projector() -> None:
    """Lessons show it. Ruff holds the code to this width, but lets the words of its own comments pass."""
    lines = [line for path in LIBRARY.glob("*.py") for line in path.read_text("utf-8").splitlines()]
    assert [line for line in lines if len(line) > 88] == []


def test_the_floor_plan_names_every_module_in_order() -> None:
    plan = [line.split()[0] for line in (course_lib.__doc__ or "").splitlines() if line.startswith("    ")]
    known = (*FLOORS, "lab", "school")

    assert plan == list(known)
    assert [name for name in vars(course_lib) if not name.startswith("_") and name not in known] == []


def test_every_module_says_in_a_sentence_what_it_is_for() -> None:
    for module in FLOORS:
        docstring = ast.get_docstring(ast.parse((LIBRARY / f"{module}.py").read_text(encoding="utf-8")))
        assert docstring
        assert docstring.split("\n\n")[0].endswith(".")


EFFECTS = """
import gc, os, sys, threading

effects = []
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

class Noting(type(os.environ)):
    def __getitem__(self, key):
        if key.startswith("COURSE_"):
            effects.append(f"reads {key}")
        return super().__getitem__(key)

def note(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
        effects.append(f"writes {arguments[0]}")
    if event in ("sqlite3.connect", "socket.connect", "subprocess.Popen", "os.mkdir", "os.remove"):
        effects.append(event)

os.environ.__class__ = Noting
sys.addaudithook(note)
exec(sys.argv[1])
import sqlalchemy.engine
effects += ["makes an engine" for each in gc.get_objects() if isinstance(each, sqlalchemy.engine.Engine)]
effects += [f"starts {thread.name}" for thread in threading.enumerate() if thread is not threading.main_thread()]
print(*effects, sep="\\n")
"""


def effects_of(source: str, folder: Path) -> str:
    """What running `source` in a fresh process writes, reads, makes and starts, a line each."""
    words = [sys.executable, "-B", "-W", "error", "-c", EFFECTS, source]
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_importing_the_library_has_no_effect(tmp_path: Path) -> None:
    every = "\n".join(f"import course_lib.{module}" for module in FLOORS)

    assert effects_of(every, tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "effect"),
    [
        ("import os; os.environ.get('COURSE_DATABASE')", "reads COURSE_DATABASE"),
        ("from course_lib.settings import database_url; database_url()", "reads COURSE_DATABASE"),
        ("open('left', 'w').close()", "writes left"),
        ("from course_lib.db import *; engine = create_engine('sqlite+aiosqlite://')", "makes an engine"),
        ("import sqlite3; sqlite3.connect(':memory:').close()", "sqlite3.connect"),
        (
            "import threading as t; t.Thread(target=t.Event().wait, daemon=True).start()",
            "starts Thread-1",
        ),
    ],
)
def test_an_effect_of_an_import_is_found(tmp_path: Path, source: str, effect: str) -> None:
    assert effect in effects_of(source, tmp_path)


THE_PATTERNS_ALONE = """
import asyncio, sys
import course_lib
from course_lib.app import create_app
from course_lib.db import Base, create_engine, create_session_factory
from course_lib.models import Account, User
from course_lib.schemas import UserCreate
from course_lib.services import UserService
from course_lib.settings import database_url
from course_lib.transactions import transfer_funds, unit_of_work

async def main():
    engine = create_engine(database_url("sqlite"))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with unit_of_work(create_session_factory(engine)) as session:
        wanted = UserCreate(email="a@example.org", username="a", password="correct horse")
        user = await UserService(session).create_user(wanted)
        session.add_all([Account(owner_id=user.id, balance=5), Account(owner_id=user.id)])
        await session.flush()
        print((await transfer_funds(session, 1, 2, 5)).amount)
    app = create_app(engine)
    async with app.router.lifespan_context(app):
        print(len(app.openapi()["paths"]))

asyncio.run(main())
print(course_lib.__file__, [name for name in sys.modules if name.startswith(("course_lib.lab", "course_lib.school"))])
"""


def test_the_patterns_run_without_the_storeys_above_them(tmp_path: Path) -> None:
    copy = tmp_path / "course_lib"
    shutil.copytree(LIBRARY, copy, ignore=shutil.ignore_patterns("lab", "school", "__pycache__"))
    words = [sys.executable, "-W", "error", "-c", textwrap.dedent(THE_PATTERNS_ALONE)]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(words, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)

    assert (done.stdout.split("\n"), done.stderr) == (["5", "5", f"{copy / '__init__.py'} []", ""], "")
    assert (tmp_path / "course.db").exists()
