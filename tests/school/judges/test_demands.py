"""Each demand of a task is looked at: a file of `demands` names the verdict on an answer that does not meet it.

["05.5"]
story = ["a sentence, or a part of one, that asks for nothing"]
["05.5".demands]
"a part of the task" = "its verdict"

A demand is a part of the task's text or of the docstring, letter for letter. Its verdict is one that a wrong answer of
the exercise gets, in its notebook or in `tried`. A sentence that is neither demand nor story is one that nobody has
looked at.
"""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tried_answers import verdicts_of

from course_lib.school.exercises.solutions import Exercise, exercises

FOLDER = Path(__file__).with_name("demands")
DEMANDS: dict[str, dict[str, Any]] = {
    exercise: entry
    for path in sorted(FOLDER.glob("*.toml"))
    for exercise, entry in tomllib.loads(path.read_text("utf-8")).items()
}
CODE = re.compile(r"```.*?```", re.DOTALL)


def text_of(exercise: Exercise) -> str:
    """The task and the docstring as running text, without headings and blocks of code."""
    _, _, task = exercise.task.partition("\n\n**")
    function = next(
        each
        for each in ast.parse(exercise.answer).body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    text = f"{CODE.sub('', task.partition(chr(10))[2])}\n{ast.get_docstring(function)}"
    return " ".join(text.split())


def sentences(text: str) -> list[str]:
    return [each.strip() for each in re.split(r"(?<=[.:?!])\s+(?=[A-Z`*\"])", text) if each.strip()]


def overlooked(exercise: Exercise, entry: dict[str, Any], verdicts: set[str]) -> list[str]:
    """What is wrong with the list of an exercise: nothing, if it is whole."""
    text, demands, story = text_of(exercise), entry.get("demands", {}), entry.get("story", [])
    phrases = [*demands, *story]
    named = {name for names in demands.values() for name in ([names] if isinstance(names, str) else names)}
    return [
        *(f"not in the task: {each}" for each in phrases if each not in text),
        *(f"no answer gets this verdict: {each}" for each in sorted(named - verdicts)),
        *(
            f"neither demand nor story: {each}"
            for each in sentences(text)
            if not any(phrase in each or each in phrase for phrase in phrases)
        ),
    ]


@pytest.mark.parametrize("exercise", exercises(), ids=lambda exercise: exercise.id)
def test_each_demand_has_a_look(exercise: Exercise) -> None:
    assert overlooked(exercise, DEMANDS.get(exercise.id, {}), verdicts_of(exercise)) == []


def test_a_demand_without_a_look_is_seen() -> None:
    exercise = exercises()[0]
    entry = {"story": [], "demands": {"no such words": "no such verdict"}}
    told = overlooked(exercise, entry, verdicts_of(exercise))
    assert told[:2] == ["not in the task: no such words", "no answer gets this verdict: no such verdict"]
    assert len(told) == 2 + len(sentences(text_of(exercise)))
