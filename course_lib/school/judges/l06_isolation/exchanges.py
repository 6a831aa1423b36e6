"""Exercise 06.4 on PostgreSQL: two exchanges that meet, and colleagues who want the same accounts."""

from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from course_lib.lab.faults import in_front_of_the_first
from course_lib.lab.interleaving_shown import Interleaving
from course_lib.models import Account
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.sandbox import finished
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.stages.bank_accounts import balances
from course_lib.school.stages.races import (
    LOCK_ON_ROWS,
    ROUNDS,
    Work,
    at_once,
    ends,
    failed,
    told_steps,
    usual_engine,
)

PAID_IN = 500


async def there_and_back(attempt: Attempt, one: int, other: int) -> None:
    """Two exchanges of the same accounts, named in opposite order."""
    before = await balances(attempt, one, other)
    async with attempt.running():
        pair = {"A": _exchange(attempt, one, other), "B": _exchange(attempt, other, one)}
        shown = await at_once(attempt.engine, pair)
    report = f"A exchanged the accounts {one} and {other}, and B {other} and {one}, at once: {ends(shown)}."
    after = await balances(attempt, one, other)
    if failed(shown):
        raise _of_a_failure(attempt, shown, report)
    if after != before:
        held = f"{after[0]} and {after[1]} in place of {before[0]} and {before[1]}"
        raise _of_a_loss(attempt, f"{report} {told_steps(shown)} Exchanged twice, they hold {held}")
    attempt.require(
        attempt.sent.transactions == len(pair),
        "transaction ended",
        f"{report} The two calls needed {attempt.sent.transactions} transactions: one was rolled back inside of "
        f"`{attempt.name}`, and with it whatever the caller had done before. {told_steps(shown)}",
    )


async def beside_a_colleague(attempt: Attempt, one: int, other: int) -> None:
    """Somebody pays into both accounts where nobody makes him wait, in the moment before the exchange is written."""
    before = sum(await balances(attempt, one, other))
    paid_to: list[int] = []
    async with attempt.running(), attempt.sessions() as session, usual_engine(attempt) as engine:

        async def pay_in() -> None:
            paid_to.extend([key for key in (one, other) if await _pay_in(engine, key)])

        with in_front_of_the_first(attempt.engine, "UPDATE accounts", pay_in):
            await _exchange(attempt, one, other)(session)
    after = sum(await balances(attempt, one, other))
    wanted = before + PAID_IN * len(paid_to)
    attempt.require(
        after == wanted,
        "row not locked",
        f"`{attempt.name}(session, {one}, {other})` had read, and not yet written, when somebody paid {PAID_IN} cents "
        f"into account {' and account '.join(map(str, paid_to))}: no lock made him wait. Both accounts held {before} "
        f"cents together. They hold {after} now, and {wanted} would be right: what was paid in is lost.",
    )


async def in_one_order(attempt: Attempt) -> None:
    """A colleague locks the lower key, and then the higher one: he gets through each time, or never.

    The second pair of accounts lies in the table the other way round, and holds it the other way round.
    """
    await _opened(attempt, (9_001, 9_002))
    await _opened(attempt, (9_004, 9_003))
    ends_of_colleague = [
        await _colleague_beside(attempt, 9_001, 9_002, named=(9_001, 9_002)),
        await _colleague_beside(attempt, 9_003, 9_004, named=(9_004, 9_003)),
    ]
    attempt.require(
        len(set(ends_of_colleague)) == 1,
        "unordered locks",
        "A colleague locked the lower id and then the higher one, beside an exchange of the two. With one pair he "
        "got through, and with another he and the exchange waited for each other, until PostgreSQL ended one: which "
        "row is locked first depends on how the rows lie in the table, or on what they hold. Where all "
        "lock in the order of the ids, no circle closes.",
    )


async def _opened(attempt: Attempt, keys: tuple[int, int]) -> None:
    """Two accounts, laid down in this order; the first one holds less."""
    owner = await attempt.key("mira")
    for cents, key in enumerate(keys, start=1):
        await attempt.change(insert(Account).values(id=key, owner_id=owner, balance=cents))


async def _colleague_beside(attempt: Attempt, low: int, high: int, *, named: tuple[int, int]) -> bool:
    """Whether a colleague who locks in the order of keys gets through."""

    async def colleague(session: AsyncSession) -> None:
        for key in (low, high):
            await session.execute(select(Account.id).where(Account.id == key).with_for_update())

    async def exchange(session: AsyncSession) -> None:
        await session.execute(text("SET LOCAL enable_indexscan = off"))
        await _exchange(attempt, *named)(session)

    works = {"colleague": colleague, "exchange": exchange}
    order = ["colleague", *["exchange"] * ROUNDS, "colleague"]
    async with attempt.running():
        shown = await at_once(attempt.engine, works, order=order)
    return not failed(shown)


async def _pay_in(engine: AsyncEngine, key: int) -> bool:
    """Whether it was done at once. Others may hold the row."""
    account = update(Account).where(Account.id == key)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = 20"))  # milliseconds
            await connection.execute(account.values(balance=Account.balance + PAID_IN))
    except DBAPIError:
        return False
    return True


def _exchange(attempt: Attempt, *keys: int) -> Work:
    async def work(session: AsyncSession) -> None:
        await finished(attempt.answer(session, *keys))
        await session.commit()

    return work


def _of_a_failure(attempt: Attempt, shown: Interleaving, report: str) -> NotYet:
    errors = " ".join(shown.states.values())
    report = f"{report} Both should come through."
    if _has_sent(attempt, "SKIP LOCKED"):
        return _skipped(attempt, report)
    if "InFailedSQLTransaction" in errors or "PendingRollback" in errors:
        return attempt.not_yet(
            "session left broken",
            f"{report} PostgreSQL had ended one of them in a deadlock, and it went on in the same transaction, which "
            "answers nothing more. To run again takes a new transaction, and this one is the caller's. How can the "
            f"circle be kept from closing? {told_steps(shown)}",
        )
    if "Deadlock" in errors and _has_sent(attempt, "FOR SHARE"):
        return attempt.not_yet(
            "shared lock",
            f"{report} FOR SHARE lets both have the rows at once; each then waits for the other one in order to write. "
            f"{told_steps(shown)}",
        )
    name = "unordered locks" if "Deadlock" in errors else "gives up at once"
    return attempt.not_yet(name, f"{report} {told_steps(shown)}")


def _of_a_loss(attempt: Attempt, report: str) -> NotYet:
    if _has_sent(attempt, "SKIP LOCKED"):
        return _skipped(attempt, f"{report}.")
    if any(LOCK_ON_ROWS.search(statement.text) for statement in attempt.sent):
        return attempt.not_yet(
            "stale under the lock",
            f"{report}: rows were locked, and what was written came from old balances.",
        )
    return attempt.not_yet("lost update", f"{report}.")


def _skipped(attempt: Attempt, report: str) -> NotYet:
    return attempt.not_yet(
        "locked rows skipped",
        f"{report} With SKIP LOCKED one of them found no row, for the other one held both, and had nothing to "
        "exchange. That is good for jobs, of which any will do. Here it has to wait.",
    )


def _has_sent(attempt: Attempt, words: str) -> bool:
    return any(words in statement.text for statement in attempt.sent)
