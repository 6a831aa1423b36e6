"""What nbgrader is told about this course; a course folder's nbgrader_config.py calls `configure`."""

from typing import Any

from course_lib.lab.release import LEFT_OUT, STUB

LONGEST = 60  # seconds; a check stops a hanging answer long before, so this is for cells of the learner's own


def configure(c: Any) -> None:
    """Cut as the kit cuts, grade what hangs or lost a cell, and let no warning cost points."""
    from nbconvert.preprocessors import TagRemovePreprocessor
    from nbgrader import preprocessors as of_nbgrader
    from nbgrader.converters import GenerateAssignment

    from course_lib.lab.cutting import GiveWrongCode, MendCells

    c.CourseDirectory.course_id = "course"
    c.ClearSolutions.code_stub = {"python": STUB}
    c.TagRemovePreprocessor.remove_cell_tags = set(LEFT_OUT)
    c.TagRemovePreprocessor.enabled = True
    c.GenerateAssignment.preprocessors = _with_ours(
        GenerateAssignment.preprocessors.default(),
        of_nbgrader.ClearSolutions,
        [GiveWrongCode, TagRemovePreprocessor],
    )
    c.Autograde.sanitize_preprocessors = [
        of_nbgrader.ClearOutput, MendCells, of_nbgrader.OverwriteKernelspec,
        of_nbgrader.OverwriteCells, of_nbgrader.CheckCellMetadata,
    ]  # fmt: skip
    _grade_gently(c)


def _with_ours(steps: list[Any], after: Any, ours: list[Any]) -> list[Any]:
    place = steps.index(after) + 1
    return [*steps[:place], *ours, *steps[place:]]


def _grade_gently(c: Any) -> None:
    c.KernelManager.transport_encryption = "auto"  # others on this machine cannot listen in
    c.Execute.timeout = LONGEST
    c.Execute.raise_on_iopub_timeout = False
    c.Execute.error_on_timeout = {
        "ename": "TooLong",
        "evalue": f"this cell did not end and was stopped after {LONGEST} s",
        "traceback": [f"TooLong: this cell did not end and was stopped after {LONGEST} s"],
    }
    c.IgnorePattern.enabled = True
    c.IgnorePattern.pattern = (
        r"[\s\S]*"  # nbgrader gives no points to a cell that wrote to stderr, as a warning does
    )
    c.Autograde.permissions = (
        644  # it would be read-only, and a second grading could not replace it on every system
    )
