"""Cuts the exercises out of the solutions, with nbgrader's own converters; what a teacher releases is cut the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from course_lib.school.exercises.solutions import GIVEN, LEFT_OUT
from course_lib.school.kit_files import EXERCISES, SOLUTIONS
from course_lib.school.lessons.course import exercise_notebook, lesson_named
from course_lib.school.making.ways_on import way_on_from_exercises, with_way_on

STUB = "# Your code here, in place of the next line.\nraise NotImplementedError"


class CannotCut(Exception):
    """A solution notebook is not of the form that the converters need; says which, and what they said."""

    def __init__(self, solution: Path, reason: str) -> None:
        self.solution, self.reason = solution, reason
        super().__init__(f"cannot cut the exercise out of {solution.name}: {reason}")


def cut(solution: Path) -> str:
    """The text of the exercise notebook; the same solution gives the same text, byte for byte."""
    import nbformat

    notebook = _read(solution)
    for step in _steps():
        try:
            notebook, _ = step.preprocess(notebook, {})
        except Exception as error:  # nbgrader raises RuntimeError, ValueError, ValidationError and others
            raise CannotCut(solution, str(error.__context__ or error)) from error
    return f"{nbformat.writes(notebook, version=4)}\n"


def source_for_teachers(solution: Path) -> str:
    """The solution notebook without hints and rejected answers, and not yet cut: nbgrader's release does that."""
    import nbformat

    notebook = _read(solution)
    notebook.cells = [cell for cell in notebook.cells if _is_for_teachers(cell)]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return f"{nbformat.writes(notebook, version=4)}\n"


def _read(solution: Path) -> Any:
    """The solution notebook, and the way on at its end, which learners get too. Raises UnknownLesson."""
    import nbformat

    way = way_on_from_exercises(lesson_named(solution.stem))
    return with_way_on(nbformat.read(solution, as_version=4), way)


def _is_for_teachers(cell: Any) -> bool:
    tags = cell.metadata.get("tags", [])
    return GIVEN in tags or not set(LEFT_OUT) & set(tags)


def write_exercises(*, only: str | None = None) -> list[Path]:
    """Cut every solution, or `only` that of one lesson; gives the files that were written. Raises UnknownLesson."""
    chosen = lesson_named(only).name if only else ""
    found = [path for path in solutions() if path.stem.startswith(chosen)]
    EXERCISES.mkdir(exist_ok=True)
    places = {path: EXERCISES.parent / exercise_notebook(path.stem) for path in found}
    return [_write(place, cut(path)) for path, place in places.items()]


def solutions() -> list[Path]:
    """The solution notebooks, in the order of the lessons."""
    return sorted(SOLUTIONS.glob("[0-9][0-9]_*.ipynb"))


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _steps() -> Iterator[Any]:
    """What nbgrader's own release does, in its order, and the two steps it does not have."""
    from nbconvert.preprocessors import TagRemovePreprocessor
    from nbgrader import preprocessors as of_nbgrader

    from course_lib.school.making.starter_code import GiveWrongCode

    yield of_nbgrader.LockCells()
    yield of_nbgrader.ClearSolutions(code_stub={"python": STUB})
    yield GiveWrongCode()
    yield TagRemovePreprocessor(remove_cell_tags=set(LEFT_OUT))
    yield of_nbgrader.ClearOutput(remove_metadata_fields={"collapsed", "scrolled", "execution"})
    yield of_nbgrader.ClearHiddenTests()
    yield of_nbgrader.ComputeChecksums()
    yield of_nbgrader.CheckCellMetadata()
