"""A lesson or an exercise notebook as a page to read: what is folded, what is said otherwise, and what comes along."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from course_lib.school.exercises.solutions import find
from course_lib.school.lessons.predictions import FOLDED, fold, predictions

SAID_OTHERWISE = {
    " Put your answer in place of `None`, and run this cell again.": " Say it, then open what came of it.",
    " You made no guess. Guess before you look: it makes you remember.": "",
}
"""What a lesson says to somebody who runs it, and what a page says in its place."""
REVEALED = re.compile(r"The answer: \*\*(.*?)\*\*\.", re.DOTALL)
NEAR = 3
"""So many cells behind a reveal may stand on the same screen as its question."""
READ_HERE = (
    "Here you read the tasks. To write an answer, and to hear what a check says to it, "
    "[run the kit yourself](../run_it_yourself.md)."
)


def lesson_page(path: Path) -> str:
    """The lesson with its outputs; from a question to its reveal they are folded."""
    notebook = fold(nbformat.read(path, as_version=4))
    heading = notebook.cells[0]
    if path.stem[0].isdigit():  # search shows nothing but the title
        heading.source = f"# {path.stem[:2]} {heading.source.removeprefix('# ')}"
    _fold_what_repeats_an_answer(notebook)
    for output in _outputs(notebook.cells):
        if "text/markdown" in output.get("data", {}):
            output.data["text/markdown"] = _said_to_a_reader(output.data["text/markdown"])
    return str(nbformat.writes(notebook))


def exercises_page(path: Path) -> str:
    """The tasks as learners get them, and behind each one its hints, folded. The solution stays where it is."""
    notebook = nbformat.read(path, as_version=4)
    heading, _, rest = notebook.cells[0].source.partition("\n\n")
    notebook.cells[0].source = f"{heading}\n\n{READ_HERE}\n\n{rest}"
    cells = []
    for cell in notebook.cells:
        marks = cell.metadata.pop("nbgrader", {})
        cells.append(cell)
        if marks.get("grade"):
            exercise = marks["grade_id"].removesuffix("-check").replace("-", ".")
            cells.append(_prose(_folded_hints(exercise), f"{marks['grade_id']}-hints"))
    notebook.cells = cells
    return str(nbformat.writes(notebook))


def _fold_what_repeats_an_answer(notebook: Any) -> None:
    """An output close behind a reveal, whose first line says the same, would tell it ahead of time."""
    for asked in predictions(notebook):
        answers = REVEALED.findall(_told(notebook.cells[asked.reveals]))
        for cell in notebook.cells[asked.reveals + 1 : asked.reveals + 1 + NEAR]:
            if cell.cell_type == "code" and any(_says(_first_line(cell), answer) for answer in answers):
                cell.metadata["tags"] = sorted({*cell.metadata.get("tags", ()), FOLDED})


def _says(text: str, answer: str) -> bool:
    return re.search(rf"(?<![\w.,]){re.escape(answer)}(?!\w|[.,]\d)", text) is not None


def _told(cell: Any) -> str:
    return "\n".join(output.get("data", {}).get("text/markdown", "") for output in cell.outputs)


def _first_line(cell: Any) -> str:
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(texts).partition("\n")[0]


def _outputs(cells: Any) -> Iterator[Any]:
    for cell in cells:
        yield from cell.get("outputs", ())


def _said_to_a_reader(text: str) -> str:
    for there, here in SAID_OTHERWISE.items():
        text = text.replace(there, here)
    return text


def _folded_hints(exercise: str) -> str:
    hints = find(exercise).hints
    return "\n\n".join(
        f"<details><summary>{exercise}: hint {number} of {len(hints)}</summary>\n\n{hint}\n\n</details>"
        for number, hint in enumerate(hints, 1)
    )


def _prose(text: str, name: str) -> Any:
    return nbformat.v4.new_markdown_cell(text, id=name)
