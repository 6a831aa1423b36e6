"""All of a block or nothing of it: open, load, change, flush, commit or roll back,
close. Only this module commits."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.db import WRITE_LOCK_FIRST, is_conflict
from course_lib.errors import (
    Conflict,
    InsufficientFunds,
    KeyReused,
    NotFound,
    OutOfRange,
    SameAccount,
)
from course_lib.models import Transfer
from course_lib.repositories import AccountRepository, TransferRepository

T = TypeVar("T")

MAX_AMOUNT = 2**53 - 1
"""In cents; JavaScript's Number.MAX_SAFE_INTEGER. A larger number may arrive there as
another one."""


@asynccontextmanager
async def unit_of_work(
    sessions: Callable[..., AsyncSession],
) -> AsyncIterator[AsyncSession]:
    """A session of its own: committed when the block ends, rolled back when it raises,
    and closed.

    Its first statement begins the transaction, on SQLite with the write lock, for which
    it waits: one that reads first and asks for the lock later is refused at once when
    another has written meanwhile."""
    if isinstance(sessions, AsyncSession):
        raise TypeError(
            "unit_of_work opens a session of its own: give it the session factory"
        )
    async with sessions(execution_options=WRITE_LOCK_FIRST) as session, session.begin():
        yield session


async def transfer_funds(
    session: AsyncSession,
    from_account_id: int,
    to_account_id: int,
    amount: int,
    *,
    key: str | None = None,
    owner_id: int | None = None,
) -> Transfer:
    """Move `amount` cents, and write the line of the ledger; whoever opened the session
    commits. Three statements.

    The same `key` (at most 64 characters) of the same payer a second time moves nothing
    and returns the first transfer: for the double click and the lost reply. With
    `owner_id` an account of somebody else cannot pay: NotFound, as for a missing one.
    Moves nothing and raises OutOfRange, SameAccount, NotFound, InsufficientFunds,
    KeyReused; the session can go on. Several transfers in one transaction lock their
    accounts one after the other: to meet no other such transaction in a deadlock,
    `AccountRepository.lock` them all first."""
    OutOfRange.check("amount", amount, 1, MAX_AMOUNT)
    OutOfRange.check("length of the key", len("?" if key is None else key), 1, 64)
    if from_account_id == to_account_id:
        raise SameAccount(from_account_id)
    accounts = AccountRepository(session)
    locked = await accounts.lock(from_account_id, to_account_id)
    for each, owner in ((from_account_id, owner_id), (to_account_id, None)):
        if each not in locked or owner not in (None, locked[each].owner_id):
            raise NotFound("Account", each)
    payer, payee = locked[from_account_id], locked[to_account_id]
    terms = {"from_account_id": payer.id, "to_account_id": payee.id, "amount": amount}
    ledger = TransferRepository(session)
    # Under the payer's lock: of two calls with one key, the second one finds what the
    # first one did.
    if payer.balance >= amount and (transfer := await ledger.add_once(terms, key)):
        await accounts.move(payer.id, payee.id, amount)
        return transfer
    earlier = await ledger.get_by_key(payer.id, key) if key else None
    if earlier is None:
        raise InsufficientFunds(payer.id, payer.balance, amount)
    if any(getattr(earlier, name) != value for name, value in terms.items()):
        raise KeyReused(str(key))
    return earlier


async def retry(
    work: Callable[[], Awaitable[T]],
    *,
    attempts: int = 5,
    first_wait: float = 0.01,
    longest_wait: float = 1,
) -> T:
    """What `work()` returns; it is run again, from its first line, while another
    transaction is in its way.

    `work` opens its own session, so that nothing it read survives a failed attempt. The
    waits (in seconds) double up to `longest_wait` and are random below that, so that
    two that collided do not meet again. Raises Conflict at the end. Source: Marc
    Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015."""
    OutOfRange.check("attempts", attempts, 1, 1_000)
    for attempt in range(attempts):
        try:
            return await work()
        except DBAPIError as error:
            if not is_conflict(error):
                raise
            if attempt == attempts - 1:
                raise Conflict(attempts) from error
        await asyncio.sleep(
            random.uniform(0, min(longest_wait, first_wait * 2**attempt))
        )
    raise AssertionError("unreachable")
