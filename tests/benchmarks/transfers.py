"""Money moved by several tasks at once; afterwards every balance is compared with the ledger.

The driver alone does the same four steps in SQL, on connections of the same pool. No other library moves money."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from benchmarks.cases import Place, Way, Ways, case
from benchmarks.drivers import NAME, ask, driver_of
from course_lib.db import WRITE_LOCK_FIRST
from course_lib.models import Account, Transfer
from course_lib.transactions import transfer_funds, unit_of_work

TRANSFERS = 64
"""In one call, shared out to its tasks."""

NOW = "CURRENT_TIMESTAMP"

Move = Callable[[async_sessionmaker[AsyncSession], int, int], Awaitable[None]]


async def ours(sessions: async_sessionmaker[AsyncSession], payer: int, payee: int) -> None:
    async with unit_of_work(sessions) as session:
        await transfer_funds(session, payer, payee, 1)


async def by_hand(sessions: async_sessionmaker[AsyncSession], payer: int, payee: int) -> None:
    """What people write who know about locks: both rows in order, two changes, a line of the ledger."""
    async with sessions(execution_options=WRITE_LOCK_FIRST) as session, session.begin():
        both = select(Account).where(Account.id.in_((payer, payee))).order_by(Account.id).with_for_update()
        accounts = {account.id: account for account in await session.scalars(both)}
        assert accounts[payer].balance >= 1
        accounts[payer].balance -= 1
        accounts[payee].balance += 1
        session.add(Transfer(from_account_id=payer, to_account_id=payee, amount=1))


async def raw(sessions: async_sessionmaker[AsyncSession], payer: int, payee: int) -> None:
    engine = sessions.kw["bind"]
    on_sqlite = engine.dialect.name == "sqlite"
    one, two = ("?", "?") if on_sqlite else ("$1", "$2")
    lock = f"SELECT id, balance FROM accounts WHERE id IN ({one}, {two}) ORDER BY id"
    move = f"UPDATE accounts SET balance = balance + {one} WHERE id = {two}"
    line = "INSERT INTO transfers (from_account_id, to_account_id, amount, created_at) VALUES"
    async with driver_of(engine) as driver:
        await ask(driver, "BEGIN IMMEDIATE" if on_sqlite else "BEGIN")
        try:
            found = await ask(driver, lock + " FOR NO KEY UPDATE" * (not on_sqlite), [payer, payee])
            assert dict(found)[payer] >= 1
            await ask(driver, move, [-1, payer])
            await ask(driver, move, [1, payee])
            await ask(driver, f"{line} ({one}, {two}, 1, {NOW})", [payer, payee])
            await ask(driver, "COMMIT")
        except BaseException:
            await ask(driver, "ROLLBACK")
            raise


def calls_of(
    move: Move, sessions: async_sessionmaker[AsyncSession], tasks: int, made: list[int]
) -> Callable[[], Awaitable[None]]:
    """One call: so many tasks, each with its share of the transfers, between accounts that are drawn."""
    chance = Random(tasks)

    async def some(pairs: list[list[int]]) -> None:
        for payer, payee in pairs:
            await move(sessions, payer, payee)
            made.append(1)

    async def run() -> None:
        pairs = [chance.sample(range(1, 9), 2) for _ in range(TRANSFERS)]
        await asyncio.gather(*(some(pairs[task::tasks]) for task in range(tasks)))

    return run


async def compared(engine: AsyncEngine, before: dict[int, int], made: int) -> dict[str, int]:
    """What the ledger says beside what the accounts hold; all but the first two have to be 0."""
    async with engine.connect() as connection:
        after = dict((await connection.execute(select(Account.id, Account.balance))).all())
        lines = (
            await connection.execute(
                select(Transfer.from_account_id, Transfer.to_account_id, func.sum(Transfer.amount)).group_by(
                    Transfer.from_account_id, Transfer.to_account_id
                )
            )
        ).all()
        written = await connection.scalar(select(func.count()).select_from(Transfer)) or 0
    told = dict(before)
    for payer, payee, amount in lines:
        told[payer] -= int(amount)
        told[payee] += int(amount)
    return {
        "transfers made": made,
        "lines of the ledger": written,
        "transfers without a line": made - written,
        "accounts that differ from the ledger": sum(told[key] != after[key] for key in after),
        "cents lost": sum(before.values()) - sum(after.values()),
    }


async def transfers(place: Place, tasks: int) -> AsyncIterator[Ways]:
    async with place.engine.connect() as connection:
        before = dict((await connection.execute(select(Account.id, Account.balance))).all())
    made: list[int] = []
    sessions = place.sessions
    ways = Ways(
        {
            "course_lib": Way(calls_of(ours, sessions, tasks, made)),
            "by hand": Way(calls_of(by_hand, sessions, tasks, made)),
            NAME: Way(calls_of(raw, sessions, tasks, made)),
        },
        operations=TRANSFERS,
        rounds=7,
    )
    yield ways
    ways.facts.update(await compared(place.engine, before, len(made)))


@case("transfers", "transfer_funds, 1 task")
async def one(place: Place) -> AsyncIterator[Ways]:
    async for each in transfers(place, 1):
        yield each


@case("transfers", "transfer_funds, 8 tasks")
async def eight(place: Place) -> AsyncIterator[Ways]:
    async for each in transfers(place, 8):
        yield each


@case("transfers", "transfer_funds, 32 tasks")
async def thirty_two(place: Place) -> AsyncIterator[Ways]:
    async for each in transfers(place, 32):
        yield each
