"""Exercise 05.5, Who can be paid is paid: who can be paid is paid, all in one commit."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from course_lib.errors import CourseError
from course_lib.lab.faults import power_cut
from course_lib.models import Account, Transfer
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.registry import judge
from course_lib.school.stages.bank_accounts import PEOPLE, account_of, balances
from course_lib.school.stages.callers_work import sent_something

NO_ACCOUNT = 9_999


@judge("05.5")
async def who_can_be_paid_is_paid(attempt: Attempt) -> None:
    payer, *others = [await account_of(attempt, name) for name in attempt.chance.sample(PEOPLE, 5)]
    wages, paid = _month(others, attempt.chance.choice((28_000, 30_000)))
    got = await attempt.call(attempt.sessions, payer, wages, expected=(CourseError, IntegrityError))
    sent_something(attempt, "sessions")
    await _the_others_are_paid(attempt, payer, (wages, paid), got)
    left_out = [account for account, cents in wages if (account, cents) not in paid]
    attempt.require(
        isinstance(got, list | tuple) and list(got) == left_out,
        "wrong list",
        f"`{attempt.name}` returned {got!r:.80}. Of {wages} these are left out: {left_out}. There is no account "
        f"{NO_ACCOUNT}, and the payer had 100000 cents.",
    )
    await _cut_in_the_middle(attempt, payer, [(other, 1_000) for other in others])


Entries = Sequence[tuple[int, int]]


def _month(accounts: Sequence[int], cents: int) -> tuple[Entries, Entries]:
    """Wages for somebody who holds 100,000 cents, and those of them that can be paid.

    In another order, with the wages of an account added up, or against the balance of the beginning, others could be.
    """
    a, b, c, d = accounts
    first = [(a, cents), (NO_ACCOUNT, 500), (b, 80_000 - cents), (c, 40_000), (a, 7_000)]
    wages = [*first, (a, 7_000), (c, 6_000), (NO_ACCOUNT, 500), (d, 1)]
    return wages, [wages[place] for place in (0, 2, 4, 5, 6)]


async def _the_others_are_paid(
    attempt: Attempt, payer: int, lists: tuple[Entries, Entries], got: object
) -> None:
    wages, paid = lists
    accounts = list(dict.fromkeys(key for key, _ in wages if key != NO_ACCOUNT))
    [left, *found] = await balances(attempt, payer, *accounts)
    more = [balance - 100_000 for balance in found]
    ended = f"ended with {told(got)}" if isinstance(got, Exception) else f"returned {got!r:.80}"
    report = f"The payer held 100000 cents, for {wages}. `{attempt.name}` {ended}."
    sent = [each for each in attempt.sent if each.text.startswith("UPDATE accounts")]
    attempt.require(
        any(more) or len(sent) < len(paid),
        "commit missing",
        f"{report} No account holds another balance than before, although all of it was sent. Who said commit?",
    )
    attempt.require(
        more[0] and any(more[1:]),
        "one row sinks all",
        f"{report} The accounts {accounts} got {more} cents. An entry that is impossible is left out alone.",
    )
    wanted = [sum(cents for key, cents in paid if key == account) for account in accounts]
    attempt.require(
        more == wanted and not left,
        "wrong amounts",
        f"{report} The accounts {accounts} got {more} cents; {wanted} would be right. Each entry, in its turn, is paid "
        "if the payer still holds as much then.",
    )
    lines = select(Transfer.to_account_id, Transfer.amount).where(Transfer.from_account_id == payer)
    attempt.require(
        sorted(tuple(line) for line in await attempt.rows(lines)) == sorted(paid),
        "ledger line missing",
        f"All {len(paid)} wages are in the balances, and the table `transfers` does not explain them: `transfer_funds` "
        "writes a row for each, together with the balances.",
    )


async def _cut_in_the_middle(attempt: Attempt, payer: int, wages: Entries) -> None:
    await attempt.change(update(Account).where(Account.id == payer).values(balance=35_000))
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
