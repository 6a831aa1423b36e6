"""Exercise 06.5, All of it again: a refused attempt begins anew, reads anew, and gives up in the end."""

from sqlalchemy.exc import DBAPIError, PendingRollbackError

from course_lib.db import is_conflict
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import explained, told
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.attempts.whose_frame import code_of
from course_lib.school.judges.registry import judge
from course_lib.school.stages.bank_accounts import PEOPLE, account_of, balances
from course_lib.school.stages.callers_work import sent_something
from course_lib.school.stages.races import (
    colleague_at_work,
    errors_at_most,
    pauses_skipped,
    until_refused,
    without_patience,
)

A_FEW = 3
"""Refusals that are no reason to give up."""
MOST = 30
"""Attempts, of which the last has to give up."""
BUGS = (NameError, TypeError, AttributeError)


@judge("06.5")
async def all_of_it_again(attempt: Attempt) -> None:
    key = await account_of(attempt, attempt.chance.choice(PEOPLE))
    taken, cents = attempt.chance.choice((300, 400)), attempt.chance.choice((500, 600))
    await _taken_for_good(attempt, cents)
    await without_patience(attempt)
    with pauses_skipped():
        await _refused_a_few_times(attempt, key, (taken, cents))
        await _other_errors_reach_the_caller(attempt, key)
        await _gives_up_in_the_end(attempt, key)


async def _taken_for_good(attempt: Attempt, cents: int) -> None:
    key = await account_of(attempt, "sam")
    await attempt.call(attempt.sessions, key, cents)
    sent_something(attempt, "sessions")
    [left] = await balances(attempt, key)
    took = f"`{attempt.name}` took {cents} cents from 100000, with nobody in the way."
    held = f"{took} In another session {left} are left."
    attempt.require(left != 100_000, "commit missing", held)
    attempt.require(left != 100_000 - 2 * cents, "taken twice", held)
    attempt.require(left == 100_000 - cents, "wrong amounts", held)


async def _ended(attempt: Attempt, key: int, cents: int) -> object:
    """What was returned, or the error in which it ended. A slip in the lines for the worst case is named as such."""
    got = await attempt.call(attempt.sessions, key, cents, expected=(Exception,))
    slip = isinstance(got, BUGS) and explained(got, code_of(attempt.answer))
    if slip:
        raise slip
    return got


async def _refused_a_few_times(attempt: Attempt, key: int, amounts: tuple[int, int]) -> None:
    async with colleague_at_work(attempt, key, amounts[0]) as colleague:
        with until_refused(attempt.engine, colleague, times=A_FEW) as refused:
            got = await _ended(attempt, key, amounts[1])
    _no_refusal_gets_through(attempt, got, len(refused))
    await _both_are_taken(attempt, key, got, amounts)
    attempt.require(attempt.left_open() == 0, "leaked session", f"`{attempt.name}` left a connection open.")


async def _both_are_taken(attempt: Attempt, key: int, got: object, amounts: tuple[int, int]) -> None:
    [left] = await balances(attempt, key)
    colleague, cents = amounts
    report = (
        f"A colleague took {colleague} cents, and `{attempt.name}` {cents}, from an account of 100000. It returned "
        f"{got!r:.60}, and the account holds {left}"
    )
    attempt.require(
        left != 100_000 - colleague,
        "only the end run again",
        f"{report}: nothing was taken. A refused attempt is rolled back, with everything it had changed.",
    )
    attempt.require(
        left != 100_000 - cents,
        "lost update",
        f"{report}: the colleague's {colleague} are lost. Which balance did the second attempt calculate with?",
    )
    wanted = 100_000 - colleague - cents
    attempt.require(left == wanted, "wrong amounts", f"{report}; {wanted} would be right.")
    attempt.require(got == wanted, "wrong balance returned", f"{report}. What is left was to be returned.")


def _no_refusal_gets_through(attempt: Attempt, got: object, times: int) -> None:
    refused = f"A colleague was in the way, and the first attempt of `{attempt.name}` was refused."
    attempt.require(
        not isinstance(got, PendingRollbackError),
        "only the end run again",
        f"{refused} What ran again then met a PendingRollbackError: the session is still the one that failed, and what "
        "it had read is old.",
    )
    ended = f"ended with {told(got)}" if isinstance(got, Exception) else f"returned {got!r:.60}"
    if isinstance(got, DBAPIError) and not is_conflict(got):
        raise attempt.not_yet("wrong amounts", f"{refused} It {ended}.")
    if not isinstance(got, Exception) and (got is not None or times == A_FEW):
        return
    attempt.require(
        times > 1,
        "gives up at once",
        f"{refused} It {ended}. The same work succeeds a little later, when the colleague has committed.",
    )
    raise attempt.not_yet(
        "gives up too early",
        f"A colleague was in the way for {A_FEW} attempts. `{attempt.name}` was refused {times} times, and {ended}. "
        f"After {A_FEW} refusals it was to try once more.",
    )


async def _other_errors_reach_the_caller(attempt: Attempt, key: int) -> None:
    asked = f"`{attempt.name}` was asked for 900000 cents, which the table refuses, and"
    why = "Nobody is in the way there, and no second attempt helps: the caller has to hear of it at once."
    again = f"{asked} tried it again. An IntegrityError is a DBAPIError, too. {why}"
    with errors_at_most(attempt.engine, 1, NotYet("other errors run again", again)):
        got = await _ended(attempt, key, 900_000)
    attempt.require(
        isinstance(got, Exception), "swallowed IntegrityError", f"{asked} returned {got!r:.60}. {why}"
    )


async def _gives_up_in_the_end(attempt: Attempt, key: int) -> None:
    async with colleague_at_work(attempt, key, 1) as colleague:
        with until_refused(attempt.engine, colleague, times=MOST + 1) as refused:
            got = await _ended(attempt, key, 100)
    attempt.require(
        len(refused) <= MOST,
        "never gives up",
        f"A colleague took the lock and kept it. `{attempt.name}` was refused {MOST} times, and went on. Whoever "
        "called it waits for ever, and the database is asked again and again. Where does it end?",
    )
    attempt.require(
        isinstance(got, Exception),
        "error swallowed",
        f"A colleague took the lock and kept it. `{attempt.name}` was refused {len(refused)} times, gave up, and "
        f"returned {got!r:.60}. Nothing was taken, and the caller has to hear of it.",
    )
