"""A function made of the lines that a learner put in order."""

import linecache
from collections.abc import Callable, Mapping, Sequence
from textwrap import indent
from typing import Any

FILE = "<the lines of "
"""How the name of their file begins. Its first line is one that no learner sees."""


def program_of(
    lines: Sequence[str], *, first: str, names: Mapping[str, Any], file: str
) -> Callable[..., Any]:
    """The function that `first` begins and `lines` go on. An error in it shows its line, by the name of its `file`.

    Raises SyntaxError.
    """
    source = f"{first}\n{indent(chr(10).join(lines), '    ')}\n"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), space := dict(names))  # noqa: S102  the learner's own order
    made: Callable[..., Any] = next(space[name] for name in space if f"def {name}(" in first)
    return made


def is_program(file: str) -> bool:
    return file.startswith(FILE)
