"""Exercise 06.2, Two cash machines: one statement looks and changes, so that nobody comes in between."""

from typing import Any

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import CourseError
from course_lib.lab.sql import watch
from course_lib.models import Tag
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.sandbox import finished
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.bank_accounts import PEOPLE, account_of, balances
from course_lib.school.stages.callers_work import OF_THE_CALLER, add_own_tag, own_tag, sent_something
from course_lib.school.stages.races import (
    Work,
    at_once,
    ends,
    locks_asked_for,
    told_steps,
    usual_engine,
)

NO_ROW_LOCKS = (
    " This ran on SQLite, which has no locks on rows: the words FOR UPDATE were asked for, and not even sent. One "
    "statement that looks and changes needs no lock."
)

WHAT_0_IS = "To Python 0 is like False: ask whether a row was changed, not what is left in it."
NOT_ENOUGH = (IntegrityError, CourseError, ValueError)


@judge("06.2", on=BOTH)
async def no_gap(attempt: Attempt) -> None:
    key, other = [await account_of(attempt, name) for name in attempt.chance.sample(PEOPLE, 2)]
    await _takes_what_is_there(attempt, key)
    await _refuses_what_is_not(attempt, key)
    attempt.require(
        await balances(attempt, other) == [100_000],
        "wrong account",
        f"`{attempt.name}` was called for account {key} alone, and account {other} has changed.",
    )
    await _two_withdrawals_at_once(attempt, other)
    got, left = await _withdraw(attempt, key, 60_000)
    attempt.require(
        (got, left) == (True, 0),
        "taken, and False returned" if left == 0 else "last cent refused",
        f"For an account of 60000 cents, `{attempt.name}(session, {key}, 60000)` returned {got!r:.60}, and {left} "
        f"are left. {WHAT_0_IS if left == 0 else 'As much as that is there, so it can be taken.'}",
    )
    attempt.sent_at_most(1, "looked first", "Between two statements there is room for somebody else.")


async def _takes_what_is_there(attempt: Attempt, key: int) -> None:
    called = f"`{attempt.name}(session, {key}, 40000)`"
    got, left = await _withdraw(attempt, key, 40_000, commit=False)
    sent_something(attempt, "session")
    attempt.require(
        isinstance(got, bool), "not True or False", f"{called} returned {got!r:.60}. Return True or False."
    )
    attempt.require(
        left == 100_000,
        "commits for the caller",
        f"{called} was called in a session that was then rolled back. The account holds {left} cents all the same: "
        "the caller opened the session, and says commit.",
    )
    got, left = await _withdraw(attempt, key, 40_000)
    held = f"{called} returned {got!r:.60} for an account of 100000 cents. After the caller's commit it holds {left}."
    attempt.require(left == 60_000, "wrong amounts", held)
    attempt.require(got, "taken, and False returned", held)


async def _refuses_what_is_not(attempt: Attempt, key: int) -> None:
    got, left = await _withdraw(attempt, key, 60_001)
    called = f"`{attempt.name}(session, {key}, 60001)`, for an account of 60000 cents,"
    if isinstance(got, IntegrityError):
        raise attempt.not_yet(
            "condition missing",
            f"{called} left it to the table to refuse: {told(got)}. False was asked for, and a session that goes on.",
        )
    attempt.require(
        not isinstance(got, Exception),
        "error in place of False",
        f"{called} raised {got!r:.80}. False was asked for.",
    )
    attempt.require(
        left == 60_000, "condition missing", f"{called} returned {got!r:.60}. The account holds {left} now."
    )
    attempt.require(
        not got,
        "rowcount ignored",
        f"{called} returned {got!r:.60}. Nothing was taken, and the machine would pay out.",
    )
    attempt.require(
        await own_tag(attempt),
        "transaction ended",
        f"{called} returned False. The caller had added a tag before, and committed behind it: the tag is gone. "
        "What the table refuses ends the whole transaction on PostgreSQL, and a rollback does so everywhere. With the "
        "condition in the statement, nothing is refused.",
    )


async def _withdraw(attempt: Attempt, key: int, cents: int, *, commit: bool = True) -> tuple[Any, int]:
    """What the function returned or raised, and what the account holds then."""
    await attempt.change(delete(Tag).where(Tag.name == OF_THE_CALLER))
    async with attempt.sessions() as session:
        await add_own_tag(session)
        got = await attempt.call(session, key, cents, expected=NOT_ENOUGH)
        if commit and not isinstance(got, Exception):
            await session.commit()
    return got, (await balances(attempt, key))[0]


async def _two_withdrawals_at_once(attempt: Attempt, key: int) -> None:
    paid: list[int] = []

    def withdraw(cents: int) -> Work:
        async def work(session: AsyncSession) -> None:
            if await finished(attempt.answer(session, key, cents)):
                paid.append(cents)
            await session.commit()

        return work

    async with attempt.running(), usual_engine(attempt) as engine:
        with watch(engine) as attempt.sent, locks_asked_for(engine) as asked:
            shown = await at_once(engine, {"A": withdraw(300), "B": withdraw(500)})
    [left] = await balances(attempt, key)
    attempt.require(
        left == 100_000 - sum(paid),
        "lost update",
        f"A took 300 cents and B 500, at once, on the usual engine: {ends(shown)}. The account held 100000 and "
        f"holds {left} now; {100_000 - sum(paid)} would be right. {told_steps(shown)}{NO_ROW_LOCKS if asked else ''}",
    )
