"""Puts an answer to its judge, on each database that the judge names, and says what came of it."""

import ast
import importlib
import inspect
import textwrap
from dataclasses import dataclass, field
from typing import Any

from course_lib.lab.checks.judging import JUDGES, Judge, attempting
from course_lib.lab.checks.sandbox import NotAttempted, NotYet, check_call
from course_lib.lab.exercises import Exercise
from course_lib.lab.lesson import Note
from course_lib.lab.postgres import PostgresUnavailable
from course_lib.lab.sql import Statements
from course_lib.lab.study.rows import NOT_ATTEMPTED, NOT_YET, PASSED


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
        if exercise.given and is_same(answer, exercise.given):
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


def is_same(answer: object, code: str) -> bool:
    """Whether the answer is this code, however it is laid out. It decides what to show, never what is right."""
    try:
        source = textwrap.dedent(inspect.getsource(answer))  # type: ignore[arg-type]
        return ast.dump(ast.parse(source)) == ast.dump(ast.parse(code))
    except (OSError, TypeError, SyntaxError):
        return False
