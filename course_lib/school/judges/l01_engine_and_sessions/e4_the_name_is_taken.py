"""Exercise 01.4, The name is taken: what is read behind a rollback has not expired."""

from collections.abc import Callable, Sequence
from traceback import walk_tb
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, PendingRollbackError, SQLAlchemyError

from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.registry import judge

how_many_users = select(func.count()).select_from(User)


@judge("01.4")
async def told_after_the_rollback(attempt: Attempt) -> None:
    key, users = await attempt.key("yuki"), await attempt.scalar(how_many_users)
    lines = [attempt.blocks[letter] for letter in attempt.order(await attempt.call(), every=True)]
    rename = attempt.program(
        lines,
        first="async def rename(session, user, wanted):",
        names={"IntegrityError": IntegrityError, "how_many_users": how_many_users},
    )
    async with attempt.sessions() as session:
        user = await session.get(User, key)
        got = await attempt.call(
            session, user, "mira", function=rename, expected=(SQLAlchemyError, NameError)
        )
        answers_again = session.is_active
    if isinstance(got, Exception):
        misconception, why = _about(got, _line_of(got, rename, lines), early=_counts_in_try(lines))
        raise attempt.not_yet(misconception, f"`rename(session, yuki, 'mira')` raised {why}")
    _refused_and_put_right(attempt, got, answers_again)
    attempt.require(
        got == f"yuki@example.org cannot be mira: {users} users stay as they are",
        "nothing returned",
        f"`rename` returned {got!r}. After the failed flush, the line with `return` has to be reached.",
    )


def _line_of(error: Exception, function: Callable[..., Any], lines: Sequence[str]) -> str:
    """The line of the learner's order in which an error came up."""
    file = function.__code__.co_filename
    numbers = [number for frame, number in walk_tb(error.__traceback__) if frame.f_code.co_filename == file]
    return lines[numbers[-1] - 2].strip()  # above the first one stands `def`


def _refused_and_put_right(attempt: Attempt, got: object, answers_again: bool) -> None:
    attempt.require(
        any(statement.error for statement in attempt.sent),
        "flush not reached",
        f"`rename` returned {got!r}, and the new name was never tried: no UPDATE was sent and refused.",
    )
    attempt.require(
        answers_again,
        "rollback missing",
        f"`rename` returned {got!r}. The flush had failed, and nobody had said `rollback`: the session is of no more "
        "use to the caller.",
    )


def _counts_in_try(lines: Sequence[str]) -> bool:
    """Whether the count stands between the new name and the place where errors are caught."""
    renames, counts, catches = (
        next(place for place, line in enumerate(lines) if text in line)
        for text in ("user.username =", "users =", "except")
    )
    return renames < counts < catches


def _about(error: Exception, line: str, *, early: bool) -> tuple[str, str]:
    """What an error says about the order of the lines."""
    if isinstance(error, NameError) and early:
        why = (
            "The count was asked, and failed: before a session asks, it sends what it has noted, here the name that is "
            "taken. `users` was never set."
        )
        return "counted too early", f"{told(error)}. {why}"
    if isinstance(error, NameError):
        why = (
            "The line that sets it was not reached: where a line of `try` fails, those below it are skipped."
        )
        return "line not reached", f"{told(error)}. {why}"
    raised = f"{type(error).__name__} in the line `{line}`."
    if isinstance(error, PendingRollbackError) and "user." in line:
        why = (
            "The failed flush was a rollback for the user already: it is expired, and a look at it asks the database. "
            "Before you say `rollback` the session answers nothing, and after it the look has no `await`. When could "
            "the address still be read?"
        )
        return "expired by the failed flush", f"{raised} {why}"
    if isinstance(error, PendingRollbackError):
        why = "The flush had failed, and nobody had said `rollback` yet: the session answered nothing."
        return "rollback missing", f"{raised} {why}"
    why = "A user that was rolled back is expired, and a look at it asks the database without an `await`."
    return "expired by the rollback", f"{raised} {why}"
