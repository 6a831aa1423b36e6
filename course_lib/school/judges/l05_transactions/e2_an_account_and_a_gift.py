"""Exercise 05.2, An account and a gift: both or neither, with a line in the ledger, and the caller says commit."""

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from course_lib.errors import CourseError, NotFound
from course_lib.models import Account, Transfer, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.registry import judge
from course_lib.school.stages.bank_accounts import account_of, balances
from course_lib.school.stages.callers_work import (
    add_own_tag,
    commit,
    own_tag,
    sees_own_tag,
    sent_something,
)
from course_lib.school.stages.races import without_patience

MUCH = 900_000
"""Cents that nobody has: each account begins with 100,000."""
NO_ACCOUNT = 9_999
REFUSED = (CourseError, IntegrityError)


@judge("05.2")
async def an_account_with_a_gift(attempt: Attempt) -> None:
    await without_patience(attempt)
    owner = await attempt.key("sam")
    sponsor = await account_of(attempt, attempt.chance.choice(("mira", "tomas", "yuki")))
    cents = attempt.chance.choice((1_500, 2_500))
    new = await _caller_commits(attempt, owner, sponsor, cents)
    await _gift_is_explained(attempt, new, sponsor, cents)
    await _gift_refused(attempt, owner, sponsor)
    await _caller_rolls_back(attempt, owner, sponsor, cents)
    await _other_errors_go_on(attempt, owner, cents)


async def _caller_commits(attempt: Attempt, owner: int, sponsor: int, cents: int) -> int:
    """The id of the new account."""
    async with attempt.sessions() as session:
        await session.execute(update(User).where(User.id == owner).values(is_active=True))
        got = await _given(attempt, session, owner, sponsor, cents)
        sent_something(attempt, "session")
        await commit(attempt, session)
    new = (await _accounts(attempt, owner))[1:]
    attempt.require(
        len(new) == 1,
        "account missing",
        f"A caller called `{attempt.name}` for the user {owner} and committed. This user "
        f"has {len(new)} new accounts; one was asked for.",
    )
    attempt.require(
        isinstance(got, int) and got == new[0],
        "not the id",
        f"`{attempt.name}` returned {got!r:.60}; the new account has the id {new[0]}.",
    )
    return new[0]


async def _given(attempt: Attempt, *arguments: object) -> object:
    """What was returned for a gift that is possible."""
    got = await attempt.call(*arguments, expected=REFUSED)
    if isinstance(got, REFUSED):
        raise attempt.not_yet(
            "flush missing" if "id is None" in str(got) else "possible gift refused",
            f"The sponsor has enough, and `{attempt.name}` ended with {told(got)}. "
            "Which account pays, which one is paid, and do both have an id by then?",
        )
    return got


async def _gift_is_explained(attempt: Attempt, account: int, sponsor: int, cents: int) -> None:
    found = await balances(attempt, account, sponsor)
    held = f"For a gift of {cents} cents the new account holds {found[0]}, and the sponsor has {found[1]} of 100000."
    attempt.require(found[0] <= cents, "gift given twice", f"{held} What else put cents in it?")
    attempt.require(found == [cents, 100_000 - cents], "gift missing", held)
    line = select(Transfer.from_account_id, Transfer.amount).where(Transfer.to_account_id == account)
    attempt.require(
        await attempt.rows(line) == [(sponsor, cents)],
        "ledger line missing",
        f"The gift of {cents} cents is in both balances, and no row of the table `transfers` tells where it came from. "
        "`transfer_funds` writes that row together with the balances.",
    )


async def _gift_refused(attempt: Attempt, owner: int, sponsor: int) -> None:
    before = await _accounts(attempt, owner)
    async with attempt.sessions() as session:
        await add_own_tag(session)
        error = await attempt.call(session, owner, sponsor, MUCH, expected=(Exception,))
        kept = await sees_own_tag(session)
    asked = f"The sponsor holds less, and `{attempt.name}` was asked for a gift of {MUCH}."
    attempt.require(
        await _accounts(attempt, owner) == before,
        "half of it kept",
        f"{asked} The gift was refused, and the caller never said commit. The owner has an empty account all the same.",
    )
    await _nothing_committed(attempt, asked)
    attempt.require(
        kept,
        "transaction ended",
        f"A caller added a tag and called `{attempt.name}`. The gift was refused, and when the error came, the tag was "
        "gone as well: the caller's transaction was rolled back. The caller began it; who decides how it ends?",
    )
    _caller_hears(attempt, error, asked)


def _caller_hears(attempt: Attempt, error: object, asked: str) -> None:
    attempt.require(
        isinstance(error, Exception),
        "error swallowed",
        f"{asked} It returned {error!r:.60}, so the caller does not hear of the refusal. Let the error go on.",
    )
    attempt.require(
        isinstance(error, REFUSED),
        "another error",
        f"{asked} The caller got {error!r:.60}. `transfer_funds` says what is wrong with an error of its own, which "
        "goes on to the caller as it is.",
    )


async def _nothing_committed(attempt: Attempt, told_before: str) -> None:
    attempt.require(
        not await own_tag(attempt),
        "commits for the caller",
        f"{told_before} The caller had added a tag and never said commit; the tag is there all the same. The caller "
        "opened the session: who says commit?",
    )


async def _caller_rolls_back(attempt: Attempt, owner: int, sponsor: int, cents: int) -> None:
    before = await _accounts(attempt, owner)
    async with attempt.sessions() as session:
        await add_own_tag(session)
        await _given(attempt, session, owner, sponsor, cents)
        await session.rollback()
    called = f"A caller called `{attempt.name}`, and rolled back."
    await _nothing_committed(attempt, called)
    attempt.require(
        await _accounts(attempt, owner) == before, "commits for the caller", f"{called} The account is there."
    )


async def _other_errors_go_on(attempt: Attempt, owner: int, cents: int) -> None:
    async with attempt.sessions() as session:
        error = await attempt.call(session, owner, NO_ACCOUNT, cents, expected=(NotFound, IntegrityError))
    asked = f"There is no account {NO_ACCOUNT}, and `{attempt.name}` was asked for a gift from it."
    _caller_hears(attempt, error, asked)


async def _accounts(attempt: Attempt, owner: int) -> list[int]:
    rows = await attempt.rows(select(Account.id).where(Account.owner_id == owner).order_by(Account.id))
    return [key for (key,) in rows]
