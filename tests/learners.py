"""What a learner writes: a function out of the source of a cell, whose lines can be read back, as in a notebook."""

import linecache
from collections.abc import Callable
from itertools import count
from textwrap import dedent
from typing import Any

from course_lib.school.exercises.solutions import function_name

_cells = count(1)


def written(source: str, **names: Any) -> Callable[..., Any]:
    """The first function of the cell; `names` are there as if cells before it had made them."""
    source = dedent(source).strip("\n") + "\n"
    file = f"<cell {next(_cells)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), space := {"__name__": "__main__", **names})
    function: Callable[..., Any] = space[function_name(source)]
    return function
