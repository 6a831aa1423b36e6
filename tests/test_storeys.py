"""Three storeys, no circle and no arrow that runs back up: read off the imports themselves, each rule proved."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import course_lib

PACKAGE = Path(course_lib.__file__).parent
TESTS = Path(__file__).parent
STOREYS = ("course_lib", "course_lib.lab", "course_lib.school")
"""Each may import itself and what stands before it."""
BY_NAME = {
    "course_lib.school.judges": "the folder of a lesson, when its first exercise is checked",
    "course_lib.school.former_module_names": "a module under the name that it had before",
}
"""Who may import a module whose name is made of strings, and which."""
MOST_ENTRIES = 12  # of a folder of the school

Sources = Mapping[str, str]
Arrows = dict[str, set[str]]


def sources() -> dict[str, str]:
    """Every module of the package by its full name; a folder is its `__init__`."""
    return {name_of(path): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows(sources: Sources) -> Arrows:
    """For each module, the modules of the package that it imports, inside its functions too."""
    return {name: {*_imported(name, source, sources)} - {name} for name, source in sources.items()}


def _imported(module: str, source: str, known: Iterable[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in inner if name in known]
            yield from modules
            if len(modules) < len(inner) and node.module in known:
                yield node.module


def folders(arrows: Arrows) -> Arrows:
    """The same between folders: a module counts as the folder that it lies in, a folder's `__init__` as the folder."""
    names = {name.rpartition(".")[0] for name in arrows}
    between: Arrows = {name: set() for name in names}
    for name, targets in arrows.items():
        for target in targets:
            here, there = (each if each in names else each.rpartition(".")[0] for each in (name, target))
            if not f"{here}.".startswith(f"{there}.") and not f"{there}.".startswith(f"{here}."):
                between[here].add(there)
    return between


def circle(arrows: Arrows) -> list[str]:
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def storey(module: str) -> int:
    return max(place for place, name in enumerate(STOREYS) if f"{module}.".startswith(f"{name}."))


def upward(arrows: Arrows) -> list[str]:
    return [
        f"{name} imports {target}"
        for name, targets in arrows.items()
        for target in targets
        if storey(target) > storey(name)
    ]


def imports_by_name(sources: Sources) -> list[str]:
    """Modules that import by a name which is a string: no reader of imports can see that arrow."""
    ways = re.compile(r"\b(import_module|__import__|run_module|spec_from_\w+)\(")
    return [name for name, source in sources.items() if ways.search(source) and name not in BY_NAME]


def out_of_order(plan: list[str], arrows: Arrows) -> list[str]:
    """Imports of a folder (or a module beside the folders) of the school that does not stand above in the plan."""
    school = "course_lib.school"
    rooms = {name: name.removeprefix(f"{school}.").partition(".")[0] for name in arrows if storey(name) == 2}
    return [
        f"{name} imports {target}"
        for name, room in rooms.items()
        for target in arrows[name]
        if name != school and storey(target) == 2 and plan.index(rooms[target]) > plan.index(room)
    ]


def plan_of(module: str) -> list[str]:
    """The names with which the lines of a folder's docstring begin: its floor plan."""
    docstring = import_module(module).__doc__ or ""
    return re.findall(r"^(\w+)(?:  +| )(?=\S)", docstring, flags=re.MULTILINE)


ALL = sources()
SCHOOL = sorted(
    {
        name.rpartition(".")[0]
        for name in ALL
        if name.startswith("course_lib.school.") and "judges." not in name
    }
)


def test_no_arrow_runs_back_up() -> None:
    assert upward(arrows(ALL)) == []


def test_no_circle_of_modules() -> None:
    assert circle(arrows(ALL)) == []


def test_no_circle_of_folders() -> None:
    assert circle(folders(arrows(ALL))) == []


def test_no_module_is_imported_by_a_string() -> None:
    assert imports_by_name(ALL) == []


def test_a_room_of_the_school_imports_only_those_above_it_in_the_plan() -> None:
    assert out_of_order(plan_of("course_lib.school"), arrows(ALL)) == []


@pytest.mark.parametrize(
    "folder", [*SCHOOL, "course_lib.lab", "course_lib.lab.postgres", "course_lib.lab.waits"]
)
def test_a_floor_plan_names_every_entry(folder: str) -> None:
    place = PACKAGE.parent / folder.replace(".", "/")
    entries = {
        path.stem for path in place.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    named = set(re.findall(r"\w+", import_module(folder).__doc__ or ""))
    assert entries - {"__init__"} - named == set()


@pytest.mark.parametrize("folder", SCHOOL)
def test_no_room_of_the_school_has_more_than_a_dozen_entries(folder: str) -> None:
    place = PACKAGE.parent / folder.replace(".", "/")
    no_rooms = ("__pycache__", "__init__.py", "ruff.toml")
    assert len([path for path in place.iterdir() if path.name not in no_rooms]) <= MOST_ENTRIES


UP = {"course_lib.db": "", "course_lib.lab.sql": "", "course_lib.school.kit_files": ""}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("course_lib.db", "from course_lib.lab.sql import watch"),
        ("course_lib.db", "from course_lib.lab import sql"),
        ("course_lib.lab.sql", "import course_lib.school.kit_files"),
        ("course_lib.lab.sql", "def late():\n    from course_lib.school import kit_files"),
    ],
)
def test_an_arrow_that_runs_back_up_is_found(module: str, source: str) -> None:
    assert len(upward(arrows(UP | {module: source}))) == 1


def test_an_arrow_that_runs_down_is_left_alone() -> None:
    down = {
        "course_lib.school.kit_files": "from course_lib.lab import sql\nfrom course_lib.db import Base\nimport os"
    }
    assert upward(arrows(UP | down)) == []


def test_a_circle_of_modules_is_found() -> None:
    late = "def late():\n    from course_lib.lab.a import x"
    made = {"course_lib.lab.a": "from course_lib.lab.b import y", "course_lib.lab.b": late}
    assert circle(arrows(made)) != []
    assert circle(arrows(made | {"course_lib.lab.b": ""})) == []


def test_a_circle_of_folders_is_found_where_no_modules_make_one() -> None:
    made = {"course_lib.school.a.one": "from course_lib.school.b.two import x", "course_lib.school.b.two": ""}
    made |= {
        "course_lib.school.b.three": "from course_lib.school.a.four import y",
        "course_lib.school.a.four": "",
    }
    made |= {f"course_lib.school.{name}": "" for name in "ab"} | {"course_lib.school": "", "course_lib": ""}
    assert circle(arrows(made)) == []
    assert circle(folders(arrows(made))) != []


def test_a_room_that_imports_one_below_it_in_the_plan_is_found() -> None:
    made = {"course_lib.school.a": "", "course_lib.school.b.one": "from course_lib.school.a import x"}
    assert out_of_order(["a", "b"], arrows(made)) == []
    assert out_of_order(["b", "a"], arrows(made)) == ["course_lib.school.b.one imports course_lib.school.a"]


@pytest.mark.parametrize("source", ["import_module('course_lib.school.kit_files')", "__import__(name)"])
def test_an_import_by_a_string_is_found(source: str) -> None:
    assert imports_by_name({"course_lib.lab.sql": source}) == ["course_lib.lab.sql"]


PROVED_WITH = {
    "lab.interleaving_shown": "lab/test_interleave",
    "lab.waits": "lab/test_interleave",
    "lab.upgrades": "test_migrations",
    "lab.markdown_note": "lab/test_lesson",
    "lab.plan_words": "lab/test_plans",
    "school.attempts.attempt": "school/attempts/test_sandbox",
    "school.attempts.explaining": "school/attempts/test_sandbox",
    "school.attempts.whose_frame": "school/attempts/test_sandbox",
    "school.attempts.fresh_database": "school/attempts/test_sandbox",
    "school.attempts.time_limit": "school/attempts/test_sandbox",
    "school.attempts.verdicts": "school/attempts/test_sandbox",
    "school.checking.assessing": "school/checking/test_checks",
    "school.checking.hints": "school/checking/test_checks",
    "school.checking.memory": "school/checking/test_checks",
    "school.classroom.paths": "school/classroom/collecting/test_collect",
    "school.classroom.collecting.decoding": "school/classroom/collecting/test_reading",
    "school.classroom.collecting.taking": "school/classroom/collecting/test_collect",
    "school.classroom.collecting.words": "school/classroom/collecting/test_whose",
    "school.classroom.grading.nbgrader_settings": "school/classroom/grading/test_grade",
    "school.classroom.reporting.teachers_page": "school/classroom/reporting/test_report",
    "school.exercises.stricter": "school/learner/test_review",
    "school.exercises.outcomes": "school/judges/test_every_answer",
    "school.exercises.solutions": "school/judges/test_every_answer",
    "school.learner.progress_tables": "school/learner/test_progress",
    "school.making.starter_code": "school/making/test_cutting",
    "school.making.slide_steps": "school/making/test_slides",
    "school.program.asking": "school/program/test_for_learners",
    "school.program.for_everybody": "school/program/test_cli",
    "school.program.for_teachers": "school/program/test_cli",
    "school.program.ipython_config": "school/test_former_module_names",
    "school.stages.bank_accounts": "school/judges/test_every_answer",
    "school.stages.web_requests": "school/judges/test_every_answer",
    "school.stages.callers_work": "school/judges/test_every_answer",
    "school.stages.returned_lists": "school/judges/test_every_answer",
    "school.stages.savepoints": "school/judges/test_every_answer",
    "school.stages.shop_tables": "school/judges/test_every_answer",
}
"""Modules without a test file of their name, and the file that would fail without them."""
WHOLE = ("lab.postgres", "lab.upgrades", "lab.waits", "school.judges", "school.stages.incidents")
"""Folders that have one test file."""
ABOUT_MORE = {
    "lab/test_anybodys_models",
    "school/judges/test_demands",
    "school/judges/test_every_answer",
    "school/judges/test_tried_answers",
}


def rooms() -> set[str]:
    """The modules of lab and school, and the folders that are proved as a whole."""
    names = {name.removeprefix("course_lib.") for name in ALL if storey(name) > 0}
    files = {name for name in names if not (PACKAGE / name.replace(".", "/") / "__init__.py").exists()}
    return {next((whole for whole in WHOLE if name.startswith(f"{whole}.")), name) for name in files}


def test_every_module_of_lab_and_school_has_its_tests() -> None:
    own = {name: "/".join([*name.split(".")[:-1], f"test_{name.split('.')[-1]}"]) for name in rooms()}
    own["school.judges"] = "school/judges/test_every_answer"
    places = {name: PROVED_WITH.get(name, place) for name, place in own.items()}
    assert {name for name, place in places.items() if not (TESTS / f"{place}.py").exists()} == set()
    assert {name for name in PROVED_WITH if name not in own or (TESTS / f"{own[name]}.py").exists()} == set()


def test_every_test_file_of_lab_and_school_stands_where_its_module_does() -> None:
    files = [path for folder in ("lab", "school") for path in (TESTS / folder).rglob("test_*.py")]
    named = {path.relative_to(TESTS).with_suffix("").as_posix() for path in files} - ABOUT_MORE
    modules = {place.replace("/test_", "/").replace("/", ".") for place in named}
    assert modules - rooms() == set()
