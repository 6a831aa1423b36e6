"""Breaks an answer by rule, one place at a time: what a check is to refuse.

for mutant in mutants(source):
    mutant.label, mutant.source       # "drop await: session.scalars(…)", and the broken function
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

LINKS = {
    "where", "order_by", "with_for_update", "limit", "offset", "options", "execution_options", "distinct", "join",
    "outerjoin", "desc", "asc", "nulls_last", "nulls_first", "unique", "returning", "on_conflict_do_nothing",
    "group_by", "having", "strip", "lower", "correlate",
}  # fmt: skip
"""Methods that give back what they were called on, changed: without one, the rest of the chain still runs."""
STEPS = {
    "commit",
    "flush",
    "rollback",
    "refresh",
    "expire",
    "expunge",
    "close",
    "dispose",
    "add",
    "delete",
    "sleep",
}
"""Methods that are called for what they do."""
BOUNDS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
LONGEST = 60


@dataclass(frozen=True)
class Mutant:
    """`label` is the rule and the place, the same from run to run; `source` is the broken cell."""

    label: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Each different mutant once. The function's first line and docstring stay."""
    tree = ast.parse(source)
    seen, labels = {ast.unparse(tree)}, Counter[str]()
    for label, change in _changes(tree):
        broken = copy.deepcopy(tree)
        change(broken)
        text = ast.unparse(ast.fix_missing_locations(broken))
        if text not in seen and _compiles(text):
            seen.add(text)
            labels[label] += 1
            yield Mutant(label if labels[label] == 1 else f"{label} #{labels[label]}", text)


def _compiles(text: str) -> bool:
    try:
        compile(text, "<mutant>", "exec")
    except SyntaxError:
        return False
    return True


Change = Callable[[ast.Module], None]


def _changes(tree: ast.Module) -> Iterator[tuple[str, Change]]:
    """What can be changed, in the order of the tree. A place is the way to it: fields and indexes from the root."""
    function = next(each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    for place, node in _walk(tree, ()):
        for rule, new in _replacements(node):
            yield _label(rule, node), _put(place, new)
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and node is not tree:
                yield from _in_block(block, (*place, field))
    if any(argument.arg == "session" for argument in function.args.args):
        yield "use another session", _other_session
    for name in _asking(function):
        yield (
            f"swallow every error: in {name}" if name != function.name else "swallow every error",
            _swallow(name),
        )


def _walk(node: ast.AST, place: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], ast.AST]]:
    yield place, node
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield from _walk(value, (*place, field))
        elif isinstance(value, list):
            for index, each in enumerate(value):
                if isinstance(each, ast.AST):
                    yield from _walk(each, (*place, field, index))


def _put(place: tuple[Any, ...], new: Any) -> Change:
    def change(tree: ast.Module) -> None:
        holder: Any = tree
        for step in place[:-1]:
            holder = holder[step] if isinstance(step, int) else getattr(holder, step)
        if isinstance(place[-1], int):
            holder[place[-1] : place[-1] + 1] = (
                copy.deepcopy(new) if isinstance(new, list) else [copy.deepcopy(new)]
            )
        else:
            setattr(holder, place[-1], copy.deepcopy(new))

    return change


def _replacements(node: ast.AST) -> Iterator[tuple[str, Any]]:
    match node:
        case ast.Await():
            yield "drop await", node.value
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in LINKS:
            yield f"drop {name}", value
            if name in ("where", "order_by") and len(node.args) > 1:
                for index in range(len(node.args)):
                    some = copy.deepcopy(node)
                    del some.args[index]
                    yield f"drop an argument of {name}", some
        case ast.Compare(ops=[op]) if type(op) in BOUNDS:
            other = copy.deepcopy(node)
            other.ops = [BOUNDS[type(op)]()]
            yield "change a bound", other
        case ast.Constant(value=bool()):
            yield "turn a flag", ast.Constant(not node.value)
        case ast.Constant(value=int() as number):
            yield "one more", ast.Constant(number + 1)
            yield "one less", ast.Constant(number - 1)
        case ast.BoolOp():
            for index in range(len(node.values)):
                left = [each for place, each in enumerate(node.values) if place != index]
                yield "drop a condition", left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
        case ast.If():
            yield "turn a condition", ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        case ast.IfExp():
            yield "take the other value", node.orelse
            yield "take the first value", node.body
    if isinstance(node, ast.Call):
        for index, keyword in enumerate(node.keywords):
            some = copy.deepcopy(node)
            del some.keywords[index]
            yield f"drop keyword {keyword.arg or '**'}", some


def _in_block(block: list[ast.stmt], place: tuple[Any, ...]) -> Iterator[tuple[str, Change]]:
    for index, line in enumerate(block):
        if _is_docstring(line):
            continue
        here = (*place, index)
        rest = len(block) - 1 - index
        if _is_step(line) or isinstance(line, ast.Raise | ast.AugAssign):
            yield _label("drop line", line), _put(here, [ast.Pass()])
        if isinstance(line, ast.If) and not line.orelse:
            yield _label("drop if", line), _put(here, [ast.Pass()])
        if isinstance(line, ast.With | ast.AsyncWith) and all(
            item.optional_vars is None for item in line.items
        ):
            yield _label("drop with", line), _put(here, line.body)
        if isinstance(line, ast.Try):
            yield _label("drop try", line), _put(here, [*line.body, *line.orelse, *line.finalbody])
        if rest and not isinstance(line, ast.Return | ast.Raise):
            yield _label("return early behind", line), _put(here, [line, ast.Return(None)])
        if rest and not isinstance(block[index + 1], ast.Return | ast.Raise):
            yield _label("swap", line), _swap(place, index)


def _is_docstring(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def _is_step(line: ast.stmt) -> bool:
    value = line.value if isinstance(line, ast.Expr) else None
    call = value.value if isinstance(value, ast.Await) else value
    return isinstance(call, ast.Call)


def _swap(place: tuple[Any, ...], index: int) -> Change:
    def change(tree: ast.Module) -> None:
        block: Any = tree
        for step in place:
            block = block[step] if isinstance(step, int) else getattr(block, step)
        block[index], block[index + 1] = block[index + 1], block[index]

    return change


def _other_session(tree: ast.Module) -> None:
    own = "from sqlalchemy.ext.asyncio import AsyncSession\nsession = AsyncSession(session.bind)"
    _function(tree).body[_start(tree) : _start(tree)] = ast.parse(own).body


def _asking(function: ast.AST) -> list[str]:
    """The functions in which something can go wrong: a plain one that just holds others is none."""
    every = [each for each in ast.walk(function) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [each.name for each in every if len(every) == 1 or isinstance(each, ast.AsyncFunctionDef)]


def _swallow(name: str) -> Change:
    def change(tree: ast.Module) -> None:
        kinds = ast.FunctionDef | ast.AsyncFunctionDef
        function = next(each for each in ast.walk(tree) if isinstance(each, kinds) and each.name == name)
        start = int(_is_docstring(function.body[0]))
        handler = ast.ExceptHandler(ast.Name("Exception"), None, [ast.Return(None)])
        function.body[start:] = [ast.Try(function.body[start:], [handler], [], [])]

    return change


def _function(tree: ast.Module) -> Any:
    return next(each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def _start(tree: ast.Module) -> int:
    return int(_is_docstring(_function(tree).body[0]))


def _label(rule: str, node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return f"{rule}: {text if len(text) <= LONGEST else text[:LONGEST] + '…'}"


def letters(right: str, among: str) -> Iterator[Mutant]:
    """Other answers of letters: two neighbours swapped, one left out, one replaced or put in."""
    seen = {right}
    places = range(len(right))
    changed = [
        *(
            (f"swap {right[n : n + 2]}", right[:n] + right[n + 1] + right[n] + right[n + 2 :])
            for n in places[:-1]
        ),
        *((f"leave out {right[n]}", right[:n] + right[n + 1 :]) for n in places if len(right) > 1),
        *(
            (f"{new} for {right[n]}", right[:n] + new + right[n + 1 :])
            for n in places
            for new in among
            if new not in right
        ),
        *(
            (f"{new} before {right[n]}", right[:n] + new + right[n:])
            for n in places
            for new in among
            if new not in right and len(right) > 1
        ),
    ]
    for label, text in changed:
        if text not in seen:
            seen.add(text)
            yield Mutant(f"{label}: {text}", text)
