"""The notebooks of a small kit, and of a learner's copy of it: written, read, and edited as a learner does."""

from pathlib import Path
from typing import Any

import nbformat

LESSON, EXERCISES = "07_eager_loading.ipynb", "exercises/ex07_eager_loading.ipynb"
TASKS = {
    "title": "# Exercises 07: Eager loading",
    "task-1": "## 07.1 First\n\n**make**",
    "answer-1": "def one(): ...",
    "task-2": "## 07.2 Second\n\n**fix**",
    "answer-2": "def two(): ...",
    "check-2": 'await check("07.2", two)',
    "task-3": "## 07.3 Third\n\n**fix**",
    "answer-3": "def three(): ...",
}


def cell(name: str, source: str) -> Any:
    if source.startswith(("#", "*")):
        return nbformat.v4.new_markdown_cell(source, id=name)
    return nbformat.v4.new_code_cell(source, id=name)


def save(path: Path, cells: dict[str, str]) -> Path:
    """Write a notebook with these cells, as Jupyter does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=[cell(name, source) for name, source in cells.items()])
    nbformat.write(notebook, path)
    return path


def load(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def sources(path: Path) -> dict[str, str]:
    return {cell.id: cell.source for cell in load(path).cells}


def edit(path: Path, **changes: str | None) -> None:
    """Change cells as a learner does; None deletes one. `answer_1` stands for the id answer-1."""
    wanted = {name.replace("_", "-"): source for name, source in changes.items()}
    notebook = load(path)
    notebook.cells = [each for each in notebook.cells if wanted.get(each.id, "") is not None]
    for each in notebook.cells:
        each.source = wanted.get(each.id, each.source)
    nbformat.write(notebook, path)


def everything(folder: Path) -> dict[str, bytes]:
    """Every file of a copy but the lock, which is empty and comes and goes on some systems."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
