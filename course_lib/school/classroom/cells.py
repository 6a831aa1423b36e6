"""What became of the marked cells of a notebook that was handed in: missing, there twice, changed; in plain words."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Cell = Mapping[str, Any]
HEADING = re.compile(r"## (?P<id>\d\d\.\d+) (?P<title>.+)")
CHECKED = re.compile(r"""^await check\(\s*["'](\d\d)\.\d+["']""", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """A marked cell of the released notebook: nbgrader's name for it, its role, and the exercise it belongs to.

    `role` is answer, check or setup; a setup has no exercise. Only a check has points.
    """

    name: str
    role: str
    source: str
    exercise: str = ""
    title: str = ""
    points: float = 0

    @property
    def locked(self) -> bool:
        return self.role != "answer"

    def __str__(self) -> str:
        return f"{self.exercise}: the {self.role} cell" if self.exercise else f"the {self.role} cell"


def cells_of(text: bytes | str) -> list[Cell]:
    """The cells of a notebook. Raises ValueError for anything else."""
    notebook = json.loads(text)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(
        isinstance(cell, dict) and isinstance(cell.get("metadata"), dict) for cell in cells
    ):
        raise ValueError("it has no cells")
    return cells


def parts_of(released: Path) -> dict[str, Part]:
    """The marked cells of the released notebook by their names, in their order."""
    exercise, parts = {"id": "", "title": ""}, {}
    for cell in cells_of(released.read_bytes()):
        heading = HEADING.match(source_of(cell))
        if heading and cell["cell_type"] == "markdown":
            exercise = heading.groupdict()
        if name := name_of(cell):
            points = cell["metadata"]["nbgrader"].get("points", 0)
            parts[name] = Part(name, _role(cell), source_of(cell), exercise["id"], exercise["title"], points)
    return parts


def checks_of(parts: Mapping[str, Part]) -> list[Part]:
    """The parts that have points, in their order."""
    return [part for part in parts.values() if part.role == "check"]


def lessons_checked(cells: Sequence[Cell]) -> set[str]:
    """The numbers of the lessons whose exercises are checked in these cells."""
    code = [source_of(cell) for cell in cells if cell.get("cell_type") == "code"]
    return {number for source in code for number in CHECKED.findall(source)}


def oddities(cells: Sequence[Cell], parts: Mapping[str, Part]) -> Iterator[str]:
    """A sentence for each marked cell that is not as it was released, and what grading makes of it."""
    times = Counter(name_of(cell) for cell in cells)
    last = {name_of(cell): cell for cell in cells}
    for part in parts.values():
        if not times[part.name]:
            yield f"{part} is missing. {_of_missing(part)}"
        elif times[part.name] > 1:
            yield f"{part} stands there {times[part.name]} times, as after splitting or pasting it. {_of_copies(part)}"
        elif last[part.name].get("cell_type") != "code":
            yield f"{part} is no code cell any more. It is graded as code."
        elif part.locked and _as_compared(source_of(last[part.name])) != _as_compared(part.source):
            yield f"{part} was changed. The original is graded."


def source_of(cell: Cell) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def with_line_feeds(source: str) -> str:
    """A text with the line ends that Python writes, whatever system saved it."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def name_of(cell: Cell) -> str:
    """nbgrader's name of a marked cell, or ''."""
    marks = cell["metadata"].get("nbgrader")
    return str(marks.get("grade_id") or "") if isinstance(marks, dict) else ""


def _as_compared(source: str) -> str:
    """Line ends and the composition of letters are a system's and not the learner's."""
    return unicodedata.normalize("NFC", with_line_feeds(source)).strip()


def _role(cell: Cell) -> str:
    marks = cell["metadata"]["nbgrader"]
    return "answer" if marks.get("solution") else "check" if marks.get("grade") else "setup"


def _of_missing(part: Part) -> str:
    if part.locked:
        return "It is put back for grading."
    return "What stands in other cells is run and graded all the same."


def _of_copies(part: Part) -> str:
    if part.locked:
        return "The last one is graded."
    return "All of them are run, so the last one counts."
