"""The predictions of a lesson: what each one asks, where, and which cell reveals it.

In a committed lesson the outputs from the question to its reveal are folded: who only reads can guess as well.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FOLDED = "hide-output"  # the tag that Jupyter Book and MyST know; JupyterLab has a word of its own


@dataclass(frozen=True)
class Asked:
    """`name = predict(question, …)`, and the places of the cells that ask and reveal."""

    name: str
    question: str
    choices: tuple[object, ...]
    asks: int
    reveals: int


def predictions(notebook: Any) -> Iterator[Asked]:
    """All predictions, in their order. Raises ValueError for one that no later cell reveals."""
    code = [(place, cell.source) for place, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for place, source in code:
        for node in ast.parse(source).body:
            match node:
                case ast.Assign(
                    targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="predict")) as call
                ):
                    reveals = [at for at, later in code if at > place and f"{name}.reveal(" in later]
                    if not reveals:
                        raise ValueError(f"no cell reveals {name}")
                    yield Asked(name, ast.literal_eval(call.args[0]), _choices(call), place, reveals[0])


def fold(notebook: Any) -> Any:
    """The notebook with the outputs behind each question folded, up to the cell that reveals it, and no others.

    A question is never folded, where two wait for the same answer."""
    every = list(predictions(notebook))
    behind = {place for asked in every for place in range(asked.asks + 1, asked.reveals + 1)}
    behind -= {asked.asks for asked in every}
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            unfold(cell)
            if place in behind:
                cell.metadata["jupyter"] = {"outputs_hidden": True}
                cell.metadata["tags"] = [*cell.metadata.get("tags", ()), FOLDED]
    return notebook


def unfold(cell: Any) -> None:
    """Take away what `fold` writes."""
    cell.metadata.pop("jupyter", None)
    tags = [tag for tag in cell.metadata.pop("tags", ()) if tag != FOLDED]
    if tags:
        cell.metadata["tags"] = tags


def _choices(call: ast.Call) -> tuple[object, ...]:
    found = [ast.literal_eval(each.value) for each in call.keywords if each.arg == "choices"]
    return tuple(found[0]) if found else ()
