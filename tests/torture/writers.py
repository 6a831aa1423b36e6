"""Processes that pay out of one SQLite file until somebody kills them, and write down what they asked and were told.

They are forked from one process that has imported what they need: a new one is there in milliseconds. The system keeps
what a killed process has written to its journal."""

import asyncio
import multiprocessing
import os
import signal
from itertools import chain
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

from sqlalchemy import URL

from course_lib.db import create_engine
from torture.bank import Bank, Payment

NEEDED = ["course_lib.lab.engine_events", "course_lib.transactions", "sqlalchemy.dialects.sqlite.aiosqlite"]


class WithJournal(Bank):
    """A bank whose notes stand in a file, too."""

    def __init__(self, url: URL, journal: Path, dies_at: str) -> None:
        super().__init__(create_engine(url))
        self.unanswered = read(journal, self)
        self.dies_at = dies_at
        self.journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, *words: object) -> None:
        os.write(self.journal, (" ".join(map(str, words)) + "\n").encode())

    def ask(self, payment: Payment) -> None:
        if payment.key not in self.asked:
            self.write("asked", payment.key, payment.payer, payment.payee, payment.amount)
        super().ask(payment)

    def answer(self, payment: Payment, line: int) -> None:
        self.reached("answer")
        super().answer(payment, line)
        self.write("done", payment.key, line)

    def refuse(self, payment: Payment) -> None:
        super().refuse(payment)
        self.write("refused", payment.key)

    def reached(self, step: str) -> None:
        if step == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)


def read(journal: Path, bank: Bank) -> list[Payment]:
    """Put into the notes of the bank what the journal says; the payments in it that nobody was told the end of."""
    for line in journal.read_text().splitlines() if journal.exists() else ():
        what, key, *numbers = line.split()
        if what == "asked":
            payer, payee, amount = map(int, numbers)
            Bank.ask(bank, Payment(payer, payee, amount, key))
        elif what == "done":
            Bank.answer(bank, bank.asked[key], int(numbers[0]))
        else:
            Bank.refuse(bank, bank.asked[key])
    ours = (payment for key, payment in bank.asked.items() if key.startswith(f"{journal.name}-"))
    return [payment for payment in ours if payment.key not in bank.answered.keys() | bank.refused]


def begin(
    url: URL, journal: Path, chance: Random, *, payments: int = 1_000_000, dies_at: str = ""
) -> BaseProcess:
    """A process that asks again for what is in its journal without an end, and then makes so many new payments.

    With `dies_at` it kills itself at that step of a payment, or at the "answer", with the commit behind it.
    """
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(NEEDED)
    words = url, journal, chance.random(), payments, dies_at
    process = processes.Process(target=_write, args=words, daemon=True)
    process.start()
    return process


def _write(url: URL, journal: Path, seed: float, payments: int, dies_at: str) -> None:
    asyncio.run(_pay(WithJournal(url, journal, dies_at), journal.name, Random(seed), payments))


async def _pay(bank: WithJournal, name: str, chance: Random, payments: int) -> None:
    new = (Payment.drawn(chance, f"{name}-{len(bank.asked)}") for _ in range(payments))
    with bank.at_each_step(bank.reached):
        for payment in chain(bank.unanswered, new):
            await bank.pay(payment)
    await bank.engine.dispose()
