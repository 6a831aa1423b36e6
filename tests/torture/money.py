"""Money moved while tasks are cancelled, connections cut, writers and servers killed, and replies swallowed."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

from sqlalchemy import URL, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from course_lib.db import create_engine, create_session_factory
from course_lib.lab.databases import fresh_url
from course_lib.lab.postgres import own_server
from course_lib.lab.postgres.cluster import wait_for
from course_lib.models import Transfer
from torture import writers
from torture.bank import STEPS, Bank, Payment, quietly
from torture.parts import Bounds, Figures, torture
from torture.proxy import What, line_to

AUDITED = "times that all accounts, keys and answers agreed with the ledger"

TASKS = 32
TURNS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
"""Of the event loop, from a step of a payment to the moment in which it is cancelled."""


@torture("money", "32 tasks pay, and half of them are cancelled at any moment; both databases")
async def cancelled(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    banks = {name: await Bank.opened(fresh_url(name)) for name in ("sqlite", "postgres")}
    struck: dict[str, Counter[str]] = {name: Counter() for name in banks}
    moved = 0
    with quietly():
        for number in bounds:
            name = ("sqlite", "postgres")[number % 2]
            bank = banks[name]
            given_up = await _cancelled_round(bank, f"{number}", chance, struck[name])
            moved += len(given_up & (await bank.audit()).keys())
    for bank in banks.values():
        assert isinstance(bank.engine.pool, QueuePool)
        assert bank.engine.pool.checkedout() == 0, "a connection that a cancelled task had did not come back"
        await bank.engine.dispose()
    assert all(struck.values()), f"no cancel struck: {struck}"
    return {
        "lines of the ledger, SQLite and PostgreSQL": "{} and {}".format(
            *(bank.lines for bank in banks.values())
        ),
        "payments refused, for want of money": sum(len(bank.refused) for bank in banks.values()),
        **{
            f"cancelled on {name}, by what they had sent last": _in_order(counted)
            for name, counted in struck.items()
        },
        "cancelled, not asked for again, and done all the same": moved,
        AUDITED: sum(bank.audits for bank in banks.values()),
    }


async def _cancelled_round(bank: Bank, round_name: str, chance: Random, struck: Counter[str]) -> set[str]:
    """One payment a task, half of them cancelled, half of those asked for again at once; the keys of the other ones."""
    last: dict[asyncio.Task[object], str] = {}
    plans: dict[asyncio.Task[object], str] = {}
    given_up: set[str] = set()

    def reached(step: str) -> None:
        task = asyncio.current_task()
        assert task
        last[task] = step
        if plans.get(task) == step:
            del plans[task]
            _after(chance.choice(TURNS), task.cancel)

    async def client(payment: Payment) -> None:
        first = asyncio.create_task(bank.pay(payment))
        last[first] = "pool"
        if chance.random() < 0.5:
            plans[first] = chance.choice(STEPS)
        if plans.get(first) == "pool":
            _after(chance.choice(TURNS), first.cancel)
        await asyncio.wait([first])
        if not first.cancelled():
            first.result()
            return
        struck[last[first]] += 1
        if chance.random() < 0.5:
            await bank.pay(payment)
        else:
            given_up.add(str(payment.key))

    with bank.at_each_step(reached):
        payments = [Payment.drawn(chance, f"{round_name}-{number}") for number in range(TASKS)]
        await asyncio.gather(*map(client, payments))
    return given_up


def _after(turns: int, act: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    if turns:
        loop.call_soon(_after, turns - 1, act)
    else:
        loop.call_soon(act)


def _in_order(counted: Counter[str]) -> str:
    return ", ".join(f"{step} {counted[step]:,}" for step in STEPS)


PAYERS, PAYMENTS = 8, 16
"""Tasks, and what each of them pays in a try."""

CUTS, KILLS = 24, 2
"""In a try: how often somebody's connection is cut, and how often the server is killed."""


@torture("money", "connections cut by pg_terminate_backend in the middle of a transaction, PostgreSQL")
async def cut(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    bank = await Bank.opened(fresh_url("postgres"))
    saboteur = create_engine(bank.engine.url, isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=0)
    struck: Counter[str] = Counter()

    async def cut_somebody() -> None:
        struck[await _cut_one_of(saboteur, chance)] += 1

    with quietly():
        for number in bounds:
            await _pay_while(bank, f"{number}", chance, cut_somebody, times=CUTS)
            await bank.audit()
    await saboteur.dispose()
    await bank.engine.dispose()
    del struck["nobody"]
    assert struck, "no connection was cut"
    assert bank.unavailable, "nobody saw that a connection was cut"
    return {
        "lines of the ledger": bank.lines,
        "connections cut": struck.total(),
        "cut while the last statement was": ", ".join(
            f"{word} {times:,}" for word, times in struck.most_common()
        ),
        "what payers saw of it, and asked again": _told(bank.unavailable),
        AUDITED: bank.audits,
    }


async def _cut_one_of(saboteur: AsyncEngine, chance: Random) -> str:
    """Cut the connection of somebody who is in a transaction; the first word of what they had sent last."""
    in_transaction = text(
        "SELECT pid, split_part(query, ' ', 1) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type = 'client backend' ORDER BY pid"
    )
    async with saboteur.connect() as connection:
        if not (victims := (await connection.execute(in_transaction)).all()):
            return "nobody"
        pid, word = chance.choice(victims)
        gone = await connection.scalar(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    return (word.rstrip(";") or "connecting") if gone else "nobody"


@torture("money", "the server killed with SIGKILL and started again, PostgreSQL")
async def server_killed(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    killed = []
    with own_server() as server, quietly():
        bank = await Bank.opened(server.create_database("bank"))

        async def kill_and_start() -> None:
            killed.append(server.pid)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)

        for number in bounds:
            await _pay_while(bank, f"{number}", chance, kill_and_start, times=KILLS)
            await bank.audit()
        await bank.engine.dispose()
    assert len(set(killed)) == len(killed) > 0, f"no server was killed, or one twice: {killed}"
    assert bank.unavailable, "nobody saw that the server was gone"
    return {
        "lines of the ledger": bank.lines,
        "servers killed": len(killed),
        "what payers saw of it, and asked again": _told(bank.unavailable),
        AUDITED: bank.audits,
    }


async def _pay_while(
    bank: Bank, name: str, chance: Random, harm: Callable[[], Awaitable[None]], *, times: int
) -> None:
    """PAYERS tasks pay; so many times the one that has just been answered does the harm, and the others go on."""
    one_at_a_time = asyncio.Lock()
    keys = [f"{name}-{number}" for number in range(PAYERS * PAYMENTS)]
    harmful = set(chance.sample(keys[: -2 * PAYERS], times))

    async def payer(own: list[str]) -> None:
        for key in own:
            await bank.pay_in_the_end(Payment.drawn(chance, key))
            if key in harmful:
                async with one_at_a_time:
                    await harm()

    await asyncio.gather(*(payer(keys[first::PAYERS]) for first in range(PAYERS)))


def _told(counted: Counter[str]) -> str:
    return ", ".join(f"{what} {times:,} times" for what, times in counted.most_common())


@torture(
    "money", "a process dies by SIGKILL at each step of a payment, while others wait for its lock; SQLite"
)
async def writer_killed(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    bank = await Bank.opened(_sqlite_in(folder))
    killed: Counter[str] = Counter()
    steps = ("BEGIN", "SELECT", "INSERT", "UPDATE", "COMMIT", "answer")
    for number in bounds:
        dies_at, journal = steps[number % len(steps)], folder / f"writer{number}"
        writer = writers.begin(bank.engine.url, journal, chance, dies_at=dies_at)
        rivals = [Payment.drawn(chance, f"rival{number}-{each}") for each in range(2)]
        await asyncio.gather(asyncio.to_thread(writer.join), *map(bank.pay, rivals))
        assert writer.exitcode == -signal.SIGKILL, f"the writer ended by itself: {writer.exitcode}"
        killed[dies_at] += 1
        (lost,) = writers.read(journal, bank)
        done = str(lost.key) in await bank.audit()
        assert done == (dies_at == "answer"), f"killed at {dies_at}, and the money has moved: {done}"
        again = await bank.pay(lost)
        assert not done or again == (await bank.audit())[str(lost.key)], f"{lost} was done twice"
    await _assert_integrity(bank)
    await bank.engine.dispose()
    assert killed, "no writer was killed"
    return {
        "lines of the ledger": bank.lines,
        "writers killed, by step": ", ".join(f"{step} {killed[step]:,}" for step in steps),
        AUDITED: bank.audits,
    }


WRITERS, RESTARTED = 4, 3
"""Processes on one file, and how often in a try one of them is killed and begun again, before all are killed."""


@torture("money", "4 processes pay out of one file, and are killed with SIGKILL; SQLite")
async def writers_killed(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    bank = await Bank.opened(_sqlite_in(folder))
    journals = [folder / f"writer{number}" for number in range(WRITERS)]
    struck: Counter[str] = Counter()
    for _ in bounds:
        await _killed_round(bank, journals, chance, struck)
        await bank.audit()
        await _assert_integrity(bank)
    await bank.engine.dispose()
    assert struck["writers killed"], "no writer was killed"
    return {
        "lines of the ledger": bank.lines,
        "payments refused, for want of money": len(bank.refused),
        **struck,
        AUDITED: bank.audits,
    }


async def _killed_round(bank: Bank, journals: list[Path], chance: Random, struck: Counter[str]) -> None:
    """Writers pay without end until they are killed; those that come after them finish what they had begun."""
    url = bank.engine.url
    running = {journal: writers.begin(url, journal, chance) for journal in journals}
    order = [chance.choice(journals) for _ in range(RESTARTED)] + journals
    for number, journal in enumerate(order):
        await asyncio.to_thread(_kill_after_lines, running[journal], journal, chance.randrange(1, 20))
        lost = {payment.key for payment in writers.read(journal, bank)}
        struck["writers killed"] += 1
        struck["of them between asking and being answered"] += len(lost)
        struck["of them with the commit behind them"] += len(lost & await _keys(bank))
        if number < RESTARTED:
            running[journal] = writers.begin(url, journal, chance)
    finishing = [writers.begin(url, journal, chance, payments=1) for journal in journals]
    for process in finishing:
        await asyncio.to_thread(process.join)
        assert process.exitcode == 0, f"a writer that nobody killed ended with {process.exitcode}"
    left = [payment for journal in journals for payment in writers.read(journal, bank)]
    assert not left, f"never answered: {left}"


def _kill_after_lines(process: BaseProcess, journal: Path, lines: int) -> None:
    """Kill the writer when it has written so many more lines; nobody knows what it does at that moment."""

    def written() -> int:
        return journal.read_bytes().count(b"\n") if journal.exists() else 0

    end = written() + lines
    wait_for(lambda: written() >= end or not process.is_alive())
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"the writer ended by itself: {process.exitcode}"


def _sqlite_in(folder: Path) -> URL:
    return URL.create("sqlite+aiosqlite", database=str(folder / "bank.db"))


async def _keys(bank: Bank) -> set[str | None]:
    async with bank.sessions() as session:
        return set(await session.scalars(select(Transfer.idempotency_key)))


async def _assert_integrity(bank: Bank) -> None:
    async with bank.engine.connect() as connection:
        found = (await connection.exec_driver_sql("PRAGMA integrity_check")).scalars().all()
        orphans = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
    assert found == ["ok"], f"the file is spoilt: {found}"
    assert not orphans, f"rows that point nowhere: {orphans}"


LOST: dict[What, float] = {"COMMIT": 0.2, "reply": 0.3}
"""How often the line loses each."""

OVER_THE_LINE = 32
"""Payments in a try."""


@torture("money", "a line that loses the COMMIT or the reply to it, with and without a key; PostgreSQL")
async def reply_lost(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    half = Bounds(bounds.tries, bounds.seconds / 2)
    with quietly():
        with_key = await _over_a_bad_line(half, chance, with_key=True)
        without = await _over_a_bad_line(half, chance, with_key=False)
    assert with_key["moved once more"] == 0, f"with a key, and moved again: {with_key}"
    for figures in (with_key, without):
        assert figures["COMMITs lost"], "no COMMIT was lost"
        assert figures["replies lost"], "no reply was lost"
    assert without["moved once more"] == without["replies lost"], f"not once for each lost reply: {without}"
    return {
        f"{words}: {what}": figure
        for words, figures in (("with a key", with_key), ("without one", without))
        for what, figure in figures.items()
    }


async def _over_a_bad_line(bounds: Bounds, chance: Random, *, with_key: bool) -> dict[str, int | str]:
    """Payments one after the other, each asked for again when the line is cut. None is refused for want of money."""
    bank = await Bank.opened(fresh_url("postgres"), start=1_000_000_000)
    address = bank.engine.url

    def loses(what: What) -> bool:
        return chance.random() < LOST[what]

    async with line_to(str(address.host), int(address.port or 0), loses) as line:
        over_the_line = create_engine(address.set(port=line.port))
        bank.sessions = create_session_factory(over_the_line)
        answered = 0
        for number in bounds:
            for each in range(OVER_THE_LINE):
                key = f"{number}-{each}" if with_key else None
                answered += await bank.pay_in_the_end(Payment.drawn(chance, key)) is not None
            await bank.audit()
        await over_the_line.dispose()
    await bank.engine.dispose()
    assert bank.unavailable.total() == line.lost.total(), f"cut {line.lost}, and seen {bank.unavailable}"
    return {
        "payments": answered,
        "COMMITs lost": line.lost["COMMIT"],
        "replies lost": line.lost["reply"],
        "what the payer saw, whichever it was": _told(bank.unavailable),
        "moved once more": bank.lines - answered,
    }
