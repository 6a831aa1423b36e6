"""Whoever skips a cell, or leaves a mistake in one, is told so by the next cell: a bare NameError does not say it.

Each kernel of this environment loads this as an extension of IPython (ipython_config.py). It adds a sentence below the
error and changes nothing else. It speaks in a notebook of a learner's copy, about names that a cell of that notebook
gives; it knows the notebook from the server that started the kernel, so whoever runs notebooks without one (nbval,
nbgrader, nbconvert) hears nothing of it.
"""

import ast
import json
import os
import re
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from IPython.display import display

from course_lib.lab.markdown_note import Note
from course_lib.school.learner import copies

DEFINED = re.compile(r"^(?:async\s+)?(?:def|class)\s+(\w+)|^(\w+)\s*=(?!=)", re.MULTILINE)
IMPORTED = re.compile(r"^(?:from\s+\S+\s+)?import\s+(.+)$", re.MULTILINE)


class MissingNames:
    """Remembers which cells have run in this kernel, and which could not, because they are no Python."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.ran: set[str] = set()
        self.line_of_fault: dict[str, int | None] = {}

    def after_cell(self, result: ExecutionResult | None) -> None:
        """What the kernel calls when a cell has ended, in whatever way."""
        if result is None or result.info is None:  # the cell was interrupted
            return
        cell = str(result.info.raw_cell)
        if isinstance(fault := result.error_before_exec, SyntaxError):
            self.line_of_fault |= dict.fromkeys(_names_in_no_python(cell), fault.lineno)
            return
        for name in self._given_by(cell):
            self.line_of_fault.pop(name, None)
        if result.success:
            self.ran.add(cell)
            self._tell_of_older(cell)
        elif name := self._missing_name(result.error_in_exec):
            self._tell(name)

    def _tell_of_older(self, cell: str) -> None:
        """A name whose cell is no Python now still stands for what that cell made before, as if nothing had changed."""
        used = self.line_of_fault.keys() & set(re.findall(r"\w+", cell))
        if used and self._notebook():
            name = min(used)
            why = f"the cell above that defines it has a syntax error in line {self.line_of_fault[name]}"
            display(Note(f"`{name}` is still your earlier one: {why}. Mend it, and run both."))

    def _missing_name(self, error: BaseException | None) -> str:
        """The name that code of this notebook looked for in vain, or ''."""
        if not isinstance(error, NameError):
            return ""
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        return error.name if error.name and frame.f_globals is self.shell.user_ns else ""

    def _tell(self, name: str) -> None:
        notebook = self._notebook()
        if notebook is not None and (why := self._why(name, notebook)):
            display(Note(f"`{name}` is not defined: {why}"))

    def _why(self, name: str, notebook: Path) -> str:
        if name in self.line_of_fault:
            line = self.line_of_fault[name]
            return f"the cell above that defines it has a syntax error in line {line}. Mend it, and run both."
        cells = _code_of(notebook)
        places = [place for place, cell in enumerate(cells) if name in self._given_by(cell)]
        if not places or any(cells[place] in self.ran for place in places):
            return ""
        if notebook.parent.name != "exercises":  # in a lesson each cell stands on those above
            return "run the cells above this one first (*Run → Run All Above Selected Cell*)."
        where = "cell above that defines it" if places[0] else "first cell of this notebook"
        return f"run the {where}, then this one."

    def _given_by(self, cell: str) -> set[str]:
        try:
            return set(_names_in(ast.parse(self.shell.transform_cell(cell))))
        except SyntaxError:
            return _names_in_no_python(cell)

    def _notebook(self) -> Path | None:
        """The notebook of this kernel, where it is one of the copy around the kernel's folder."""
        told = os.environ.get("JPY_SESSION_NAME") or self.shell.user_ns.get("__vsc_ipynb_file__")
        copy = copies.find()
        if not told or copy is None or "NBGRADER_EXECUTION" in os.environ:
            return None
        return notebook if copies.find((notebook := Path(told)).parent) == copy else None


def load_ipython_extension(shell: InteractiveShell) -> None:
    shell.events.register("post_run_cell", MissingNames(shell).after_cell)


def _code_of(notebook: Path) -> list[str]:
    """The code cells as they were saved last; none where the file is gone or is no notebook."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return []


def _names_in(tree: ast.Module) -> Iterator[str]:
    """The names that a cell gives to those below it: not what its functions and comprehensions keep to themselves."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        match waiting.pop():
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                pass
            case node:
                waiting += ast.iter_child_nodes(node)


def _names_in_no_python(cell: str) -> set[str]:
    """The names that a cell with a syntax error would give, as far as its lines tell."""
    defined = {name for both in DEFINED.findall(cell) for name in both if name}
    return defined | {word for line in IMPORTED.findall(cell) for word in re.findall(r"\w+", line)}
