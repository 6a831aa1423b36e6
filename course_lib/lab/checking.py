"""The three words of an exercise notebook: `check` an answer, ask for a `hint`, and `grade`, which teachers run.

await check("07.2", load_posts)        # not attempted, not yet (and why), or passed
hint("07.2")                           # the next hint, and in the end the solution
"""

import asyncio
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from IPython.display import display

from course_lib.lab import workspace
from course_lib.lab.exercises import Exercise, UnknownExercise, find, without_marks
from course_lib.lab.judging.assessing import Outcome, assess, is_same, returns_same
from course_lib.lab.lesson import Note
from course_lib.lab.sql import Statements
from course_lib.lab.study.progress import LAST_HINT, Progress, ProgressUnavailable, progress_of
from course_lib.lab.study.rows import NOT_YET, PASSED
from course_lib.lab.tables import Table

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
        outcome.remarks += _another_answer(outcome.exercise, answer)
    outcome.remarks += await _remember(outcome)
    show(outcome)


async def grade(exercise: str, answer: object) -> None:
    """The same check on other rows, as nbgrader wants it: raises NotPassed unless the answer passed."""
    outcome = await assess(find(exercise), answer, hidden=True)
    outcome.remarks.append("This was on other rows than yours.")
    show(outcome)
    if outcome.state != PASSED:
        raise NotPassed(outcome)


def show(outcome: Outcome) -> None:
    display(outcome.note(), metadata={"course": outcome.facts})
    if outcome.sent:
        display(_evidence(outcome.sent))


def _evidence(sent: Statements) -> Table:
    """The first statements are enough to see what goes on, and the repeated ones stand below."""
    table = sent.table()
    left_out = len(table.rows) - MOST_ROWS
    if left_out > 0:
        table.rows = table.rows[:MOST_ROWS]
        table.notes = [f"… and {left_out} more", *table.notes]
    return table


def _another_answer(exercise: Exercise, answer: object) -> list[str]:
    """A second good solution and what each is better for; the first one, to a learner who found the second."""
    found = is_same(answer, exercise.other) or returns_same(answer, exercise)
    code = without_marks(exercise.answer) if found else exercise.other
    return [f"Another good answer:\n\n```python\n{code}\n```", exercise.trade_off]


def hint(exercise: str) -> None:
    """The next hint: where to look, which idea, a skeleton, and in the end the solution with its reason."""
    try:
        found = find(exercise)
    except UnknownExercise as error:
        display(Note(str(error)))
        return
    with ThreadPoolExecutor(1) as thread:  # a notebook's own thread has an event loop already
        number, remarks = thread.submit(asyncio.run, _next_hint(found.id)).result()
    display(Note("\n\n".join([_words_of_hint(found, number), *remarks])))


class _Memory:
    """Keeps count until the kernel ends: where there is no copy of a learner's own, or its file is out of reach."""

    def __init__(self) -> None:
        self.failed: Counter[str] = Counter()
        self.hints: Counter[str] = Counter()

    async def record(self, exercise: str, outcome: str, misconception: str | None) -> None:
        self.failed[exercise] = 0 if outcome == PASSED else self.failed[exercise] + (outcome == NOT_YET)

    async def failed_tries(self, exercise: str) -> int:
        return self.failed[exercise]

    async def hints_shown(self, exercise: str) -> int:
        return self.hints[exercise]

    async def note_hint(self, exercise: str) -> int:
        self.hints[exercise] = min(self.hints[exercise] + 1, LAST_HINT)
        return self.hints[exercise]


_memory = _Memory()


def _progress() -> Progress | _Memory:
    folder = workspace.find()
    graded = "NBGRADER_EXECUTION" in os.environ  # by a teacher, in whatever folder
    return _memory if folder is None or graded else progress_of(folder)


async def _remember(outcome: Outcome) -> list[str]:
    """Keep the try; what is to be said because of it: a hint is offered, or the progress is out of reach."""
    exercise, remarks, kept = outcome.exercise.id, [], _progress()
    try:
        await kept.record(exercise, outcome.state, outcome.misconception or None)
        failed, hints = await kept.failed_tries(exercise), await kept.hints_shown(exercise)
    except ProgressUnavailable as error:
        await _memory.record(exercise, outcome.state, None)
        failed, hints = await _memory.failed_tries(exercise), await _memory.hints_shown(exercise)
        remarks = [_not_kept(error)]
    if outcome.state == NOT_YET and failed % TRIES_BEFORE_A_HINT == 0 and hints < LAST_HINT:
        remarks.append(f'Stuck? `hint("{exercise}")` tells you the next step.')
    return remarks


async def _next_hint(exercise: str) -> tuple[int, list[str]]:
    try:
        return await _progress().note_hint(exercise), []
    except ProgressUnavailable as error:
        return await _memory.note_hint(exercise), [_not_kept(error)]


def _not_kept(error: ProgressUnavailable) -> str:
    return f"This was not kept: {error}"


def _words_of_hint(exercise: Exercise, number: int) -> str:
    if number <= len(exercise.hints):
        last = "\n\nThe next call shows the solution." if number == len(exercise.hints) else ""
        return f"**Hint {number} of {len(exercise.hints)}.** {exercise.hints[number - 1]}{last}"
    return f"**The solution.**\n\n```python\n{without_marks(exercise.answer)}\n```\n\n{exercise.reason}"
