"""The served application, and clients that nobody wishes for: slow ones, those that vanish, and those that send
whatever comes."""

import asyncio
import json
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urlsplit

import httpx
from sqlalchemy import URL, event, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from stages import logged_in, serving, without_rows

from course_lib.app import create_app
from course_lib.db import create_engine
from course_lib.lab.people import add_people, make_administrator
from course_lib.models import Account, LoginToken, Transfer, User
from course_lib.settings import Timeouts

PATIENT = Timeouts(lock=300, statement=300, pool=300)
POOL = 15
"""Connections that an engine lends at most: five, and ten more."""
LONG_ENOUGH = 2
"""Seconds after which an answer no longer counts; nothing hangs on it but how many are seen."""
START = 100_000
"""Cents that each of the accounts holds at first."""


@dataclass
class Served:
    """`engine` is the application's own, in another thread: only its pool may be looked at. `own` is ours.

    `locking` are the statements with which the application has asked for a lock that it may have to wait for."""

    address: str
    engine: AsyncEngine
    own: AsyncEngine
    mira: dict[str, str]
    tomas: dict[str, str]
    locking: list[str]

    def lent(self) -> int:
        """Connections of the application's pool that nobody has given back."""
        return int(self.engine.pool.checkedout())  # type: ignore[attr-defined]

    def request(self, method: str, path: str, body: object = None, **headers: str) -> bytes:
        """As a client writes it; mira asks, who is an administrator."""
        sent = b"" if body is None else json.dumps(body).encode()
        told = (
            self.mira
            | {"Host": "x", "Content-Length": str(len(sent)), "Content-Type": "application/json"}
            | headers
        )
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + sent

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """With room for little: what is not read soon stays with the server."""
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        one.setblocking(False)
        there = urlsplit(self.address)
        await asyncio.get_running_loop().sock_connect(one, (there.hostname, there.port))
        return await asyncio.open_connection(sock=one, limit=2048)


@asynccontextmanager
async def served(url: URL, timeouts: Timeouts = PATIENT, **options: Any) -> AsyncIterator[Served]:
    """The application on a server of its own, with the sample people; afterwards no connection may be lent."""
    own, engine = create_engine(url), create_engine(url, timeouts=timeouts, **options)
    locking: list[str] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("BEGIN IMMEDIATE") or statement.endswith("FOR NO KEY UPDATE"):
            locking.append(statement)

    await without_rows(own)
    async with own.begin() as connection:
        await add_people(connection)
    await make_administrator(own, "mira")
    mira, tomas = await logged_in(own, 1), await logged_in(own, 2)
    with serving(create_app(engine)) as address:
        site = Served(address, engine, own, mira, tomas, locking)
        yield site
        await until(lambda: site.lent() == 0)
    await own.dispose()


async def until(look: Callable[[], bool], seconds: float = 300) -> None:
    """Wait for a state of another thread; an error after so many `seconds`."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def assert_money_agrees(own: AsyncEngine) -> dict[str, int]:
    """Each balance is what the ledger explains. The amounts, by idempotency key."""
    async with own.connect() as connection:
        accounts = (await connection.execute(select(Account.id, Account.balance))).all()
        lines = (await connection.execute(select(Transfer.__table__))).mappings().all()
    for key, balance in accounts:
        gained = sum(line["amount"] for line in lines if line["to_account_id"] == key)
        lost = sum(line["amount"] for line in lines if line["from_account_id"] == key)
        assert balance == START + gained - lost, (
            f"account {key} holds {balance}, and the ledger says otherwise"
        )
    keys = [line["idempotency_key"] for line in lines if line["idempotency_key"]]
    assert len(keys) == len(set(keys)), "one key moved money twice"
    return {line["idempotency_key"]: line["amount"] for line in lines if line["idempotency_key"]}


async def read_slowly(reader: asyncio.StreamReader) -> int:
    """A whole reply, 64 bytes at a time, up to the end of the connection; its status."""
    reply = b""
    while some := await reader.read(64):
        reply += some
    head, _, body = reply.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
    assert [int(line.split()[1]) for line in lengths] == [len(body)], "a reply is cut off"
    return int(head.split()[1])


def vanish(writer: asyncio.StreamWriter) -> None:
    """Gone without a word: the other side meets a reset, not an end."""
    one = writer.get_extra_info("socket")
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def log_in_again(site: Served) -> None:
    """Some requests end a login, or make its user inactive: the next one shall be somebody's all the same."""
    async with site.own.begin() as connection:
        await connection.execute(update(User).where(User.id < 3, ~User.is_active).values(is_active=True))
        there = set(await connection.scalars(select(LoginToken.user_id).where(LoginToken.user_id < 3)))
    for key, headers in ((1, site.mira), (2, site.tomas)):
        if key not in there:
            await logged_in(site.own, key, token=headers["Authorization"].removeprefix("Bearer "))


# --- what comes


METHODS = [
    "GET",
    "POST",
    "PATCH",
    "DELETE",
    "PUT",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "get",
    "",
    "G\x00T",
    "POST" * 50,
]
PATHS = [
    "/",
    "/users",
    "/users/1",
    "/users/2",
    "/posts",
    "/transfers",
    "/login",
    "/docs",
    "/openapi.json",
    "*",
]
TAILS = [
    "",
    "",
    "?page=0",
    "?limit=1&limit=2",
    "?cursor=%00",
    "?cursor=%ff",
    "/..%2f",
    "?" + "a=&" * 40,
    "%",
    "/é",
    " /",
]
NAMES = [
    "Host",
    "Authorization",
    "Content-Length",
    "Content-Type",
    "Transfer-Encoding",
    "Idempotency-Key",
    "Accept",
]
WORDS = [
    "",
    "x",
    "-1",
    "9" * 30,
    "chunked",
    "Bearer ",
    "Bearer \xff",
    "Basic x",
    "application/json",
    "a" * 300,
    "\x00",
]
LEAVES: list[Any] = [None, True, 0, -1, 1.5, 10**20, "", "\ud800", "\x00", "x" * 200, [], {}, float("nan")]
FIELDS = [
    "email",
    "username",
    "password",
    "is_active",
    "amount",
    "from_account_id",
    "to_account_id",
    "id",
    "\x00",
]


def any_request(site: Served, chance: Random) -> bytes:
    """A request that is wrong in one place or in many."""
    method, path = (
        chance.choice(METHODS[:4] * 8 + METHODS),
        chance.choice(PATHS) + chance.choice([""] * 30 + TAILS),
    )
    body: Any = {chance.choice(FIELDS): chance.choice(LEAVES) for _ in range(chance.randrange(4))}
    headers = {chance.choice(NAMES): chance.choice(WORDS) for _ in range(chance.choice((0, 0, 0, 1, 2)))}
    # latin-1 writes each character as one byte, and what is beyond it as a question mark.
    raw = site.request(method, path, body, **headers).decode().encode("latin-1", "replace")
    if not chance.randrange(8):
        place = chance.randrange(len(raw))
        raw = raw[:place] + bytes(chance.randrange(256) for _ in range(chance.randrange(1, 9))) + raw[place:]
    return raw[: chance.randrange(len(raw))] if not chance.randrange(8) else raw


async def answer_to(site: Served, raw: bytes) -> int:
    """The status of the answer; 0 where there is none: the server closed, or waits for more of the request."""
    reader, writer = await site.connect()
    try:
        writer.write(raw)
        first = await asyncio.wait_for(reader.readline(), LONG_ENOUGH)
        return int(first.split()[1]) if first else 0
    except (ConnectionError, TimeoutError):
        return 0
    finally:
        vanish(writer)


async def answers_to(site: Served, chance: Random, count: int) -> Counter[int]:
    """The statuses, by how often each came, of so many requests at once; none is a server error."""
    await log_in_again(site)
    requests = [any_request(site, chance) for _ in range(count)]
    statuses = await asyncio.gather(*[answer_to(site, raw) for raw in requests])
    assert max(statuses) < 500, [raw for raw, status in zip(requests, statuses, strict=True) if status >= 500]
    return Counter(statuses)


async def is_well(site: Served) -> bool:
    """Whether an ordinary client is served."""
    await log_in_again(site)
    async with httpx.AsyncClient(base_url=site.address, headers=site.mira, timeout=300) as client:
        return (await client.get("/users/1")).status_code == 200


async def rows_of(own: AsyncEngine, model: Any) -> int:
    async with own.connect() as connection:
        return int(await connection.scalar(select(func.count()).select_from(model)) or 0)
