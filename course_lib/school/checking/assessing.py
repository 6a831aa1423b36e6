"""Puts an answer to its judge, on each database that the judge names, and says what came of it."""

import ast
import inspect
import textwrap
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from course_lib.lab.markdown_note import Note
from course_lib.lab.postgres import PostgresUnavailable
from course_lib.lab.sql import Statements
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.fresh_database import attempting
from course_lib.school.attempts.sandbox import check_call
from course_lib.school.attempts.time_limit import TookTooLong, hangs
from course_lib.school.attempts.verdicts import NotAttempted, NotYet
from course_lib.school.checking.swallowed import BrokenConnection, CameOut
from course_lib.school.exercises.outcomes import NOT_ATTEMPTED, NOT_YET, PASSED
from course_lib.school.exercises.solutions import MILESTONE, Exercise, read
from course_lib.school.judges import judge_of
from course_lib.school.judges.registry import POSTGRES, SQLITE
from course_lib.school.learner import copies

NEEDS_POSTGRES = (
    "This exercise is about what PostgreSQL does, and it cannot run here, so your answer could not be checked. "
    "Nothing is counted against you."
)


@dataclass
class Outcome:
    """What came of one attempt. `state` is not attempted, not yet or passed; `told` explains it.

    `share` is the part of the points that it is worth. `checked` is False where a judge needs PostgreSQL and there is
    none: nothing is known of the answer.
    """

    exercise: Exercise
    state: str
    told: str = ""
    misconception: str = ""
    sent: Statements | None = None
    remarks: list[str] = field(default_factory=list)
    checked: bool = True
    share: float = 0.0

    @property
    def facts(self) -> dict[str, object]:
        """What a program reads in the notebook, under the key 'course' of the output's metadata."""
        return {
            "exercise": self.exercise.id,
            "outcome": self.state,
            "misconception": self.misconception or None,
        } | ({"points": self.points} if self.state == NOT_YET and self.share else {})

    @property
    def points(self) -> float:
        return round(self.exercise.points * self.share, 2)

    def note(self) -> Note:
        name = f": {self.misconception}" if self.state == NOT_YET else ""
        sign = {NOT_ATTEMPTED: "○", NOT_YET: "✗", PASSED: "✓"}[self.state]
        head = f"{sign} **{self.exercise.id} {self.state if self.checked else 'not checked'}{name}.**"
        return Note("\n\n".join(text for text in (f"{head} {self.told}".strip(), *self.remarks) if text))


async def assess(exercise: Exercise, answer: object, *, hidden: bool = False) -> Outcome:
    """Run the answer on each database that its judge names. Raises nothing, whatever the answer does."""
    remarks: list[str] = []
    try:
        await _on_each_database(exercise, answer, remarks, hidden=hidden)
    except NotAttempted:
        told = "Write your answer in the cell above, run it, and check again."
        return Outcome(exercise, NOT_ATTEMPTED, told)
    except NotYet as fault:
        return _not_yet(exercise, answer, fault, remarks)
    except TookTooLong:
        return _not_yet(exercise, answer, hangs(answer), remarks)  # type: ignore[arg-type]
    except PostgresUnavailable as reason:
        return Outcome(exercise, NOT_ATTEMPTED, f"{NEEDS_POSTGRES} {reason}", remarks=remarks, checked=False)
    except Exception as error:  # the judge itself has stumbled over what it was given
        told = f"The check cannot read what your function returned or did: {type(error).__name__}: {error}."
        stumbled = NotYet("unforeseen answer", f"{told} Compare it with the docstring.")
        return _not_yet(exercise, answer, stumbled, remarks)
    return Outcome(exercise, PASSED, remarks=remarks, share=1.0)


async def _on_each_database(exercise: Exercise, answer: Any, remarks: list[str], *, hidden: bool) -> None:
    if not callable(answer):
        check_call(answer, ())
    databases = judge_of(exercise.id, exercise.lesson).on
    for place, database in enumerate(databases):
        try:
            await _attempt(exercise, answer, database, hidden=hidden)
        except NotYet as fault:
            if database == POSTGRES and SQLITE in databases:
                fault.told = f"All is well on SQLite. On PostgreSQL: {fault.told}"
            if exercise.kind == MILESTONE and hidden:  # when points are given
                others = databases[place + 1 :]
                left = [await _share_of(exercise, answer, other, hidden=hidden) for other in others]
                fault.share = (place + fault.share + sum(left)) / len(databases)
            raise
        except PostgresUnavailable as reason:
            if SQLITE not in databases:
                raise
            remarks.append(f"Checked on SQLite alone: {reason}")
    with suppress(CameOut):
        await _attempt(exercise, answer, databases[0], hidden=hidden, kind=BrokenConnection)


async def _share_of(exercise: Exercise, answer: Any, database: str, *, hidden: bool) -> float:
    """What a milestone that has failed already is worth on another database."""
    try:
        await _attempt(exercise, answer, database, hidden=hidden)
    except NotYet as fault:
        return fault.share
    except (NotAttempted, TookTooLong, Exception):
        return 0.0
    return 1.0


def _not_yet(exercise: Exercise, answer: object, fault: NotYet, remarks: list[str]) -> Outcome:
    """Code as it was given is no attempt; what is wrong with it is shown all the same."""
    if any(_is_same(answer, code) for code in _given(exercise)):
        told = f"This is the code as it was given. {fault.told}"
        return Outcome(exercise, NOT_ATTEMPTED, told, fault.misconception, fault.sent, remarks)
    return Outcome(exercise, NOT_YET, fault.told, fault.misconception, fault.sent, remarks, share=fault.share)


def _given(exercise: Exercise) -> list[str]:
    """What the learner starts from: as the kit has it now, and as it was when the learner's copy got it."""
    copy = copies.find()
    notebook = copy and copies.exercises_as_given(copy, exercise.lesson)
    older = read(notebook) if notebook and notebook.is_file() else ()
    return (
        [exercise.given, *(each.answer for each in older if each.id == exercise.id)] if exercise.given else []
    )


async def _attempt(
    exercise: Exercise, answer: Any, database: str, *, hidden: bool, kind: type[Attempt] = Attempt
) -> None:
    async with attempting(answer, database, exercise.blocks, hidden=hidden, kind=kind) as attempt:
        await judge_of(exercise.id, exercise.lesson).run(attempt)


def _is_same(answer: object, code: str) -> bool:
    """Whether the answer is this code, however it is laid out. It decides what to show, never what is right."""
    try:
        source = textwrap.dedent(inspect.getsource(answer))  # type: ignore[arg-type]
        return ast.dump(ast.parse(source)) == ast.dump(ast.parse(code))
    except (OSError, TypeError, SyntaxError):
        return False
