"""Exercise 11.1, A test of the transfer: eight broken versions, and a test that notices each."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from course_lib.errors import InsufficientFunds, NotFound
from course_lib.models import Account, Transfer
from course_lib.repositories import AccountRepository
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.written_tests import Function, Versions, put_to_the_test
from course_lib.transactions import transfer_funds

Rule = Callable[[Account, int], bool]


@judge("11.1", on=BOTH)
async def a_test_of_the_transfer(attempt: Attempt) -> None:
    payer, payee = await _two_accounts(attempt)

    @asynccontextmanager
    async def arranged(function: Function) -> AsyncIterator[tuple[Any, ...]]:
        yield attempt.sessions, function, payer, payee

    async def deposit() -> None:
        """A payer who has paid all it had would be none any more."""
        more = Account.balance + attempt.chance.randrange(3_000, 9_000)
        await attempt.change(update(Account).where(Account.id.in_([payer, payee])).values(balance=more))

    await put_to_the_test(
        attempt,
        Versions(transfer_funds, _where_it_promises(_with_objects), BROKEN, _in_other_words),
        arranged,
        other_rows="The accounts are other ones than those of your notebook, and hold other sums.",
        before_the_second=deposit,
    )


async def _two_accounts(attempt: Attempt) -> tuple[int, int]:
    """New ones, with keys and sums that nobody knows, in place of all others."""
    await attempt.change(delete(Account))
    owners = [await attempt.key(name) for name in ("mira", "tomas", "yuki", "amara", "juno")]
    some = attempt.chance.sample(owners, 4)
    for owner in some:
        balance = attempt.chance.randrange(4_000, 9_000)
        await attempt.change(insert(Account).values(owner_id=owner, balance=balance))
    keys = [key for (key,) in await attempt.rows(select(Account.id).order_by(Account.id))]
    return keys[-1], keys[-3]


async def _in_other_words(
    session: AsyncSession, payer: int, payee: int, cents: int, *, key: str | None = None
) -> Transfer:
    """Of the very class that is promised: a test may ask for `type(error)`."""
    try:
        return await transfer_funds(session, payer, payee, cents, key=key)
    except InsufficientFunds as error:
        error.args = (f"number {error.account_id} is too poor",)
        raise
    except NotFound as error:
        error.args = (f"nobody knows number {error.key}",)
        raise


async def _with_objects(session: AsyncSession, payer: int, payee: int, cents: int) -> Transfer:
    """As right as the library's, with a statement for each account."""
    one, two = await _both(session, payer, payee)
    if one.balance < cents:
        raise InsufficientFunds(payer, one.balance, cents)
    one.balance -= cents
    two.balance += cents
    return await _line(session, payer, payee, cents)


async def _both(session: AsyncSession, payer: int, payee: int) -> tuple[Account, Account]:
    found = await AccountRepository(session).lock(payer, payee)
    for key in (payer, payee):
        if key not in found:
            raise NotFound("Account", key)
    return found[payer], found[payee]


async def _line(session: AsyncSession, payer: int, payee: int, cents: int) -> Transfer:
    await session.flush()
    terms = {"from_account_id": payer, "to_account_id": payee, "amount": cents}
    return (await session.scalars(insert(Transfer).values(terms).returning(Transfer))).one()


async def _does_nothing(session: AsyncSession, payer: int, payee: int, cents: int) -> Transfer:
    return Transfer(from_account_id=payer, to_account_id=payee, amount=cents)


async def _payee_gets_nothing(session: AsyncSession, payer: int, payee: int, cents: int) -> Transfer:
    line = await _with_objects(session, payer, payee, cents)
    await session.execute(update(Account).where(Account.id == payee).values(balance=Account.balance - cents))
    return line


async def _no_line(session: AsyncSession, payer: int, payee: int, cents: int) -> Transfer:
    line = await _with_objects(session, payer, payee, cents)
    await session.delete(line)
    await session.flush()
    return line


async def _never_stored(session: AsyncSession, payer: int, payee: int, cents: int) -> Transfer:
    """Changes the objects behind the session's back: no UPDATE comes of it."""
    one, two = await _both(session, payer, payee)
    if one.balance < cents:
        raise InsufficientFunds(payer, one.balance, cents)
    set_committed_value(one, "balance", one.balance - cents)
    set_committed_value(two, "balance", two.balance + cents)
    return await _line(session, payer, payee, cents)


async def _commits(session: AsyncSession, payer: int, payee: int, cents: int) -> Transfer:
    line = await _with_objects(session, payer, payee, cents)
    await session.commit()
    return line


async def _last_cent(session: AsyncSession, payer: int, payee: int, cents: int) -> Transfer:
    one, _two = await _both(session, payer, payee)
    if one.balance <= cents:
        raise InsufficientFunds(payer, one.balance, cents)
    return await _with_objects(session, payer, payee, cents)


async def _left_to_the_table(session: AsyncSession, payer: int, payee: int, cents: int) -> Transfer:
    """The table refuses a balance below zero, with an error of its own."""
    one, two = await _both(session, payer, payee)
    one.balance -= cents
    two.balance += cents
    return await _line(session, payer, payee, cents)


async def _paid_to_nobody(session: AsyncSession, payer: int, payee: int, cents: int) -> Transfer:
    """Takes first, and looks for the payee then."""
    accounts = await AccountRepository(session).lock(payer, payee)
    if payer in accounts and payee not in accounts and accounts[payer].balance >= cents:
        accounts[payer].balance -= cents
        await session.flush()
    return await _with_objects(session, payer, payee, cents)


def _where_it_promises(broken: Function) -> Function:
    """Of keys, of an account that pays itself and of odd amounts the task says nothing: there nothing is broken."""

    async def one(
        session: AsyncSession, payer: int, payee: int, cents: int, *, key: str | None = None
    ) -> Any:
        usual = key is None and payer != payee and type(cents) is int and cents > 0
        if usual:
            return await broken(session, payer, payee, cents)
        return await transfer_funds(session, payer, payee, cents, key=key)

    return one


BROKEN: Mapping[str, Function] = {
    name: _where_it_promises(broken)
    for name, broken in {
        "does nothing": _does_nothing,
        "payee gets nothing": _payee_gets_nothing,
        "no line in the ledger": _no_line,
        "never stored": _never_stored,
        "commits for the caller": _commits,
        "last cent refused": _last_cent,
        "another error": _left_to_the_table,
        "paid to nobody": _paid_to_nobody,
    }.items()
}
