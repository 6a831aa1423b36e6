"""A step that nbgrader does not have: submissions that lost cells, or have one twice, get them back.

This module is imported only where notebooks are graded, because nbgrader takes a second to import.
"""

from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_markdown_cell
from nbgrader.preprocessors import NbGraderPreprocessor

PUT_BACK = "*This cell was missing from what you handed in. It was put back for grading.*"


class MendCells(NbGraderPreprocessor):  # type: ignore[misc]
    """Makes the marked cells of a submission those of the released notebook again.

    Of a cell and its copies, the last one keeps the mark; a locked cell that is missing comes back. With its own steps
    for this, nbgrader cannot grade a notebook that has a copy, or that lost an answer together with its check.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        names = resources["nbgrader"]
        file = Path(
            "release", names["assignment"], f"{names['notebook']}.ipynb"
        )  # nbgrader stands in the folder
        released = nbformat.read(file, as_version=4).cells
        mark_again(nb.cells, released)
        put_back(nb.cells, released)
        return nb, resources


def mark_again(cells: list[Any], released: list[Any]) -> None:
    marks = {name_of(cell): cell.metadata.nbgrader for cell in released if "nbgrader" in cell.metadata}
    for cell in reversed(cells):
        if "nbgrader" in cell.metadata and not marks.get(name_of(cell)):
            del cell.metadata["nbgrader"]
        elif "nbgrader" in cell.metadata:
            cell.metadata.nbgrader = marks.pop(name_of(cell))


def put_back(cells: list[Any], released: list[Any]) -> None:
    """Each missing locked cell goes as far down as it can: before the next cell that is still there."""
    there = {name_of(cell) for cell in cells}
    for place, cell in enumerate(released):
        if cell.metadata.get("nbgrader", {}).get("locked") and name_of(cell) not in there:
            later = {name_of(next_one) for next_one in released[place + 1 :]}
            at = next((at for at, other in enumerate(cells) if name_of(other) in later), len(cells))
            cells[at:at] = [new_markdown_cell(PUT_BACK), cell]


def name_of(cell: Any) -> str:
    """What a cell is known by: nbgrader's name, or for a cell without one its id."""
    return str(cell.metadata.get("nbgrader", {}).get("grade_id") or cell.get("id"))
