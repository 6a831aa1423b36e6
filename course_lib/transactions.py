"""All of a block or nothing of it: open, load, change, flush, commit or roll back, close. Only this module commits."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.db import WRITE_LOCK_FIRST, is_conflict, violated_constraint
from course_lib.errors import Conflict, InsufficientFunds, KeyReused, NotFound, OutOfRange, SameAccount
from course_lib.models import Account, Transfer
from course_lib.repositories import AccountRepository

T = TypeVar("T")

MAX_AMOUNT = 2**53
"""In cents; larger numbers are not exact in every client."""


@asynccontextmanager
async def unit_of_work(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """Commit when the block ends, roll back when it raises.

    Inside a running transaction it is a savepoint, and whoever began that transaction commits. SQLite's write lock is
    taken with the first statement: one that reads first and asks for the lock later is refused at once.
    """
    if session.in_transaction():
        async with session.begin_nested():
            yield session
        return
    options = session.sync_session.execution_options
    session.sync_session.execution_options = options.union(WRITE_LOCK_FIRST)
    try:
        async with session.begin():
            yield session
    finally:
        session.sync_session.execution_options = options


async def transfer_funds(
    session: AsyncSession, from_account_id: int, to_account_id: int, amount: int, *, key: str | None = None
) -> Transfer:
    """Move `amount` cents, in a transaction of its own or inside the caller's.

    The same `key` (at most 64 characters) a second time moves nothing and returns the first transfer: for the double
    click and the lost reply. Moves nothing and raises OutOfRange, SameAccount, NotFound, InsufficientFunds, KeyReused.
    """
    OutOfRange.check("amount", amount, 1, MAX_AMOUNT)
    OutOfRange.check("length of the key", len("?" if key is None else key), 1, 64)
    if from_account_id == to_account_id:
        raise SameAccount(from_account_id)
    transfer = Transfer(
        from_account_id=from_account_id, to_account_id=to_account_id, amount=amount, idempotency_key=key
    )
    async with unit_of_work(session):
        accounts = await AccountRepository(session).lock(from_account_id, to_account_id)
        # Looked up under the locks: of two calls with one key, the second one finds what the first one did.
        return await _earlier(session, transfer) or await _move(session, transfer, accounts)


async def _earlier(session: AsyncSession, wanted: Transfer) -> Transfer | None:
    key = wanted.idempotency_key
    if key is None:
        return None
    earlier = await session.scalar(select(Transfer).where(Transfer.idempotency_key == key))
    if earlier is not None and _terms(earlier) != _terms(wanted):
        raise KeyReused(key)
    return earlier


def _terms(transfer: Transfer) -> tuple[int, int, int]:
    return transfer.from_account_id, transfer.to_account_id, transfer.amount


async def _move(session: AsyncSession, transfer: Transfer, accounts: dict[int, Account]) -> Transfer:
    payer = _found(accounts, transfer.from_account_id)
    payee = _found(accounts, transfer.to_account_id)
    if payer.balance < transfer.amount:
        raise InsufficientFunds(payer.id, payer.balance, transfer.amount)
    payer.balance -= transfer.amount
    payee.balance += transfer.amount
    session.add(transfer)
    try:
        await session.flush()
    except IntegrityError as error:
        if violated_constraint(error) == "uq_transfers_idempotency_key":
            raise KeyReused(str(transfer.idempotency_key)) from error
        raise
    return transfer


def _found(accounts: dict[int, Account], account_id: int) -> Account:
    if account_id not in accounts:
        raise NotFound("Account", account_id)
    return accounts[account_id]


async def retry(
    work: Callable[[], Awaitable[T]],
    *,
    attempts: int = 5,
    first_wait: float = 0.01,
    longest_wait: float = 1.0,
) -> T:
    """What `work()` returns; it is run again, from its first line, while another transaction is in its way.

    `work` opens its own session, so that nothing it read survives a failed attempt. The waits (in seconds) double up to
    `longest_wait` and are random below that, so that two that collided do not meet again. Raises Conflict at the end.
    Source: Marc Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """
    OutOfRange.check("attempts", attempts, 1, 1_000)
    for attempt in range(attempts):
        try:
            return await work()
        except DBAPIError as error:
            if not is_conflict(error):
                raise
            if attempt == attempts - 1:
                raise Conflict(attempts) from error
        await asyncio.sleep(random.uniform(0, min(longest_wait, first_wait * 2**attempt)))
    raise AssertionError("unreachable")
