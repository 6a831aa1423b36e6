"""What a teacher should look at before trusting the points: odd cells, cells that hung, checks without an outcome."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from course_lib.school.classroom.cells import HEADING, Cell, Part, cells_of, name_of, oddities, source_of
from course_lib.school.classroom.course_folder import Notice
from course_lib.school.classroom.paths import autograded, submitted
from course_lib.school.classroom.results.graded_outcomes import NO_OUTCOME, STOPPED, TOO_LONG, Result

RUNS_FOR_EVER = "runs for ever"


def odd_cells(folder: Path, name: str, parts: Mapping[str, Part]) -> list[Notice]:
    """What was said at collecting, again for those who were not there."""
    return [
        Notice(student, told)
        for student, notebook in submitted(folder, name).items()
        for told in _odd(notebook, parts)
    ]


def stops(folder: Path, name: str, parts: Mapping[str, Part], results: list[Result]) -> list[Notice]:
    """The cells that hung, and the checks that came to no outcome."""
    hung = [
        Notice(student, told)
        for student, notebook in autograded(folder, name).items()
        for told in _hung(cells_of(notebook.read_bytes()), parts)
    ]
    return [*hung, *_without_outcome(results)]


def hanging_answers(results: list[Result]) -> list[Notice]:
    """The answers that a check stopped: their exercises have no points, and all else is graded."""
    told = "the answer did not end, and was stopped by the check."
    return [Notice(each.student, f"{each.exercise}: {told}") for each in results if each.why == RUNS_FOR_EVER]


def _odd(notebook: Path, parts: Mapping[str, Part]) -> list[str]:
    """What grading could not read either cannot be looked at."""
    try:
        return list(oddities(cells_of(notebook.read_bytes()), parts))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return ["what was handed in cannot be read as a notebook."]


def _hung(cells: list[Cell], parts: Mapping[str, Part]) -> Iterator[str]:
    """A check that hung is left out: it is a result, and stands with the others."""
    place = "before the first exercise"
    for cell in cells:
        heading = HEADING.match(source_of(cell))
        if heading and cell["cell_type"] == "markdown":
            place = f"in {heading['id']}"
        part = parts.get(name_of(cell))
        if _has_hung(cell) and not (part and part.role == "check"):
            begin = (source_of(cell).strip().splitlines() or [""])[0][:60]
            yield f"{part or f'a cell of their own {place}'} did not end, and was stopped. It begins `{begin}`."


def _has_hung(cell: Cell) -> bool:
    return any(output.get("ename") == TOO_LONG for output in cell.get("outputs", []))


def _without_outcome(results: list[Result]) -> list[Notice]:
    """One line for all that one learner met for one reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in results:
        if each.outcome == STOPPED:
            found.setdefault((each.student, each.why), []).append(each.exercise)
    return [
        Notice(student, f"{', '.join(exercises)}: no points, because {_reason(why)}")
        for (student, why), exercises in found.items()
    ]


def _reason(why: str) -> str:
    if why == NO_OUTCOME:
        return "the check told no outcome, or more than its own. Look for a cell that changes check or grade."
    return f"the check was stopped by {why.rstrip(': ')}."
