"""The steps of nbgrader's grading that it does not have: no points without a pass, and a page made for its learner.

This module is imported only where notebooks are graded, because nbgrader takes a second to import.
"""

import re
from typing import Any

from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor

from course_lib.school.classroom.results.graded_outcomes import (
    NO_PASS,
    NOT_PASSED,
    calls,
    has_part,
    has_passed,
)

TOLD = "the check came to no outcome of its own, so there are no points"
HIDDEN = re.compile(r"^### (BEGIN|END) HIDDEN TESTS[ \t]*\n?", re.MULTILINE)


class DemandPass(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader ships no types
    """Gives a check that told no pass an error, which is what nbgrader takes points away for.

    nbgrader gives all points to a cell that raised nothing: also where another cell has put the check out of action.
    """

    def preprocess_cell(self, cell: Any, resources: Any, cell_index: int) -> tuple[Any, Any]:
        graded = cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade") and calls(cell)
        if graded and not (has_passed(cell) or has_part(cell) or any(map(_is_error, cell.outputs))):
            told = f"{NO_PASS}: {TOLD}"
            cell.outputs.append(new_output("error", ename=NO_PASS, evalue=TOLD, traceback=[told]))
        return cell, resources


class ForLearners(NbGraderPreprocessor):  # type: ignore[misc]
    """Takes from a learner's page what is there for nbgrader alone: its marks, and an error that repeats a verdict."""

    def preprocess_cell(self, cell: Any, resources: Any, cell_index: int) -> tuple[Any, Any]:
        if cell.cell_type == "code" and calls(cell):
            cell.source = HIDDEN.sub("", cell.source).rstrip()
            cell.outputs = [output for output in cell.outputs if not _repeats_a_verdict(output)]
            for output in filter(_is_error, cell.outputs):
                output.traceback = [
                    f"{output.ename}: {output.evalue}"
                ]  # its lines are the check's, not the learner's
        return cell, resources


def _repeats_a_verdict(output: Any) -> bool:
    return _is_error(output) and output.ename == NOT_PASSED


def _is_error(output: Any) -> bool:
    return bool(output.output_type == "error")
