"""Exercise 06.3, Who asks too late: the write lock is asked for before the first read, so that nobody is refused."""

from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.lab.interleaving_shown import Interleaving
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.sandbox import finished
from course_lib.school.judges.registry import judge
from course_lib.school.stages.bank_accounts import PEOPLE, account_of, balances
from course_lib.school.stages.callers_work import sent_something
from course_lib.school.stages.races import (
    at_once,
    ends,
    failed,
    told_steps,
)


@judge("06.3")
async def the_write_lock_first(attempt: Attempt) -> None:
    key, other = [await account_of(attempt, name) for name in attempt.chance.sample(PEOPLE, 2)]
    cents = attempt.chance.choice((700, 900))
    await attempt.call(attempt.sessions, key, cents)
    sent_something(attempt, "sessions")
    left, others = await balances(attempt, key, other)
    held = (
        f"`{attempt.name}(sessions, {key}, {cents})` came back without an error. In another session the account "
        f"holds {left} cents: {100_000 + cents} would be right."
    )
    attempt.require(left != 100_000, "commit missing", f"{held} That is as much as before.")
    attempt.require(left == 100_000 + cents, "wrong amounts", held)
    attempt.require(
        others == 100_000, "wrong account", f"{held[:-1]}, and account {other} has changed as well."
    )
    await _three_at_once(attempt, other, cents)


async def _three_at_once(attempt: Attempt, key: int, cents: int) -> None:
    async def work(session: AsyncSession) -> None:
        await finished(attempt.answer(attempt.sessions, key, cents))

    async with attempt.running():
        shown = await at_once(attempt.engine, dict.fromkeys("ABC", work))
    await _all_are_paid_in(attempt, key, 100_000 + 3 * cents, shown)
    begun = len([each for each in attempt.sent.everything if each.text in ("BEGIN", "BEGIN IMMEDIATE")])
    counted = f"Three calls of `{attempt.name}` at once began {begun} transactions; 3 are enough."
    attempt.require(
        begun <= 3 or _refused(attempt),
        "several transactions",
        f"{counted} Nobody was refused: each call had several. What was read in one may be old in the next, so all "
        "of it belongs into one.",
    )
    attempt.require(
        begun <= 3,
        "attempts thrown away",
        f"{counted} The others were refused, and run again. Whoever waits in front of the first read is not refused.",
    )


def _refused(attempt: Attempt) -> bool:
    return any(each.error for each in attempt.sent.everything)


async def _all_are_paid_in(attempt: Attempt, key: int, wanted: int, shown: Interleaving) -> None:
    [left] = await balances(attempt, key)
    report = (
        f"Three calls of `{attempt.name}` at once: {ends(shown)}. The account holds {left} cents; {wanted} would "
        f"be right. {told_steps(shown)}"
    )
    attempt.require(not failed(shown), "write lock too late", report)
    attempt.require(
        left == wanted or not _refused(attempt),
        "error swallowed",
        f"{report} The others were refused, and nobody heard of it.",
    )
    attempt.require(left == wanted, "lost update", report)
