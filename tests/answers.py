"""What the notebook makes of an answer: the function, behind the imports of its setup cell."""

import ast
from collections.abc import Callable
from typing import Any

from learners import written

from course_lib.school.exercises.solutions import Exercise


def answer_to(exercise: Exercise, source: str) -> Callable[..., Any]:
    exec(compile(_imports_of(exercise.setup), "<setup>", "exec"), names := dict[str, Any]())
    del names["__builtins__"]
    return written(source, **names)


def _imports_of(setup: str) -> ast.Module:
    """The setup cell without the database that it opens for trying things out."""
    lines: list[ast.stmt] = [
        line for line in ast.parse(setup).body if isinstance(line, ast.Import | ast.ImportFrom)
    ]
    return ast.Module(lines, type_ignores=[])
