"""What each learner's graded notebook says of each exercise; the checks wrote it into their outputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.lab.classroom.cells import Part, cells_of, name_of
from course_lib.lab.classroom.grading import autograded

PASSED, NOT_YET, NOT_ATTEMPTED, STOPPED = OUTCOMES = ("passed", "not yet", "not attempted", "stopped")
SIGNS = {PASSED: "✓", NOT_YET: "✗", NOT_ATTEMPTED: "○", STOPPED: "✗"}


@dataclass(frozen=True)
class Result:
    """One learner's outcome in one exercise; `stopped` is a check that came to no outcome.

    `why` is the misconception of a `not yet`, where the check knows its name, and the error of a `stopped`.
    """

    student: str
    exercise: str
    outcome: str
    why: str = ""

    def __str__(self) -> str:
        return f"{SIGNS[self.outcome]} {self.outcome}" + (f": {self.why}" if self.why else "")


def results_of(folder: Path, name: str, parts: Mapping[str, Part]) -> list[Result]:
    """The outcomes of all graded notebooks of a lesson, learner by learner."""
    return [
        _result(student, part, outputs)
        for student, notebook in autograded(folder, name).items()
        for part, outputs in _checks_in(notebook, parts)
    ]


def _checks_in(notebook: Path, parts: Mapping[str, Part]) -> Iterator[tuple[Part, list[Any]]]:
    for cell in cells_of(notebook.read_bytes()):
        part = parts.get(name_of(cell))
        if part is not None and part.role == "check":
            yield part, cell.get("outputs", [])


def _result(student: str, part: Part, outputs: list[Any]) -> Result:
    """The hidden rows have the last word, as they have in the points."""
    told = [output["metadata"]["course"] for output in outputs if "course" in output.get("metadata", {})]
    errors = [f"{output['ename']}: {output['evalue']}" for output in outputs if _is_mishap(output)]
    if errors or not told:
        return Result(student, part.exercise, STOPPED, errors[-1] if errors else "no outcome")
    last = told[-1]
    why = (last["misconception"] or "") if last["outcome"] == NOT_YET else ""
    return Result(student, part.exercise, last["outcome"], why)


def _is_mishap(output: Any) -> bool:
    """An error that is no verdict: `grade` raises NotPassed for nbgrader's sake."""
    return bool(output["output_type"] == "error" and output["ename"] != "NotPassed")
