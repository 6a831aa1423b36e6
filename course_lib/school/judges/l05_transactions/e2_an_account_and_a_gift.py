"""Exercise 05.2, An account and a gift: both or neither, with a line in the ledger, and the caller says commit."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from course_lib.errors import CourseError
from course_lib.models import Account, Transfer, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.registry import judge
from course_lib.school.stages.bank_accounts import account_of, balances
from course_lib.school.stages.callers_work import add_own_tag, commit, own_tag, sees_own_tag, sent_something

MUCH = 900_000
"""Cents that nobody has: each account begins with 100,000."""


@judge("05.2")
async def an_account_with_a_gift(attempt: Attempt) -> None:
    owner = await attempt.key("sam")
    sponsor = await account_of(attempt, attempt.chance.choice(("mira", "tomas", "yuki")))
    cents = attempt.chance.choice((1_500, 2_500))
    error = await _gift_refused(attempt, owner, sponsor)
    sent = attempt.sent
    await _caller_rolls_back(attempt, owner, sponsor, cents)
    await _gift_is_explained(attempt, await _caller_commits(attempt, owner, sponsor, cents), sponsor, cents)
    if not isinstance(error, Exception):
        raise NotYet(
            "error swallowed",
            f"The sponsor held 100000 cents, and `{attempt.name}` was asked for a gift of {MUCH}. It returned "
            f"{error!r:.60}, so the caller does not hear of the refusal. Let the error go on.",
            sent=sent,
        )


async def _gift_refused(attempt: Attempt, owner: int, sponsor: int) -> object:
    """The error that the caller gets."""
    async with attempt.sessions() as session:
        await add_own_tag(session)
        error = await attempt.call(session, owner, sponsor, MUCH, expected=(CourseError, IntegrityError))
        kept = await sees_own_tag(session)
    attempt.require(
        len(await _accounts(attempt, owner)) == 1,
        "half of it kept",
        f"The sponsor held 100000 cents, and `{attempt.name}` was asked for a gift of {MUCH}. The gift was refused, "
        "and the caller never said commit. The owner has an empty account all the same.",
    )
    attempt.require(
        kept,
        "transaction ended",
        f"A caller added a tag and called `{attempt.name}`. The gift was refused, and when the error came, the tag was "
        "gone as well: the caller's transaction was rolled back. The caller began it; who decides how it ends?",
    )
    return error


async def _caller_rolls_back(attempt: Attempt, owner: int, sponsor: int, cents: int) -> None:
    async with attempt.sessions() as session:
        await add_own_tag(session)
        await attempt.call(session, owner, sponsor, cents)
        await session.rollback()
    sent_something(attempt, "session")
    attempt.require(
        len(await _accounts(attempt, owner)) == 1 and not await own_tag(attempt),
        "commits for the caller",
        f"A caller added a tag, called `{attempt.name}`, and rolled back. The tag and the account are there all "
        "the same. The caller opened the session: who says commit?",
    )


async def _caller_commits(attempt: Attempt, owner: int, sponsor: int, cents: int) -> int:
    """The id of the new account."""
    async with attempt.sessions() as session:
        await session.get(User, owner)
        got = await attempt.call(session, owner, sponsor, cents)
        await commit(attempt, session)
    new = (await _accounts(attempt, owner))[1:]
    attempt.require(
        len(new) == 1,
        "account missing",
        f"A caller called `{attempt.name}` and committed. There are {len(new)} new accounts; one was asked for.",
    )
    attempt.require(
        isinstance(got, int) and got == new[0],
        "not the id",
        f"`{attempt.name}` returned {got!r:.60}; the new account has the id {new[0]}.",
    )
    return new[0]


async def _gift_is_explained(attempt: Attempt, account: int, sponsor: int, cents: int) -> None:
    found = await balances(attempt, account, sponsor)
    attempt.require(
        found == [cents, 100_000 - cents],
        "gift missing",
        f"For a gift of {cents} cents the new account holds {found[0]}, and the sponsor has {found[1]} of 100000.",
    )
    line = select(Transfer.from_account_id, Transfer.amount).where(Transfer.to_account_id == account)
    attempt.require(
        await attempt.rows(line) == [(sponsor, cents)],
        "ledger line missing",
        f"The gift of {cents} cents is in both balances, and no row of the table `transfers` tells where it came from. "
        "`transfer_funds` writes that row together with the balances.",
    )


async def _accounts(attempt: Attempt, owner: int) -> list[int]:
    rows = await attempt.rows(select(Account.id).where(Account.owner_id == owner).order_by(Account.id))
    return [key for (key,) in rows]
