"""Beside a right answer stands another one: never the learner's own, however it is written."""

import ast
from collections.abc import Callable
from typing import Any

import pytest
from learners import written

from course_lib.school.checking.other_answer import LETTERED, other_answer
from course_lib.school.exercises.solutions import Exercise, exercises, find, without_marks

WRITTEN = [exercise for exercise in exercises() if exercise.kind not in LETTERED]

each_written = pytest.mark.parametrize("exercise", WRITTEN, ids=lambda exercise: exercise.id)

AS_THE_SECOND_OF_07_2 = """
async def headlines(session):
    newest = select(Post.title, User.username).where(Post.published).order_by(Post.created_at.desc(), Post.id.desc())
    posts = await session.execute(newest.join(Post.author))
    return [(post.title, post.username) for post in posts]
"""
AS_THE_FIRST_OF_07_2 = """
async def headlines(session):
    order = Post.created_at.desc(), Post.id.desc()
    found = await session.scalars(
        select(Post).options(joinedload(Post.author)).where(Post.published).order_by(*order)
    )
    pairs = []
    for post in found:
        pairs.append((post.title, post.author.username))
    return pairs
"""


class Renamed(ast.NodeTransformer):
    """A function with the learner's own names, types and no docstring."""

    def __init__(self, tree: ast.AST) -> None:
        nodes = list(ast.walk(tree))
        self.own = {node.arg for node in nodes if isinstance(node, ast.arg)}
        stored = [node for node in nodes if isinstance(node, ast.Name)]
        self.own |= {node.id for node in stored if isinstance(node.ctx, ast.Store)}

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(f"my_{node.arg}", ast.Name("object", ast.Load()))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(f"my_{node.id}", node.ctx) if node.id in self.own else node


def renamed(code: str) -> str:
    tree = ast.parse(code)
    [function] = tree.body
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    function.body = function.body[1:]
    return ast.unparse(ast.fix_missing_locations(Renamed(tree).visit(tree)))


def answer(exercise: Exercise, source: str) -> Callable[..., Any]:
    imports = [each for each in ast.parse(exercise.setup).body if "Import" in type(each).__name__]
    exec(compile(ast.Module(imports, []), "<setup>", "exec"), names := dict[str, Any]())
    del names["__builtins__"]
    return written(source, **names)


@each_written
async def test_a_listed_answer_in_ones_own_names_is_shown_the_other(exercise: Exercise) -> None:
    first, second = without_marks(exercise.answer), exercise.other
    assert await other_answer(exercise, answer(exercise, renamed(first))) == second
    assert await other_answer(exercise, answer(exercise, renamed(second))) == first


@pytest.mark.parametrize(
    ("source", "is_second"), [(AS_THE_SECOND_OF_07_2, True), (AS_THE_FIRST_OF_07_2, False)]
)
async def test_an_answer_that_sends_the_same_counts_as_the_same(source: str, is_second: bool) -> None:
    exercise = find("07.2")
    shown = await other_answer(exercise, answer(exercise, source))
    assert shown == (without_marks(exercise.answer) if is_second else exercise.other)


async def test_letters_may_come_out_of_an_async_function() -> None:
    exercise = find("07.4")
    for letter, other in (("B", exercise.other), ("D", without_marks(exercise.answer))):
        own = answer(exercise, f"async def fewest_rows(): return {letter!r}")
        assert await other_answer(exercise, own) == other


async def test_where_both_send_the_same_the_code_that_is_less_like_is_shown() -> None:
    exercise = find("02.3")
    first, second = without_marks(exercise.answer), exercise.other
    for own, other in ((first, second), (second, first)):
        longer = f"{own.rstrip()}\n"
        head, _, body = longer.partition('"""\n')
        slightly_other = head + '"""\n    first_of_all = 1\n' + body
        assert await other_answer(exercise, answer(exercise, slightly_other)) == other


async def test_an_answer_whose_source_is_gone_is_judged_by_what_it_sends() -> None:
    exercise = find("07.2")
    exec(exercise.setup.partition("engine = ")[0] + AS_THE_SECOND_OF_07_2, names := dict[str, Any]())
    assert await other_answer(exercise, names["headlines"]) == without_marks(exercise.answer)
