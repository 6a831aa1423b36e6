"""Accounts, whoever pays, and what the database has to say afterwards: the ground of the parts about money."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Self

from sqlalchemy import URL, Row, event, insert, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import DEADLOCK_DETECTED, Base, create_engine, create_session_factory, is_unavailable
from course_lib.errors import InsufficientFunds
from course_lib.lab.engine_events import listening
from course_lib.models import Account, Transfer, User
from course_lib.transactions import retry, transfer_funds, unit_of_work

ACCOUNTS = 4
"""So few that they are always wanted by several at once."""

START = 150
"""What each of them holds at first, in cents: so little that some payments are refused."""

LARGEST = 100
"""In cents, of one payment."""

ATTEMPTS = 20
"""Of `retry`, for one payment: on SQLite each waits seconds for the lock."""

Lines = Sequence[Row[Any]]
"""Of the ledger."""

STEPS = ("pool", "BEGIN", "SELECT", "INSERT", "UPDATE", "COMMIT")
"""How far a payment is: it waits for a connection, or it has just sent this."""


@dataclass(frozen=True)
class Payment:
    """`amount` cents; whoever asks for it again does so with the same `key`."""

    payer: int
    payee: int
    amount: int
    key: str | None

    @classmethod
    def drawn(cls, chance: Random, key: str | None) -> Self:
        payer, payee = chance.sample(range(1, ACCOUNTS + 1), 2)
        return cls(payer, payee, chance.randint(1, LARGEST), key)


class Bank:
    """A database with accounts, and the notes of those who pay there: what they asked for, and what they were told."""

    def __init__(self, engine: AsyncEngine, start: int = START) -> None:
        self.engine, self.sessions, self.start = engine, create_session_factory(engine), start
        self.asked: dict[str, Payment] = {}
        self.answered: dict[str, int] = {}
        """The line of the ledger, by key."""
        self.refused: set[str] = set()
        """Keys of payments for which the balance was too low."""
        self.audits = self.lines = 0
        """Those that found nothing, and the lines of the ledger at the last one."""
        self.deadlocks = 0
        self.unavailable: Counter[str] = Counter()
        """How often the database was not there to answer, by the error that said so."""
        event.listen(engine.sync_engine, "handle_error", self._count_deadlock)

    def _count_deadlock(self, context: ExceptionContext) -> None:
        self.deadlocks += getattr(context.original_exception, "sqlstate", None) == DEADLOCK_DETECTED

    @classmethod
    async def opened(cls, url: URL, *, start: int = START) -> Self:
        """A new bank at an address where there are no tables; each account holds `start` cents."""
        engine = create_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            owner = {"email": "mira@example.org", "username": "mira", "hashed_password": "none"}
            await connection.execute(insert(User).values(owner))
            await connection.execute(
                insert(Account), [{"owner_id": 1, "balance": start} for _ in range(ACCOUNTS)]
            )
        return cls(engine, start)

    async def pay(self, payment: Payment) -> int | None:
        """The line of the ledger, or None where the balance is too low; in a unit of work that `retry` runs again."""

        async def once() -> int:
            async with unit_of_work(self.sessions) as session:
                terms = payment.payer, payment.payee, payment.amount
                transfer = await transfer_funds(session, *terms, key=payment.key)
            return transfer.id

        self.ask(payment)
        try:
            line = await retry(once, attempts=ATTEMPTS, longest_wait=0.05)
        except InsufficientFunds:
            self.refuse(payment)
            return None
        self.answer(payment, line)
        return line

    async def pay_in_the_end(self, payment: Payment) -> int | None:
        """As `pay`, and again with the same key for as long as the database is not there to answer."""
        while True:
            try:
                return await self.pay(payment)
            except (DBAPIError, OSError) as error:
                if not is_unavailable(error):
                    raise
                self.unavailable[name_of(error)] += 1
            await asyncio.sleep(0.005)

    def ask(self, payment: Payment) -> None:
        if payment.key:
            self.asked[payment.key] = payment

    def answer(self, payment: Payment, line: int) -> None:
        if payment.key:
            assert payment.key not in self.refused, f"{payment} was refused and is answered as done"
            earlier = self.answered.setdefault(payment.key, line)
            assert earlier == line, f"{payment} was line {earlier} of the ledger, and is now line {line}"

    def refuse(self, payment: Payment) -> None:
        if payment.key:
            assert payment.key not in self.answered, f"{payment} was done, and is refused now"
            self.refused.add(payment.key)

    async def audit(self) -> dict[str, int]:
        """The lines of the ledger by key. AssertionError where a cent is gone, a balance is not what the ledger
        says, a key was applied twice, or something is there that nobody asked for, or not there that was answered;
        and where payments waited for each other in a circle.
        """
        # One moment for both tables: somebody whose connection was cut may be about to commit.
        async with self.engine.connect() as connection:
            await connection.execution_options(isolation_level="SERIALIZABLE")
            held = {each.id: each.balance for each in await connection.execute(select(Account.__table__))}
            lines = (await connection.execute(select(Transfer.__table__))).all()
        self._compare_with_balances(lines, held)
        numbers = self._compare_with_notes([line for line in lines if line.idempotency_key])
        assert not self.deadlocks, f"{self.deadlocks} payments were ended because two waited for each other"
        self.lines = len(lines)
        self.audits += 1
        return numbers

    def _compare_with_balances(self, lines: Lines, held: dict[int, int]) -> None:
        gone = self.start * ACCOUNTS - sum(held.values())
        assert gone == 0, f"{gone} cents are gone"
        assert min(held.values()) >= 0, f"a balance below nothing: {held}"
        told = dict.fromkeys(held, self.start)
        for line in lines:
            told[line.from_account_id] -= line.amount
            told[line.to_account_id] += line.amount
        assert told == held, f"the ledger tells {told}, and the accounts hold {held}"

    def _compare_with_notes(self, lines: Lines) -> dict[str, int]:
        numbers: dict[str, int] = {}
        there: dict[str, Payment] = {}
        for line in lines:
            key = line.idempotency_key
            assert key not in numbers, f"applied twice: {there[key]}"
            numbers[key] = line.id
            there[key] = Payment(line.from_account_id, line.to_account_id, line.amount, key)
        wrong = [payment for key, payment in there.items() if self.asked.get(key) != payment]
        assert not wrong, f"in the ledger, and not asked for: {wrong}"
        missing = [key for key, number in self.answered.items() if numbers.get(key) != number]
        assert not missing, f"answered as done, and not there: {missing}"
        back = self.refused & there.keys()
        assert not back, f"answered as refused, and there: {back}"
        return numbers

    @contextmanager
    def at_each_step(self, reached: Callable[[str], None]) -> Iterator[None]:
        """`reached` hears of each of STEPS but the first, in the task that takes it."""

        def statement(connection: object, cursor: object, sent: str, *_: object) -> None:
            reached(sent.split()[0])

        with listening(
            self.engine,
            begin=lambda connection: reached("BEGIN"),
            before_cursor_execute=statement,
            commit=lambda connection: reached("COMMIT"),
        ):
            yield


@contextmanager
def quietly() -> Iterator[None]:
    """The pool logs a traceback for each connection that did not come back in good order: here there are thousands."""
    pool, nowhere = logging.getLogger("sqlalchemy.pool"), logging.NullHandler()
    pool.addHandler(nowhere)
    try:
        yield
    finally:
        pool.removeHandler(nowhere)


def name_of(error: Exception) -> str:
    """The error's SQLSTATE, or its class where it has none."""
    told = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(told, "sqlstate", None) or type(told).__name__)
