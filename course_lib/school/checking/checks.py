"""Checks an answer, shows what came of it, and keeps it in the learner's progress; `grade` does it for a teacher."""

from IPython.display import display

from course_lib.lab.forms import FormNote, Sort
from course_lib.lab.markdown_note import Note
from course_lib.lab.sql import Statements
from course_lib.lab.tables import Table
from course_lib.school.checking.assessing import Outcome, assess
from course_lib.school.checking.memory import kept_progress, memory, not_kept
from course_lib.school.checking.other_answer import other_answer
from course_lib.school.exercises.outcomes import NOT_YET, PASSED
from course_lib.school.exercises.solutions import UnknownExercise, find
from course_lib.school.learner.progress import LAST_HINT, ProgressUnavailable

MOST_ROWS = 8
TRIES_BEFORE_A_HINT = 3


class NotPassed(Exception):
    """Raised by `grade`, so that nbgrader sees a failed cell; a page shows its message and no traceback."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(f"{outcome.exercise.id} {outcome.state}: {outcome.misconception or outcome.told}")

    def _render_traceback_(self) -> list[str]:
        return [f"NotPassed: {self}"]


async def check(exercise: str, answer: object = None) -> None:
    """Run the answer, show what came of it, and keep it in the learner's progress. Raises nothing."""
    try:
        outcome = await assess(find(exercise), answer)
    except UnknownExercise as error:
        display(Note(str(error)))
        return
    if outcome.state == PASSED:
        code = await other_answer(outcome.exercise, answer)  # type: ignore[arg-type]  # it was called
        outcome.remarks += [f"Another good answer:\n\n```python\n{code}\n```", outcome.exercise.trade_off]
    outcome.remarks += await _remember(outcome)
    show(outcome)


async def grade(exercise: str, answer: object) -> float | None:
    """The same check on other rows, as nbgrader wants it: raises NotPassed unless the answer passed. A milestone that
    is right in part gives its points: nbgrader takes a number that a cell ends with.
    """
    outcome = await assess(find(exercise), answer, hidden=True)
    outcome.remarks.append("This was on other rows than yours.")
    show(outcome)
    if outcome.state == PASSED:
        return None
    if outcome.state == NOT_YET and outcome.points:
        return outcome.points
    raise NotPassed(outcome)


def show(outcome: Outcome) -> None:
    display(_note(outcome), metadata={"course": outcome.facts})
    if outcome.sent:
        display(_evidence(outcome.sent))


def _note(outcome: Outcome) -> Note:
    """Lines to be put in order stand below the outcome, where a page can draw them."""
    exercise = outcome.exercise
    if exercise.kind != "order":
        return outcome.note()
    return FormNote(outcome.note(), Sort([*exercise.blocks.items()], exercise.function))


def _evidence(sent: Statements) -> Table:
    """The first statements are enough to see what goes on, and the repeated ones stand below."""
    table = sent.table()
    left_out = len(table.rows) - MOST_ROWS
    if left_out > 0:
        table.rows = table.rows[:MOST_ROWS]
        table.notes = [f"… and {left_out} more", *table.notes]
    return table


async def _remember(outcome: Outcome) -> list[str]:
    """Keep the try; what is to be said because of it: a hint is offered, or the progress is out of reach."""
    exercise, remarks, kept = outcome.exercise.id, [], kept_progress()
    try:
        await kept.record(exercise, outcome.state, outcome.misconception or None)
        failed, hints = await kept.failed_tries(exercise), await kept.hints_shown(exercise)
    except ProgressUnavailable as error:
        await memory.record(exercise, outcome.state, None)
        failed, hints = await memory.failed_tries(exercise), await memory.hints_shown(exercise)
        remarks = [not_kept(error)]
    if outcome.state == NOT_YET and failed % TRIES_BEFORE_A_HINT == 0 and hints < LAST_HINT:
        remarks.append(f'Stuck? `hint("{exercise}")` tells you the next step.')
    return remarks
