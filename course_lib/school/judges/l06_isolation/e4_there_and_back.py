"""Exercise 06.4, There and back: two exchanges meet, and both come through with the right balances."""

from sqlalchemy import update

from course_lib.db import WRITE_LOCK_FIRST, create_session_factory
from course_lib.models import Account
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l06_isolation.exchanges import (
    beside_a_colleague,
    in_one_order,
    there_and_back,
)
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.bank_accounts import PEOPLE, account_of, balances
from course_lib.school.stages.callers_work import sent_something


@judge("06.4", on=BOTH)
async def locks_in_order(attempt: Attempt) -> None:
    one, other = [await account_of(attempt, name) for name in attempt.chance.sample(PEOPLE, 2)]
    await attempt.change(update(Account).where(Account.id == one).values(balance=70_000))
    writing = create_session_factory(attempt.engine.execution_options(**WRITE_LOCK_FIRST))
    async with writing() as session:
        await attempt.call(session, one, other)
        sent_something(attempt, "session")
        await session.rollback()
    await _nothing_was_kept(attempt, one, other)
    async with writing() as session:
        await attempt.call(session, one, other)
        await session.commit()
    left = await balances(attempt, one, other)
    attempt.require(
        left == [100_000, 70_000],
        "not exchanged",
        f"The accounts {one} and {other} held 70000 and 100000 cents. After `{attempt.name}(session, {one}, {other})` "
        f"and a commit they hold {left[0]} and {left[1]}.",
    )
    if attempt.database == "postgresql":
        await there_and_back(attempt, one, other)
        await beside_a_colleague(attempt, one, other)
        await in_one_order(attempt)


async def _nothing_was_kept(attempt: Attempt, one: int, other: int) -> None:
    attempt.require(
        await balances(attempt, one, other) == [70_000, 100_000],
        "commits for the caller",
        f"`{attempt.name}(session, {one}, {other})` was called in a session that was then rolled back. The balances "
        "have changed all the same: the caller opened the session, and says commit.",
    )
