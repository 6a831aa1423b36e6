"""Money moved while tasks are cancelled, connections cut, writers and servers killed, and replies swallowed."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from sqlalchemy.pool import QueuePool

from course_lib.lab.databases import fresh_url
from torture.bank import STEPS, Bank, Payment
from torture.parts import Bounds, Figures, torture

TASKS = 32
TURNS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
"""Of the event loop, from a step of a payment to the moment in which it is cancelled."""


@torture("money", "32 tasks pay, and half of them are cancelled at any moment; both databases")
async def cancelled(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    banks = {name: await Bank.opened(fresh_url(name)) for name in ("sqlite", "postgres")}
    struck: dict[str, Counter[str]] = {name: Counter() for name in banks}
    moved = 0
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
        "cents lost, keys applied twice": 0,
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
