"""Exercise 05.5, Who can be paid is paid: who can be paid is paid, all in one commit."""

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from course_lib.errors import CourseError
from course_lib.lab.faults import power_cut
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.registry import judge
from course_lib.school.stages.bank_accounts import PEOPLE, account_of, balances
from course_lib.school.stages.callers_work import sent_something

NO_ACCOUNT = 9_999

MUCH = 900_000
"""Cents that nobody has: each account begins with 100,000."""


@judge("05.5")
async def who_can_be_paid_is_paid(attempt: Attempt) -> None:
    payer, *others = [await account_of(attempt, name) for name in attempt.chance.sample(PEOPLE, 5)]
    cents = attempt.chance.choice((20_000, 30_000))
    wages = [(others[0], cents), (NO_ACCOUNT, 500), (others[1], MUCH), (others[2], cents), (others[3], 5_000)]
    got = await attempt.call(attempt.sessions, payer, wages, expected=(CourseError, IntegrityError))
    sent_something(attempt, "sessions")
    await _the_others_are_paid(attempt, payer, wages, got)
    attempt.require(
        isinstance(got, list | tuple) and list(got) == [NO_ACCOUNT, others[1]],
        "wrong list",
        f"`{attempt.name}` returned {got!r:.80}. Not paid are {[NO_ACCOUNT, others[1]]}: there is no account "
        f"{NO_ACCOUNT}, and {MUCH} cents are more than the payer has.",
    )
    attempt.require(
        attempt.left_open() == 0,
        "leaked session",
        f"`{attempt.name}` has ended, and {attempt.left_open()} connection is still in use.",
    )
    await _cut_in_the_middle(attempt, payer, [(other, 1_000) for other in others])


async def _the_others_are_paid(
    attempt: Attempt, payer: int, wages: Sequence[tuple[int, int]], got: object
) -> None:
    possible = {key: cents for key, cents in wages if cents < MUCH and key != NO_ACCOUNT}
    [left, *found] = await balances(attempt, payer, *possible)
    paid = [key for key, balance in zip(possible, found, strict=True) if balance != 100_000]
    ended = f"ended with {told(got)}" if isinstance(got, Exception) else f"returned {got!r:.80}"
    report = f"`{attempt.name}` {ended}. Of the accounts {', '.join(map(str, possible))}, which can be paid,"
    attempt.require(
        paid or not _has_tried_all(attempt, possible),
        "commit missing",
        f"{report} none holds another balance than before, although all of it was sent. Who said commit?",
    )
    attempt.require(
        len(paid) == len(possible),
        "one row sinks all",
        f"{report} {', '.join(map(str, paid)) or 'none'} got the money. An entry that is impossible is left out "
        "alone.",
    )
    attempt.require(
        [left, *found]
        == [100_000 - sum(possible.values()), *(100_000 + cents for cents in possible.values())],
        "wrong amounts",
        f"{report} the wages are {list(possible.values())}. They hold {found} now, and the payer {left}.",
    )


def _has_tried_all(attempt: Attempt, possible: dict[int, int]) -> bool:
    """Whether the last of the possible accounts was changed, kept or not."""
    changes = [each for each in attempt.sent if each.text.startswith("UPDATE accounts")]
    return len(changes) >= len(possible)


async def _cut_in_the_middle(attempt: Attempt, payer: int, wages: Sequence[tuple[int, int]]) -> None:
    before = await balances(attempt, payer, *(key for key, _ in wages))
    with power_cut(attempt.engine, "UPDATE accounts", times=3):
        await attempt.call(attempt.sessions, payer, wages, expected=(ConnectionError,))
    after = await balances(attempt, payer, *(key for key, _ in wages))
    attempt.require(
        before == after,
        "half of it kept",
        f"The power went in the middle of four wages of 1000 cents. The payer held {before[0]} and holds {after[0]} "
        "now: some are paid. Nobody can send the list again without paying those twice.",
    )
