"""The library's reference, read off its source and never imported: a page for each module, and one for the lab.

Docstrings are Markdown. Sphinx's own directives for Python make an address for each name.
"""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from course_lib.school.kit_files import ROOT

LIBRARY, LAB = "course_lib", ("course_lib.lab", "course_lib.school.checking")
LONGEST_VALUE = 80
KINDS = {"staticmethod": "staticmethod", "classmethod": "classmethod"}
WHOLE = "The whole module"
NO_ADDRESS = ":no-index:"  # a field named `type` would be taken for every `type` in an annotation

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> list[str]:
    """The modules of the library, in the order that its docstring gives."""
    plan = ast.get_docstring(_tree(LIBRARY)) or ""
    return [name for name in re.findall(r"^ {4}(\w+)", plan, re.MULTILINE) if _is_module(name)]


def library_page() -> str:
    rows = [
        f"| [`{name}`]({name}.md) | {_first_sentence(_tree(f'{LIBRARY}.{name}'))} |" for name in modules()
    ]
    table = "\n".join(["| module | what it is about |", "|---|---|", *rows])
    return (
        "# The library\n\nThe patterns that the lessons arrive at, one module each. A module imports only those above "
        f"it.\n\n{table}\n\nThe lessons look at all this with [the lab's instruments](lab.md).\n"
    )


def module_page(name: str) -> str:
    """One module: its docstring, its public names, and in the end all of its lines, folded."""
    full = f"{LIBRARY}.{name}"
    tree, source = _tree(full), _file(full).read_text("utf-8").strip()
    whole = f"<details><summary>{WHOLE}</summary>\n\n{_fenced('python', source)}\n\n</details>"
    parts = [
        f"# {name}",
        _module(full),
        ast.get_docstring(tree) or "",
        *_entries(tree.body),
        whole,
    ]
    return "\n\n".join(parts) + "\n"


def lab_page(notebooks: Iterable[str]) -> str:
    """What code of these notebooks imports from the lab, module by module."""
    used: dict[str, set[str]] = {}
    for module, name in {pair for code in notebooks for pair in _imported(code)}:
        used.setdefault(_home(module, name), set()).add(name)
    parts = [
        "# The lab",
        "The instruments that the lessons use: they work on any engine and any models.",
    ]
    for module in sorted(used):
        tree = _tree(module)
        chosen = [node for node in tree.body if {*_names(node)} & used[module]]
        parts += [
            f"## {module.removeprefix(f'{LIBRARY}.')}",
            _module(module),
            _first_sentence(tree),
        ]
        parts += _entries(chosen)
    return "\n\n".join(parts) + "\n"


def _file(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_file(module).read_text("utf-8"))


def _is_module(name: str) -> bool:
    return (ROOT / LIBRARY / f"{name}.py").is_file()


def _first_sentence(tree: ast.Module) -> str:
    text = " ".join((ast.get_docstring(tree) or "").partition("\n\n")[0].split())
    return re.split(r"(?<=\.) ", text)[0]


def _imported(code: str) -> Iterator[tuple[str, str]]:
    """Names with the module they are imported from; of a module that is imported whole, the names used of it."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(LAB):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if _file(whole).is_file():
                    yield from ((whole, name) for name in _used_of(alias.name, tree))
                else:
                    yield node.module, alias.name


def _used_of(module: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=used) if name == module:
                yield used


def _home(module: str, name: str) -> str:
    """Where a name is defined that may only pass through the module it is imported from."""
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and node.module and name in [each.name for each in node.names]:
            return _home(node.module, name)
    return module


def _names(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            return [target.id for target in node.targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def _entries(body: Iterable[ast.stmt], *, inside: str = "") -> list[str]:
    """The public names of a module, or of the class `inside`, each with the text that follows it."""
    statements = list(body)
    entries = []
    for node, below in zip(statements, [*statements[1:], None], strict=True):
        if (names := _names(node)) and not names[0].startswith("_") and not _is_type_variable(node):
            entries.append(_entry(node, below, inside=inside))
    return entries


def _is_type_variable(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("TypeVar(")


def _entry(node: ast.stmt, below: ast.stmt | None, *, inside: str) -> str:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _function(node, inside=inside)
        case ast.ClassDef():
            return _class(node)
        case _:
            return _value(node, below, inside=inside)


def _function(node: Function, *, inside: str) -> str:
    decorators = [ast.unparse(each) for each in node.decorator_list]
    told = [f"`@{each}`" for each in decorators if each not in (*KINDS, "property", "cached_property")]
    body = "\n\n".join([*told, ast.get_docstring(node) or ""])
    name = f"{inside}{node.name}"
    returns = ast.unparse(node.returns) if node.returns else ""
    if {"property", "cached_property"} & {*decorators}:
        return _directive("py:property", name, [NO_ADDRESS, f":type: {returns}"], body)
    options = [f":{KINDS[each]}:" for each in decorators if each in KINDS]
    options += [":async:"] if isinstance(node, ast.AsyncFunctionDef) else []
    arguments = _arguments(node, bound=bool(inside) and "staticmethod" not in decorators)
    signature = f"{name}({arguments})" + (f" -> {returns}" if returns else "")
    return _directive("py:method" if inside else "py:function", signature, options, body)


def _arguments(node: Function, *, bound: bool) -> str:
    written = ast.unparse(node.args)
    return re.sub(r"^\w+(, |$)", "", written) if bound else written


def _class(node: ast.ClassDef) -> str:
    bases = ", ".join(f"`{ast.unparse(base)}`" for base in node.bases)
    made = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    signature = f"{node.name}({_arguments(made[0], bound=True)})" if made else node.name
    parts = [f"Stands on {bases}." if bases else "", ast.get_docstring(node) or ""]
    parts += _entries(node.body, inside=f"{node.name}.")
    return _directive("py:class", signature, [], "\n\n".join(filter(None, parts)))


def _value(node: ast.stmt, below: ast.stmt | None, *, inside: str) -> str:
    """A constant or a field, with the text that stands below it."""
    options = [NO_ADDRESS] if inside else []
    options += [f":type: {ast.unparse(node.annotation)}"] if isinstance(node, ast.AnnAssign) else []
    value = getattr(node, "value", None)
    if value is not None and len(written := ast.unparse(value)) <= LONGEST_VALUE:
        options.append(f":value: {written}")
    text = ""
    match below:
        case ast.Expr(value=ast.Constant(value=str(said))):
            text = inspect.cleandoc(said)
    kind = "py:attribute" if inside else "py:data"
    return _directive(kind, f"{inside}{_names(node)[0]}", options, text)


def _module(full: str) -> str:
    return _directive("py:module", full, [], "")


def _directive(kind: str, head: str, options: list[str], body: str) -> str:
    return _fenced(f"{{{kind}}} {head}", "\n".join([*options, "", body]).strip("\n"))


def _fenced(head: str, body: str) -> str:
    """A block in a fence that is longer than every fence in it."""
    longest = max([2, *(len(run) for run in re.findall(r"`{3,}", body))])
    fence = "`" * (longest + 1)
    return f"{fence}{head}\n{body}\n{fence}"
