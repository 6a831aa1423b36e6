"""Which good answer to show beside a learner's own: of the two that are listed, one that the learner did not write."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from difflib import SequenceMatcher
from io import StringIO
from itertools import count
from typing import Any

from course_lib.lab.sql import watch
from course_lib.school.attempts.fresh_database import attempting
from course_lib.school.attempts.sandbox import finished
from course_lib.school.exercises.solutions import Exercise, without_marks
from course_lib.school.judges import judge_of

LETTERED = ("order", "choose")
"""Kinds of exercises that are answered with letters."""
SLOW_TO_RUN = "incident"
"""A kind whose answers are compared by their code alone."""


async def other_answer(exercise: Exercise, answer: Callable[..., Any]) -> str:
    """The second of the listed answers, or the first to a learner whose answer, which has passed, is the second.

    An answer is the one from which it differs in names and layout alone; else the one that sends the same statements;
    else the one that its code is more like.
    """
    first, second = without_marks(exercise.answer), exercise.other
    if exercise.kind in LETTERED:
        given = await finished(answer())
        return first if _letters(given) == _letters(_returned(second)) else second
    forms = [_form(code) for code in (_source(answer), first, second)]
    if forms[0] not in forms[1:] and exercise.kind != SLOW_TO_RUN:
        listed = [_function(exercise, code) for code in (first, second)]
        sent = [await _sent(exercise, each) for each in (answer, *listed)]
        if (sent[0] == sent[1]) != (sent[0] == sent[2]):
            forms = sent
    return first if _likeness(forms[0], forms[2]) > _likeness(forms[0], forms[1]) else second


def _likeness(one: Sequence[str], other: Sequence[str]) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


async def _sent(exercise: Exercise, answer: Callable[..., Any]) -> list[str]:
    """All that an attempt sends to the first database of its judge, without the values; nothing where it cannot run."""
    judge = judge_of(exercise.id, exercise.lesson)
    try:
        async with attempting(answer, judge.on[0], exercise.blocks, hidden=False) as attempt:
            with watch(attempt.engine) as sent, redirect_stdout(StringIO()):
                await judge.run(attempt)
            return [statement.shape for statement in sent.everything]
    except Exception:  # such as a race that this time went otherwise: the answer has passed all the same
        return []


def _function(exercise: Exercise, code: str) -> Callable[..., Any]:
    """The function of a listed answer, behind the imports of the notebook's first cell."""
    imports = [
        each for each in ast.parse(exercise.setup).body if isinstance(each, ast.Import | ast.ImportFrom)
    ]
    space: dict[str, Any] = {}
    module = ast.Module([*imports, *ast.parse(code).body], [])
    exec(compile(module, "<a listed answer>", "exec"), space)  # noqa: S102  the kit's own
    function: Callable[..., Any] = space[exercise.function]
    return function


def _source(answer: Callable[..., Any]) -> str:
    try:
        return textwrap.dedent(inspect.getsource(answer))
    except (OSError, TypeError):
        return ""


def _form(code: str) -> list[str]:
    """The words of a function without what does not matter: its layout, docstring, types, and names of its own."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return []
    return re.findall(r"[\w ]+", ast.dump(_Plain(tree).visit(tree)))


class _Plain(ast.NodeTransformer):
    """Numbers the names that a piece of code gives itself, in their order, and leaves docstrings and types out."""

    def __init__(self, tree: ast.AST) -> None:
        numbers = count()
        self.names: dict[str, str] = {}
        for node in ast.walk(tree):
            match node:
                case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                    self.names.setdefault(name, f"name {next(numbers)}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._plain(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._plain(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return self.generic_visit(node)
        return self.visit(ast.Assign([node.target], node.value))  # type: ignore[no-any-return]

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self.names[node.arg])

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def _plain(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)


def _returned(code: str) -> object:
    """What a listed answer of letters returns."""
    [returned] = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Return)]
    return ast.literal_eval(returned)  # type: ignore[arg-type]


def _letters(answer: object) -> list[str]:
    return [each for each in str(answer).upper() if each.isalpha()]
