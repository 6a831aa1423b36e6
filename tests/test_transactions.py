"""All or nothing, also when forty do it at once; what was in the way is tried again, and nothing else is."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import case, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.db import create_session_factory
from course_lib.errors import (
    Conflict,
    CourseError,
    InsufficientFunds,
    KeyReused,
    NotFound,
    OutOfRange,
    SameAccount,
)
from course_lib.lab.sql import watch
from course_lib.models import MAX_ID, Account, Tag, Transfer
from course_lib.repositories import AccountRepository
from course_lib.transactions import MAX_AMOUNT, retry, transfer_funds, unit_of_work

START = 100_000
"""What each of the eight sample people holds, in cents."""

Sessions = async_sessionmaker[AsyncSession]
on_postgresql = pytest.mark.parametrize("url", ["postgres"], indirect=True)
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@pytest.fixture
def sessions(engine: AsyncEngine, people: None) -> Sessions:
    return create_session_factory(engine)


async def balances(sessions: Sessions, *keys: int) -> list[int]:
    async with sessions() as session:
        return list(
            await session.scalars(select(Account.balance).where(Account.id.in_(keys)).order_by(Account.id))
        )


async def explained_by_the_ledger(sessions: Sessions) -> dict[int, int]:
    """What each account must hold: what it began with, plus what came, minus what went."""
    came = func.sum(case((Transfer.to_account_id == Account.id, Transfer.amount), else_=-Transfer.amount))
    one_of_both = (Transfer.to_account_id == Account.id) | (Transfer.from_account_id == Account.id)
    async with sessions() as session:
        moved = await session.execute(
            select(Account.id, func.coalesce(came, 0)).outerjoin(Transfer, one_of_both).group_by(Account.id)
        )
        return {key: START + int(amount) for key, amount in moved}


async def held(sessions: Sessions) -> dict[int, int]:
    async with sessions() as session:
        return dict((await session.execute(select(Account.id, Account.balance))).all())


async def outcome(work: Awaitable[Any]) -> Any:
    """What it gives, or which error it ends with."""
    try:
        return await work
    except CourseError as error:
        return type(error)


def alone(sessions: Sessions, *terms: Any, **more: Any) -> Awaitable[Transfer]:
    """A transfer in a unit of work of its own."""

    async def work() -> Transfer:
        async with unit_of_work(sessions) as session:
            return await transfer_funds(session, *terms, **more)

    return work()


# --- unit_of_work


async def tags(sessions: Sessions) -> list[str]:
    async with sessions() as session:
        return list(await session.scalars(select(Tag.name).where(Tag.id > 6).order_by(Tag.id)))


async def test_a_unit_of_work_commits_when_the_block_ends(sessions: Sessions) -> None:
    async with unit_of_work(sessions) as session:
        session.add(Tag(name="kept"))

    assert await tags(sessions) == ["kept"]


async def test_a_unit_of_work_rolls_back_when_the_block_raises(sessions: Sessions) -> None:
    async def begin_and_fail() -> None:
        async with unit_of_work(sessions) as session:
            await session.execute(insert(Tag).values(name="lost"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await begin_and_fail()
    assert await tags(sessions) == []


async def test_a_unit_of_work_closes_its_session(engine: AsyncEngine, sessions: Sessions) -> None:
    async with unit_of_work(sessions) as session:
        await session.scalar(select(1))

    with pytest.raises(InvalidRequestError, match="closed"):
        await session.scalar(select(1))
    assert "Current Checked out connections: 0" in engine.pool.status()


async def test_what_was_added_before_the_first_statement_is_committed_too(sessions: Sessions) -> None:
    async with unit_of_work(sessions) as session:
        session.add(Tag(name="first"))
        await transfer_funds(session, 1, 2, 300)

    assert await tags(sessions) == ["first"]
    assert await balances(sessions, 1, 2) == [START - 300, START + 300]


async def test_a_savepoint_inside_is_undone_alone(sessions: Sessions) -> None:
    async with unit_of_work(sessions) as session:
        session.add(Tag(name="kept"))
        savepoint = await session.begin_nested()
        session.add(Tag(name="lost"))
        await savepoint.rollback()
        session.add(Tag(name="also kept"))

    assert await tags(sessions) == ["kept", "also kept"]


async def test_a_unit_of_work_is_opened_from_the_factory_and_not_from_a_session(
    session: AsyncSession,
) -> None:
    with pytest.raises(TypeError, match="give it the session factory"):
        async with unit_of_work(session):  # type: ignore[arg-type]
            pass


async def test_a_unit_of_work_takes_sqlites_write_lock_first(engine: AsyncEngine, sessions: Sessions) -> None:
    with watch(engine) as sent:
        async with unit_of_work(sessions) as session:
            await session.scalar(select(1))

    begin = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN"
    assert [statement.text for statement in sent.everything] == [begin, "SELECT 1", "COMMIT"]


async def test_an_empty_unit_of_work_sends_nothing(engine: AsyncEngine, sessions: Sessions) -> None:
    with watch(engine) as sent:
        async with unit_of_work(sessions):
            pass

    assert sent.everything == []


@on_sqlite
async def test_the_factory_gives_sessions_without_the_write_lock_before_and_after(
    engine: AsyncEngine, sessions: Sessions
) -> None:
    begun = []
    for block in (sessions.begin, lambda: unit_of_work(sessions), sessions.begin):
        with watch(engine) as sent:
            async with block() as session:
                await session.scalar(select(1))
        begun.append(sent.everything[0].text)

    assert begun == ["BEGIN", "BEGIN IMMEDIATE", "BEGIN"]


async def test_twenty_units_that_read_and_then_write_lose_no_update_on_sqlite_and_with_a_lock(
    sessions: Sessions,
) -> None:
    async def count_up() -> None:
        async with unit_of_work(sessions) as session:
            account = await session.get_one(Account, 1, with_for_update=True)
            account.balance += 1

    await asyncio.gather(*[count_up() for _ in range(20)])
    assert await balances(sessions, 1) == [START + 20]


# --- transfer_funds


async def test_a_transfer_moves_money_and_writes_the_ledger(sessions: Sessions) -> None:
    transfer = await alone(sessions, 1, 2, 300)

    assert (transfer.id, transfer.amount, transfer.created_at.tzinfo is not None) == (1, 300, True)
    assert await balances(sessions, 1, 2) == [START - 300, START + 300]
    assert await held(sessions) == await explained_by_the_ledger(sessions)


BEFORE: dict[str, Callable[[AsyncSession], Any]] = {
    "nothing": lambda session: None,
    "an add": lambda session: session.add(Tag(name="before")),
    "a look": lambda session: session.get(Account, 1),
    "a savepoint": lambda session: session.begin_nested(),
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
async def test_a_transfer_never_commits_whatever_the_session_did_before(
    session: AsyncSession, sessions: Sessions, before: Callable[[AsyncSession], Any]
) -> None:
    if (done := before(session)) is not None:
        await done
    await transfer_funds(session, 1, 2, 300)
    unseen = await balances(sessions, 1, 2)
    await session.commit()

    assert unseen == [START, START]
    assert await balances(sessions, 1, 2) == [START - 300, START + 300]


async def test_a_transfer_that_nobody_commits_moves_nothing(
    session: AsyncSession, sessions: Sessions
) -> None:
    await transfer_funds(session, 1, 2, 300)
    await session.close()

    assert await balances(sessions, 1, 2) == [START, START]


async def test_accounts_in_the_session_show_the_transfer(session: AsyncSession) -> None:
    mira, tomas = await session.get_one(Account, 1), await session.get_one(Account, 2)
    await transfer_funds(session, 1, 2, 300)

    assert (mira.balance, tomas.balance) == (START - 300, START + 300)
    assert not session.dirty


async def test_a_transfer_goes_with_the_rollback_around_it(session: AsyncSession, sessions: Sessions) -> None:
    await session.get(Account, 1)
    await transfer_funds(session, 1, 2, 300)
    await session.rollback()

    assert (
        await held(sessions) == await explained_by_the_ledger(sessions) == dict.fromkeys(range(1, 9), START)
    )


async def test_a_refused_transfer_leaves_the_transaction_around_it_usable(
    session: AsyncSession, sessions: Sessions
) -> None:
    async with session.begin():
        with pytest.raises(InsufficientFunds):
            await transfer_funds(session, 1, 2, START + 1)
        await transfer_funds(session, 1, 2, START)

    assert await balances(sessions, 1, 2) == [0, 2 * START]


NAN, INFINITY = float("nan"), float("inf")
REFUSED: list[tuple[tuple[Any, Any, Any], type[CourseError], dict[str, Any]]] = [
    *[((1, 2, amount), OutOfRange, {"name": "amount"}) for amount in (0, -50, MAX_AMOUNT + 1, 10**30)],
    *[
        ((1, 2, amount), OutOfRange, {"name": "amount"})
        for amount in (True, 1.0, "1", None, NAN, INFINITY, -INFINITY)
    ],
    *[
        ((key, 2, 5), NotFound, {"thing": "Account", "key": key})
        for key in (999, 0, -1, MAX_ID + 1, 2**63, 10**30)
    ],
    ((1, 999, 5), NotFound, {"key": 999}),
    ((998, 999, 5), NotFound, {"key": 998}),
    *[((key, 2, 5), OutOfRange, {"name": "id", "value": key}) for key in ("1", True, None, 1.0)],
    ((1, "2", 5), OutOfRange, {"name": "id", "value": "2"}),
    ((1, 1, 5), SameAccount, {"account_id": 1}),
    ((999, 999, 5), SameAccount, {"account_id": 999}),
    ((1, 2, START + 1), InsufficientFunds, {"account_id": 1, "balance": START, "amount": START + 1}),
    ((1, 2, MAX_AMOUNT), InsufficientFunds, {"amount": MAX_AMOUNT}),
]


async def test_a_refused_transfer_names_the_reason_and_moves_nothing(sessions: Sessions) -> None:
    for terms, error, facts in REFUSED:
        with pytest.raises(error) as caught:
            await alone(sessions, *terms)
        assert {name: getattr(caught.value, name) for name in facts} == facts

    assert (
        await held(sessions) == await explained_by_the_ledger(sessions) == dict.fromkeys(range(1, 9), START)
    )


@pytest.mark.parametrize("key", ["", "x" * 65])
async def test_a_key_has_1_to_64_characters(session: AsyncSession, key: str) -> None:
    with pytest.raises(OutOfRange, match="length of the key"):
        await transfer_funds(session, 1, 2, 5, key=key)


async def test_an_account_of_somebody_else_pays_as_little_as_one_that_is_not_there(
    engine: AsyncEngine, sessions: Sessions
) -> None:
    told = []
    for payer in (2, 999):
        async with unit_of_work(sessions) as session:
            with watch(engine) as sent, pytest.raises(NotFound) as refused:
                await transfer_funds(session, payer, 3, 1, owner_id=1)
            told.append((str(refused.value).replace(str(payer), "…"), len(sent)))
    async with unit_of_work(sessions) as session:
        await transfer_funds(session, 1, 2, 300, owner_id=1)

    assert told == [("there is no Account …", 1)] * 2
    assert await balances(sessions, 1, 2, 3) == [START - 300, START + 300, START]


async def test_forty_transfers_at_once_in_both_directions_agree_with_the_ledger(sessions: Sessions) -> None:
    there = [alone(sessions, 1, 2, 100 + n) for n in range(20)]
    back = [alone(sessions, 2, 1, 7 * n + 1) for n in range(20)]
    await asyncio.gather(*[each for pair in zip(there, back, strict=True) for each in pair])

    moved = sum(100 + n for n in range(20)) - sum(7 * n + 1 for n in range(20))
    assert await balances(sessions, 1, 2) == [START - moved, START + moved]
    assert await held(sessions) == await explained_by_the_ledger(sessions)


async def test_of_ten_who_withdraw_the_whole_balance_at_once_one_succeeds(sessions: Sessions) -> None:
    outcomes = await asyncio.gather(*[outcome(alone(sessions, 1, 2, START)) for _ in range(10)])

    assert outcomes.count(InsufficientFunds) == 9
    assert await balances(sessions, 1, 2) == [0, 2 * START]


async def test_a_transfer_trusts_no_balance_that_the_session_read_before(
    session: AsyncSession, sessions: Sessions
) -> None:
    stale = await session.get_one(Account, 1)
    await session.commit()
    await alone(sessions, 1, 2, START - 10)

    with pytest.raises(InsufficientFunds) as caught:
        await transfer_funds(session, 1, 2, 11)
    assert caught.value.balance == 10
    await transfer_funds(session, 1, 2, 10)
    await session.commit()
    assert (stale.balance, await balances(sessions, 1)) == (0, [0])


async def test_a_transfer_keeps_a_change_that_was_not_flushed_yet(
    session: AsyncSession, sessions: Sessions
) -> None:
    async with session.begin():
        account = await session.get_one(Account, 1)
        account.balance = 50
        await transfer_funds(session, 1, 2, 20)

    assert await balances(sessions, 1) == [30]


async def test_a_transfer_in_a_transaction_that_read_before_is_right_or_in_the_way(
    sessions: Sessions,
) -> None:
    runs: list[int] = []

    async def work() -> Transfer:
        async with sessions.begin() as session:
            runs.append((await session.get_one(Account, 1)).balance)
            if len(runs) == 1:
                await alone(sessions, 1, 2, START - 10)
            return await transfer_funds(session, 1, 2, 10)

    await retry(work)
    assert await balances(sessions, 1, 2) == [0, 2 * START]
    assert runs in (
        [START],
        [START, 10],
    )  # PostgreSQL's lock reads anew; SQLite refuses the write, and it is run again


@on_postgresql
async def test_accounts_are_locked_in_the_order_of_their_keys_in_one_statement(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    with watch(engine) as sent:
        await transfer_funds(session, 2, 1, 5)

    assert "ORDER BY accounts.id FOR" in " ".join(sent[0].text.split())


async def test_a_transfer_is_three_statements_with_and_without_a_key(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    counts = []
    for key in (None, "k", "k"):
        with watch(engine) as sent:
            await transfer_funds(session, 1, 2, 5, key=key)
        counts.append([statement.text.split()[0] for statement in sent])

    assert counts == [["SELECT", "INSERT", "UPDATE"]] * 2 + [["SELECT", "INSERT", "SELECT"]]


async def test_transfers_that_lock_all_accounts_first_never_meet_in_a_deadlock(sessions: Sessions) -> None:
    async def two(*pairs: tuple[int, int]) -> None:
        async with unit_of_work(sessions) as session:
            await AccountRepository(session).lock(*(key for pair in pairs for key in pair))
            for pair in pairs:
                await transfer_funds(session, *pair, 1)

    await asyncio.gather(*[two((1, 2), (3, 4)) for _ in range(10)], *[two((3, 4), (1, 2)) for _ in range(10)])
    assert await balances(sessions, 1, 2, 3, 4) == [START - 20, START + 20] * 2


# --- idempotency keys


async def test_the_same_key_twice_moves_the_money_once(sessions: Sessions) -> None:
    first, again = [await alone(sessions, 1, 2, 300, key="order 7") for _ in range(2)]

    assert first.id == again.id
    assert await balances(sessions, 1, 2) == [START - 300, START + 300]


async def test_the_same_key_ten_times_at_once_moves_the_money_once(sessions: Sessions) -> None:
    made = await asyncio.gather(*[alone(sessions, 1, 2, 300, key="order 7") for _ in range(10)])

    assert len({transfer.id for transfer in made}) == 1
    assert await balances(sessions, 1, 2) == [START - 300, START + 300]


async def test_the_same_key_returns_the_first_transfer_also_when_the_account_is_empty_now(
    sessions: Sessions,
) -> None:
    first, again = [await alone(sessions, 1, 2, START, key="all of it") for _ in range(2)]

    assert first.id == again.id


@pytest.mark.parametrize("terms", [(1, 2, 301), (1, 3, 300), (1, 2, START), (1, 3, 9 * START)])
async def test_a_key_with_other_terms_is_refused(sessions: Sessions, terms: tuple[int, int, int]) -> None:
    await alone(sessions, 1, 2, 300, key="order 7")

    with pytest.raises(KeyReused, match="'order 7'"):
        await alone(sessions, *terms, key="order 7")
    assert await held(sessions) == await explained_by_the_ledger(sessions)


async def test_a_key_belongs_to_its_payer(sessions: Sessions) -> None:
    pairs = [(1, 2), (3, 4), (5, 6), (7, 8), (2, 1)]
    made = await asyncio.gather(*[alone(sessions, *pair, 300, key="order 7") for pair in pairs])

    again = [await alone(sessions, *pair, 300, key="order 7") for pair in reversed(pairs)]

    assert len({transfer.id for transfer in made}) == 5
    assert [transfer.id for transfer in reversed(again)] == [transfer.id for transfer in made]
    assert await held(sessions) == await explained_by_the_ledger(sessions)


async def test_a_refused_key_leaves_the_transaction_around_it_usable(sessions: Sessions) -> None:
    await alone(sessions, 1, 2, 300, key="order 7")
    async with unit_of_work(sessions) as session:
        with pytest.raises(KeyReused):
            await transfer_funds(session, 1, 3, 300, key="order 7")
        await transfer_funds(session, 1, 2, 5)

    assert await balances(sessions, 1, 2, 3) == [START - 305, START + 305, START]


# --- retry


class Counter:
    """Reads a balance and writes it back plus 1; in its first `collisions` runs somebody else writes in between."""

    def __init__(self, sessions: Sessions, collisions: int) -> None:
        self.sessions, self.collisions = sessions, collisions
        self.read: list[int] = []

    async def __call__(self) -> str:
        async with self.sessions() as session:
            if session.get_bind().dialect.name == "postgresql":
                await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            balance = (await session.scalars(select(Account.balance).where(Account.id == 1))).one()
            self.read.append(balance)
            if len(self.read) <= self.collisions:
                await self.somebody_else_adds(1000)
            await session.execute(update(Account).where(Account.id == 1).values(balance=balance + 1))
            await session.commit()
        return "done"

    async def somebody_else_adds(self, amount: int) -> None:
        async with self.sessions.begin() as session:
            await session.execute(
                update(Account).where(Account.id == 1).values(balance=Account.balance + amount)
            )


async def test_what_was_in_the_way_is_tried_again_from_the_first_line(sessions: Sessions) -> None:
    work = Counter(sessions, collisions=2)

    assert await retry(work, first_wait=0) == "done"
    assert work.read == [START, START + 1000, START + 2000]
    assert await balances(sessions, 1) == [START + 2001]


async def test_after_the_last_attempt_there_is_a_conflict_with_its_cause(sessions: Sessions) -> None:
    work = Counter(sessions, collisions=9)
    with pytest.raises(Conflict, match=r"3 time\(s\)") as caught:
        await retry(work, attempts=3, first_wait=0)

    assert (caught.value.attempts, len(work.read)) == (3, 3)
    assert isinstance(caught.value.__cause__, DBAPIError)


async def test_without_anybody_in_the_way_it_runs_once(sessions: Sessions) -> None:
    work = Counter(sessions, collisions=0)

    assert await retry(work, attempts=1) == "done"
    assert len(work.read) == 1


@on_postgresql
async def test_a_serialization_failure_is_tried_again(sessions: Sessions) -> None:
    both_have_read = asyncio.Barrier(2)
    runs = []

    async def write_skew(mine: int, other: int) -> None:
        """Empty my account while the other still holds something: one alone may do so."""
        async with sessions() as session:
            await session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
            seen = (await session.scalars(select(Account.balance).where(Account.id == other))).one()
            runs.append(mine)
            if runs.count(mine) == 1:
                await both_have_read.wait()
            await session.execute(update(Account).where(Account.id == mine).values(balance=0 if seen else 1))
            await session.commit()

    await asyncio.gather(retry(lambda: write_skew(1, 2)), retry(lambda: write_skew(2, 1)))
    assert sorted(await balances(sessions, 1, 2)) == [0, 1]
    assert len(runs) > 2


@on_postgresql
async def test_a_deadlock_is_tried_again(sessions: Sessions) -> None:
    both_hold_one = asyncio.Barrier(2)
    runs = []

    async def lock_both(*keys: int) -> None:
        runs.append(keys)
        first_run = runs.count(keys) == 1
        async with sessions.begin() as session:
            await session.execute(
                update(Account).where(Account.id == keys[0]).values(balance=Account.balance + 1)
            )
            if first_run:
                await both_hold_one.wait()
            await session.execute(
                update(Account).where(Account.id == keys[1]).values(balance=Account.balance + 1)
            )

    await asyncio.gather(retry(lambda: lock_both(1, 2)), retry(lambda: lock_both(2, 1)))
    assert await balances(sessions, 1, 2) == [START + 2, START + 2]
    assert len(runs) == 3


def failing(error: Callable[[], Exception]) -> tuple[Callable[[], Awaitable[None]], list[None]]:
    runs: list[None] = []

    async def work() -> None:
        runs.append(None)
        raise error()

    return work, runs


@pytest.mark.parametrize(
    "error", [ValueError, lambda: NotFound("User", 1), lambda: Conflict(1), TimeoutError]
)
async def test_any_other_error_passes_at_once(error: Callable[[], Exception]) -> None:
    work, runs = failing(error)

    with pytest.raises(type(error())):
        await retry(work)
    assert len(runs) == 1


async def test_a_violated_constraint_passes_at_once(sessions: Sessions) -> None:
    runs: list[None] = []

    async def work() -> None:
        runs.append(None)
        async with sessions.begin() as session:
            await session.execute(insert(Tag).values(name="bread"))

    with pytest.raises(IntegrityError):
        await retry(work)
    assert len(runs) == 1


async def test_waits_double_up_to_the_longest_and_no_two_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noted)
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    for _ in range(20):
        work, runs = failing(lambda: DBAPIError("UPDATE", {}, busy))
        with pytest.raises(Conflict):
            await retry(work, attempts=6, first_wait=0.1, longest_wait=0.4)
        assert len(runs) == 6

    at_most = [0.1, 0.2, 0.4, 0.4, 0.4]
    assert all(0 <= wait <= most for wait, most in zip(waits, at_most * 20, strict=True))
    assert len(set(waits)) == len(waits)


@pytest.mark.parametrize("attempts", [0, -1, 1001, True, "5"])
async def test_attempts_are_a_whole_number_of_at_least_one(attempts: Any) -> None:
    work, runs = failing(ValueError)

    with pytest.raises(OutOfRange, match="attempts"):
        await retry(work, attempts=attempts)
    assert runs == []
