"""The application as a real server, asked by clients that know every rule, none, or that are not there any more."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
from sqlalchemy import URL, update
from sqlalchemy.ext.asyncio import AsyncConnection

from course_lib.db import WRITE_LOCK_FIRST
from course_lib.models import Account, Transfer
from course_lib.settings import Timeouts
from torture.clients import (
    POOL,
    Served,
    answers_to,
    assert_money_agrees,
    is_well,
    log_in_again,
    read_slowly,
    rows_of,
    served,
    until,
    vanish,
)
from torture.pages import databases
from torture.parts import Bounds, Figures, torture

EXPECTED = {200, 400, 401, 404, 405, 422}
"""What requests made of chance are answered with, among other things."""
PAY = {"from_account_id": 1, "to_account_id": 2, "amount": 1}


def client_of(site: Served) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=site.address, headers=site.mira, timeout=300)


# --- by the description of the application


RULES_BESIDE_THE_SCHEMA = (
    "POST /login",
    "POST /users",
    "PATCH /users/{user_id}",
    "POST /transfers",
    "GET /posts",
)
"""What fits their schema may be refused with 422 all the same, by a rule that a schema cannot tell: an address at
which nobody gets mail, an account that pays itself, 1.0 for a whole number of cents, a cursor with another's signature.
"""

ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "422", "429", "5xx"]
"""schemathesis's own list, and 422."""


def settings_for(site: Served, who: str, seconds: float, seed: int) -> dict[str, Any]:
    """Every check is on, but for these, and each has its reason."""
    checks: dict[str, Any] = {
        # Of a path that several routes share, Starlette tells the methods of the first one alone.
        "allow_header_conformance": {"enabled": False},
    }
    if who != "an administrator":
        # A user sees nobody but themselves: for them, whom they have signed up is not there.
        checks["ensure_resource_availability"] = {"enabled": False}
    exempt = {"checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}}}
    return {
        "max-time": max(1, round(seconds)),
        "seed": seed,
        "continue-on-failure": True,
        "cache": {"enabled": False},  # a folder in the project
        "headers": {"nobody": {}, "a user": site.tomas, "an administrator": site.mira}[who],
        "checks": checks,
        "operations": [{"include-name": name} | exempt for name in RULES_BESIDE_THE_SCHEMA],
    }


def check_all(site: Served, how: dict[str, Any], revive: Callable[[], None]) -> Counter[str]:
    """schemathesis with the description of the application; runs in a thread of its own."""
    import schemathesis
    from schemathesis.engine import events, from_schema

    schema = schemathesis.openapi.from_url(
        f"{site.address}/openapi.json", config=schemathesis.Config.from_dict(how)
    )
    counts, faults = Counter[str](), []

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        counts["requests"] += 1
        revive()

    schemathesis.hook(before_call)
    try:
        for event in from_schema(schema).execute():
            if isinstance(event, events.NonFatalError | events.FatalError):
                faults.append(str(getattr(event, "value", event)))
            elif isinstance(event, events.ScenarioFinished):
                for found in [each for several in event.recorder.checks.values() for each in several]:
                    counts["checks"] += 1
                    counts[f"of them {found.name}"] += 1
                    if told := found.failure_info:
                        faults.append(f"{event.label}: {found.name}: {told.failure}\n{told.code_sample}")
    finally:
        schemathesis.hooks.unregister_all()
    assert not faults, "\n\n".join(faults)
    return counts


async def by_description(bounds: Bounds, folder: Path, chance: Random, name: str) -> Figures:
    figures: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    with databases(folder) as urls:
        async with served(urls[name]) as site:

            def revive() -> None:
                asyncio.run_coroutine_threadsafe(log_in_again(site), loop).result()

            for who in ("nobody", "a user", "an administrator"):
                how = settings_for(site, who, min(bounds.seconds / 3, 600), chance.getrandbits(32))
                counts = await asyncio.to_thread(check_all, site, how, revive)
                assert counts["of them status_code_conformance"], f"nothing was checked as {who}"
                figures += counts
            await assert_money_agrees(site.own)
            figures["kinds of checks"] = sum(1 for what in figures if what.startswith("of them"))
    return figures


@torture("web", "the application by its own description, as three people, on SQLite", tries=1)
async def by_description_on_sqlite(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    return await by_description(bounds, folder, chance, "sqlite")


@torture("web", "the application by its own description, as three people, on PostgreSQL", tries=1)
async def by_description_on_postgresql(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    return await by_description(bounds, folder, chance, "postgres")


# --- requests made of chance


@torture("web", "requests made of chance, byte by byte wrong, on both databases")
async def wrong_requests(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    answers: Counter[int] = Counter()
    with databases(folder) as urls:
        for url in urls.values():
            async with served(url) as site:
                for _ in Bounds(bounds.tries, bounds.seconds / 2):
                    answers += await answers_to(site, chance, 50)
                assert await is_well(site)
                await assert_money_agrees(site.own)
    assert answers.keys() >= EXPECTED, answers
    return {
        f"answered {status}" if status else "without an answer": answers[status] for status in sorted(answers)
    }


# --- slow clients


@torture("web", "requests sent byte by byte and replies read slowly, on both databases")
async def slow_clients(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    figures: Counter[str] = Counter()
    with databases(folder) as urls:
        for url in urls.values():
            async with served(url) as site:
                for _ in Bounds(bounds.tries, bounds.seconds / 2):
                    figures += await wait_on(site, chance)
                await assert_money_agrees(site.own)
    return figures


async def wait_on(site: Served, chance: Random, count: int = 2 * POOL) -> Counter[str]:
    """More slow clients than there are connections: while they hang none is lent, and a quick client is served."""
    paid_before = await rows_of(site.own, Transfer)
    raw = site.request("POST", "/transfers", PAY)
    slow, lazy = [[await site.connect() for _ in range(count)] for _ in range(2)]
    half = chance.randrange(1, len(raw) - 1)
    for byte in range(half):
        for _, writer in slow:
            writer.write(raw[byte : byte + 1])
            await writer.drain()
    for _, writer in lazy:
        path = chance.choice(("/openapi.json", "/posts?limit=100", "/users"))
        writer.write(site.request("GET", path, Connection="close"))
    assert await is_well(site)
    await until(lambda: site.lent() == 0)
    read = [await read_slowly(reader) for reader, _ in lazy]
    for _, writer in slow:
        writer.write(raw[half:])
    replies = [await reader.readline() for reader, _ in slow]
    for _, writer in (*slow, *lazy):
        vanish(writer)
    assert {line.split()[1] for line in replies} == {b"201"}, replies
    assert set(read) == {200}, read
    assert await rows_of(site.own, Transfer) - paid_before == count
    return Counter(
        {"requests sent byte by byte": count, "replies read slowly": count, "quick clients served": 1}
    )


# --- clients that vanish


@torture("web", "clients that vanish in the middle of a transfer, on both databases")
async def vanishing_clients(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    figures: Counter[str] = Counter()
    with databases(folder) as urls:
        for name, url in urls.items():
            async with served(url) as site:
                for number in Bounds(bounds.tries, bounds.seconds / 2):
                    figures += await vanish_all(site, chance, f"{name} {number}")
    assert figures["vanished, and paid"], figures
    assert figures["vanished before all was sent"], figures
    return figures


async def vanish_all(site: Served, chance: Random, name: str, count: int = 20) -> Counter[str]:
    """So many clients at once, each gone at a moment of its own; the same key again moves nothing a second time."""
    cut: dict[str, bool] = {}

    async def pay(key: str) -> None:
        raw = site.request("POST", "/transfers", PAY, **{"Idempotency-Key": key})
        _, writer = await site.connect()
        cut[key] = not chance.randrange(3)
        writer.write(raw[: chance.randrange(len(raw))] if cut[key] else raw)
        await writer.drain()
        await asyncio.sleep(chance.choice((0, 0, 0.001, 0.01, 0.05)))
        vanish(writer)

    before = await assert_money_agrees(site.own)
    await asyncio.gather(*[pay(f"{name} {number}") for number in range(count)])
    assert await is_well(site)
    await until(lambda: site.lent() == 0)
    paid = (await assert_money_agrees(site.own)).keys() - before.keys()
    assert not [key for key in paid if cut[key]], "half a request moved money"
    whole = [key for key in cut if not cut[key]]
    async with client_of(site) as client:
        for key in whole:
            reply = await client.post("/transfers", json=PAY, headers={"Idempotency-Key": key})
            assert reply.status_code == 201, reply.text
    after = await assert_money_agrees(site.own)
    assert after.keys() - before.keys() == set(whole), (
        "a transfer that was asked for again did not happen once"
    )
    return Counter(
        {
            "vanished before all was sent": count - len(whole),
            "vanished, and paid": len(paid),
            "vanished, and paid when asked again": len(whole) - len(paid),
        }
    )


# --- nothing left to lend


@asynccontextmanager
async def held(site: Served) -> AsyncIterator[AsyncConnection]:
    """Another session has changed account 1, and does not commit."""
    async with site.own.execution_options(**WRITE_LOCK_FIRST).connect() as connection:
        await connection.execute(update(Account).where(Account.id == 1).values(balance=Account.balance))
        yield connection
        await connection.rollback()


def come_again(reply: httpx.Response) -> bool:
    return (reply.status_code, reply.headers.get("Retry-After")) == (503, "1")


async def pay_all(client: httpx.AsyncClient) -> list[httpx.Response]:
    return await asyncio.gather(*[client.post("/transfers", json=PAY) for _ in range(POOL)])


@torture("web", "as many writers as connections, while somebody holds the lock, on both databases", tries=20)
async def exhaustion(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    figures: Counter[str] = Counter()
    with databases(folder) as urls:
        for url in urls.values():
            for _ in Bounds(bounds.tries, bounds.seconds / 2):
                figures += await use_up_locks(url)
                figures += await use_up_pool(url)
    return figures


async def use_up_locks(url: URL) -> Counter[str]:
    """Writers who meet a lock that nobody gives back are told to come again, and did nothing; then all is well."""
    async with served(url, Timeouts(lock=0.1, statement=300, pool=300)) as site, client_of(site) as client:
        async with held(site):
            refused = await pay_all(client)
            assert all(map(come_again, refused)), [reply.text for reply in refused]
            await until(lambda: site.lent() == 0)
        await assert_money_agrees(site.own)
        assert await rows_of(site.own, Transfer) == 0
        reply = await client.post("/transfers", json=PAY)
        assert reply.status_code == 201, reply.text
    return Counter({"writers told to come again": len(refused), "served once the lock was free": 1})


async def use_up_pool(url: URL) -> Counter[str]:
    """While writers wait with every connection of the pool, a reader is told to come again; then all are served."""
    async with served(url, pool_timeout=0.3) as site, client_of(site) as client:
        async with held(site):
            writers = asyncio.create_task(pay_all(client))
            await until(lambda: len(site.locking) == POOL)
            reader = await client.get("/users/1")
            assert come_again(reader), reader.text
        paid = await writers
        assert [reply.status_code for reply in paid] == [201] * POOL, [reply.text for reply in paid]
        await assert_money_agrees(site.own)
        assert await rows_of(site.own, Transfer) == POOL
        assert await is_well(site)
    return Counter({"readers told to come again": 1, "writers who waited, and were served": len(paid)})
