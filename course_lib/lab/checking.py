"""The three words of an exercise notebook: `check` an answer, ask for a `hint`, and `grade`, which teachers run.

await check("07.2", load_posts)        # not attempted, not yet (and why), or passed
hint("07.2")                           # the next hint, and in the end the solution
"""

import ast
import importlib
import inspect
import textwrap
from dataclasses import dataclass, field
from typing import Any

from IPython.display import display

from course_lib.lab.checks.judging import JUDGES, Judge, attempting
from course_lib.lab.checks.sandbox import NotAttempted, NotYet, check_call
from course_lib.lab.exercises import Exercise, UnknownExercise, find, without_marks
from course_lib.lab.lesson import Note
from course_lib.lab.postgres import PostgresUnavailable
from course_lib.lab.sql import Statements
from course_lib.lab.tables import Table

NOT_ATTEMPTED, NOT_YET, PASSED = "not attempted", "not yet", "passed"
MOST_ROWS = 8


@dataclass
class Outcome:
    """What came of one attempt. `state` is not attempted, not yet or passed; `told` explains it."""

    exercise: Exercise
    state: str
    told: str = ""
    misconception: str = ""
    sent: Statements | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, object]:
        """What a program reads in the notebook, under the key 'course' of the output's metadata."""
        return {
            "exercise": self.exercise.id,
            "outcome": self.state,
            "misconception": self.misconception or None,
        }

    def note(self) -> Note:
        name = f": {self.misconception}" if self.state == NOT_YET else ""
        sign = {NOT_ATTEMPTED: "○", NOT_YET: "✗", PASSED: "✓"}[self.state]
        head = f"{sign} **{self.exercise.id} {self.state}{name}.**"
        return Note("\n\n".join(text for text in (f"{head} {self.told}".strip(), *self.remarks) if text))


class NotPassed(Exception):
    """Raised by `grade`, so that nbgrader sees a failed cell; a page shows its message and no traceback."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(f"{outcome.exercise.id} {outcome.state}: {outcome.misconception or outcome.told}")

    def _render_traceback_(self) -> list[str]:
        return [f"NotPassed: {self}"]


async def check(exercise: str, answer: object) -> None:
    """Run the answer, show what came of it, and keep it in the learner's progress. Raises nothing."""
    try:
        outcome = await assess(find(exercise), answer)
    except UnknownExercise as error:
        display(Note(str(error)))
        return
    if outcome.state == PASSED:
        outcome.remarks += _another_answer(outcome.exercise, answer)
    show(outcome)


async def grade(exercise: str, answer: object) -> None:
    """The same check on other rows, as nbgrader wants it: raises NotPassed unless the answer passed."""
    outcome = await assess(find(exercise), answer, hidden=True)
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


async def assess(exercise: Exercise, answer: object, *, hidden: bool = False) -> Outcome:
    """Run the answer on each database that its judge names."""
    remarks: list[str] = []
    try:
        if not callable(answer):
            check_call(answer, ())
        for database in _judge(exercise).on:
            try:
                await _attempt(exercise, answer, database, hidden=hidden)
            except PostgresUnavailable as reason:
                remarks.append(f"Checked on SQLite alone: {reason}")
    except NotAttempted:
        return Outcome(
            exercise, NOT_ATTEMPTED, "Write your answer in the cell above, run it, and check again."
        )
    except NotYet as fault:
        if exercise.given and _is_same(answer, exercise.given):
            told = f"This is the code as it was given. {fault.told}"
            return Outcome(exercise, NOT_ATTEMPTED, told, fault.misconception, fault.sent, remarks)
        return Outcome(exercise, NOT_YET, fault.told, fault.misconception, fault.sent, remarks)
    return Outcome(exercise, PASSED, remarks=remarks)


async def _attempt(exercise: Exercise, answer: Any, database: str, *, hidden: bool) -> None:
    async with attempting(answer, database, exercise.blocks, hidden=hidden) as attempt:
        await _judge(exercise).run(attempt)


def _judge(exercise: Exercise) -> Judge:
    importlib.import_module(f"course_lib.lab.checks.{exercise.lesson[3:]}")
    return JUDGES[exercise.id]


def _another_answer(exercise: Exercise, answer: object) -> list[str]:
    """A second good solution and what each is better for; the first one, to a learner who found the second."""
    found = _is_same(answer, exercise.other)
    code = without_marks(exercise.answer) if found else exercise.other
    return [f"Another good answer:\n\n```python\n{code}\n```", exercise.trade_off]


def _is_same(answer: object, code: str) -> bool:
    """Whether the answer is this code, however it is laid out. It decides what to show, never what is right."""
    try:
        source = textwrap.dedent(inspect.getsource(answer))  # type: ignore[arg-type]
        return ast.dump(ast.parse(source)) == ast.dump(ast.parse(code))
    except (OSError, TypeError, SyntaxError):
        return False


def hint(exercise: str) -> None:
    """The next hint: where to look, which idea, a skeleton, and in the end the solution with its reason."""
    try:
        found = find(exercise)
    except UnknownExercise as error:
        display(Note(str(error)))
        return
    number = min(_taken.get(found.id, 0), len(found.hints))
    _taken[found.id] = number + 1
    display(_hint_note(found, number))


_taken: dict[str, int] = {}


def _hint_note(exercise: Exercise, number: int) -> Note:
    if number < len(exercise.hints):
        head = f"**Hint {number + 1} of {len(exercise.hints)}.**"
        return Note(f"{head} {exercise.hints[number]}")
    return Note(f"**The solution.**\n\n```python\n{without_marks(exercise.answer)}\n```\n\n{exercise.reason}")
