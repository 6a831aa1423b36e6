"""Every exercise is proved: stub, solution, other right answer and each named wrong answer get what they must get."""

import ast
import json
from collections.abc import Callable
from typing import Any

import pytest
from learners import written

from course_lib.lab import exercises as module
from course_lib.lab.checks.assessing import assess
from course_lib.lab.exercises import Exercise, exercises
from course_lib.lab.release import cut
from course_lib.lab.study.rows import NOT_ATTEMPTED, NOT_YET, PASSED

ALL = exercises()
WRONG = [(exercise, name) for exercise in ALL for name in exercise.wrong]

each_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.id)
each_wrong_answer = pytest.mark.parametrize(
    ("exercise", "name"), WRONG, ids=[f"{exercise.id} {name}" for exercise, name in WRONG]
)
visible_and_hidden = pytest.mark.parametrize("hidden", [False, True], ids=["visible", "hidden"])


def function(exercise: Exercise, source: str) -> Callable[..., Any]:
    """What the notebook makes of an answer, behind its setup cell."""
    exec(compile(imports_of(exercise.setup), "<setup>", "exec"), names := dict[str, Any]())
    del names["__builtins__"]
    return written(source, **names)


def imports_of(setup: str) -> ast.Module:
    """The setup cell without the database that it opens for trying things out."""
    lines: list[ast.stmt] = [
        line for line in ast.parse(setup).body if isinstance(line, ast.Import | ast.ImportFrom)
    ]
    return ast.Module(lines, type_ignores=[])


@pytest.fixture(scope="module")
def released() -> dict[str, str]:
    """The exercises as the learner gets them."""
    stubs = {}
    for path in sorted(module.SOLUTIONS.glob("*.ipynb")):
        for cell in json.loads(cut(path))["cells"]:
            marks = cell["metadata"].get("nbgrader", {})
            if marks.get("solution"):
                stubs[marks["grade_id"]] = module.source_of(cell)
    return {exercise.id: stubs[f"{exercise.id.replace('.', '-')}-answer"] for exercise in ALL}


@each_exercise
async def test_the_stub_is_not_attempted(exercise: Exercise, released: dict[str, str]) -> None:
    outcome = await assess(exercise, function(exercise, released[exercise.id]))
    assert outcome.state == NOT_ATTEMPTED


@each_exercise
@visible_and_hidden
async def test_the_solution_passes(exercise: Exercise, hidden: bool) -> None:
    outcome = await assess(exercise, function(exercise, exercise.answer), hidden=hidden)
    assert (outcome.state, outcome.told, outcome.remarks) == (PASSED, "", [])


@each_exercise
@visible_and_hidden
async def test_the_other_right_answer_passes(exercise: Exercise, hidden: bool) -> None:
    outcome = await assess(exercise, function(exercise, exercise.other), hidden=hidden)
    assert (outcome.state, outcome.told, outcome.remarks) == (PASSED, "", [])


@each_wrong_answer
@visible_and_hidden
async def test_a_wrong_answer_gets_its_own_diagnosis(exercise: Exercise, name: str, hidden: bool) -> None:
    outcome = await assess(exercise, function(exercise, exercise.wrong[name]), hidden=hidden)
    is_given = exercise.wrong[name] == exercise.given
    assert (outcome.misconception, outcome.state) == (name, NOT_ATTEMPTED if is_given else NOT_YET)
