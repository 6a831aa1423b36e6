"""What nbgrader is told about this course; a course folder's nbgrader_config.py calls `configure`."""

from typing import Any

from course_lib.school.classroom.results.graded_outcomes import TOO_LONG
from course_lib.school.exercises.solutions import LEFT_OUT
from course_lib.school.making.cutting import STUB

LONGEST = 60  # seconds; a check stops a hanging answer long before, so this is for cells of the learner's own


def configure(c: Any) -> None:
    """Cut as the kit cuts, grade what hangs or lost a cell, give points for a pass alone and whatever was warned."""
    c.CourseDirectory.course_id = "course"
    _cut(c)
    _grade(c)
    _grade_gently(c)


def _cut(c: Any) -> None:
    from nbconvert.preprocessors import TagRemovePreprocessor
    from nbgrader.converters import GenerateAssignment
    from nbgrader.preprocessors import ClearSolutions

    from course_lib.school.making.starter_code import GiveWrongCode

    c.ClearSolutions.code_stub = {"python": STUB}
    c.TagRemovePreprocessor.remove_cell_tags = set(LEFT_OUT)
    c.TagRemovePreprocessor.enabled = True
    c.GenerateAssignment.preprocessors = _with_ours(
        GenerateAssignment.preprocessors.default(), ClearSolutions, [GiveWrongCode, TagRemovePreprocessor]
    )


def _grade(c: Any) -> None:
    from nbgrader import preprocessors as of_nbgrader
    from nbgrader.converters import Autograde, GenerateFeedback

    from course_lib.school.classroom.grading.marking import DemandPass, ForLearners
    from course_lib.school.classroom.grading.mending import MendCells
    from course_lib.school.classroom.grading.running.run_bounded import RunBounded

    c.Autograde.sanitize_preprocessors = [
        of_nbgrader.ClearOutput, MendCells, of_nbgrader.OverwriteKernelspec,
        of_nbgrader.OverwriteCells, of_nbgrader.CheckCellMetadata,
    ]  # fmt: skip
    steps = Autograde.autograde_preprocessors.default()
    steps[steps.index(of_nbgrader.Execute)] = RunBounded
    c.Autograde.autograde_preprocessors = _with_ours(steps, of_nbgrader.IgnorePattern, [DemandPass])
    c.GenerateFeedback.preprocessors = _with_ours(
        GenerateFeedback.preprocessors.default(), of_nbgrader.GetGrades, [ForLearners]
    )


def _with_ours(steps: list[Any], after: Any, ours: list[Any]) -> list[Any]:
    place = steps.index(after) + 1
    return [*steps[:place], *ours, *steps[place:]]


def _grade_gently(c: Any) -> None:
    c.KernelManager.transport_encryption = "auto"  # others on this machine cannot listen in
    c.Execute.timeout = LONGEST
    c.Execute.shutdown_kernel = "immediate"  # its folder goes with it, so there is nothing to put in order
    c.Execute.raise_on_iopub_timeout = False
    told = "this cell did not end, and was stopped"
    c.Execute.error_on_timeout = {"ename": TOO_LONG, "evalue": told, "traceback": [f"{TOO_LONG}: {told}"]}
    c.IgnorePattern.enabled = True
    c.IgnorePattern.pattern = (
        r"[\s\S]*"  # nbgrader gives no points to a cell that wrote to stderr, as a warning does
    )
    c.Autograde.permissions = (
        644  # it would be read-only, and a second grading could not replace it on every system
    )
