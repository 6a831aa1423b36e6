"""Whatever happens to the database under a request: the client is served, or is told within seconds to come again."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select, text, update
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.util.concurrency import await_
from stages import logged_in

from course_lib import services
from course_lib.app import create_app
from course_lib.db import WRITE_LOCK_FIRST, Base, create_engine
from course_lib.dependencies import Db
from course_lib.lab.faults import at_each_error, in_front_of_the_first
from course_lib.lab.people import add_people
from course_lib.lab.postgres import own_server
from course_lib.models import Account, Tag, User
from course_lib.security import hash_password
from course_lib.settings import Timeouts

pytestmark = pytest.mark.usefixtures("mira")
on_postgresql = pytest.mark.parametrize("url", ["postgres"], indirect=True)
PAY = {"from_account_id": 1, "to_account_id": 2, "amount": 300}
SHORT = Timeouts(lock=0.1, statement=300, pool=300)
"""Short alone where a test waits for it: a slow machine may take its time for all else."""
TOKEN = "what mira got for her password"


@pytest.fixture
async def mira(engine: AsyncEngine, people: None) -> None:
    """Who asks in these tests."""
    await logged_in(engine, 1, token=TOKEN)


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    mira = {"Authorization": f"Bearer {TOKEN}"}
    client = httpx.AsyncClient(transport=transport, base_url="http://x", timeout=300, headers=mira)
    async with app.router.lifespan_context(app), client:
        yield client


@asynccontextmanager
async def serving(engine: AsyncEngine, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application on the same database, with an engine of its own."""
    own = create_engine(engine.url, timeouts=SHORT, **options)
    async with client_of(create_app(own)) as client:
        yield client


def come_again(reply: httpx.Response) -> bool:
    assert reply.status_code == 503, reply.text
    return reply.headers["Retry-After"] == "1" and reply.json()["detail"].endswith("nothing was changed")


@asynccontextmanager
async def colleague(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Has changed account 1, and has not committed."""
    async with engine.execution_options(**WRITE_LOCK_FIRST).connect() as connection:
        await connection.execute(update(Account).where(Account.id == 1).values(balance=Account.balance + 1))
        yield connection


# --- the client never hears of it


@contextmanager
def committed_at_the_first_refusal(engine: AsyncEngine, other: AsyncConnection) -> Iterator[list[str]]:
    refused: list[str] = []

    def note(context: ExceptionContext) -> None:
        refused.append(type(context.original_exception).__name__)
        if other.in_transaction():
            await_(other.commit())

    with at_each_error(engine, note):
        yield refused


async def test_a_database_that_was_busy_is_asked_again(engine: AsyncEngine) -> None:
    own = create_engine(engine.url, timeouts=SHORT)
    async with colleague(engine) as other, client_of(create_app(own)) as client:
        with committed_at_the_first_refusal(own, other) as refused:
            reply = await client.post("/transfers", json=PAY)

    assert (reply.status_code, len(refused)) == (201, 1)
    assert await balance(engine) == 100_000 + 1 - 300


async def balance(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int(await connection.scalar(select(Account.balance).where(Account.id == 1)) or 0)


@on_postgresql
async def test_a_serialization_failure_is_run_again_from_the_first_line(engine: AsyncEngine) -> None:
    one: dict[str, Any] = {
        "pool_size": 1,
        "max_overflow": 0,
        "pool_timeout": 10,
    }  # the first run gives it back
    own = create_engine(engine.url, isolation_level="REPEATABLE READ", **one)
    async with colleague(engine) as other, client_of(create_app(own)) as client:
        asked = asyncio.create_task(client.post("/transfers", json=PAY))
        await until_somebody_waits(engine)
        await other.commit()
        reply = await asked

    assert reply.status_code == 201
    assert await balance(engine) == 100_000 + 1 - 300


async def until_somebody_waits(engine: AsyncEngine) -> None:
    waits = "wait_event_type = 'Lock' AND datname = current_database()"  # others' databases are on this server, too
    waiting = text(f"SELECT count(*) FROM pg_stat_activity WHERE {waits}")
    async with engine.connect() as connection:
        while not await connection.scalar(waiting):
            await connection.rollback()


@on_postgresql
async def test_a_column_that_is_widened_meanwhile_fails_no_request(engine: AsyncEngine) -> None:
    widened = text("ALTER TABLE users ALTER username TYPE VARCHAR(60)")
    narrowed = text("ALTER TABLE users ALTER username TYPE VARCHAR(50)")
    async with client_of(create_app(create_engine(engine.url))) as client:
        for change in (widened, narrowed):
            assert (await client.get("/users/1")).status_code == 200  # its statements are prepared now
            async with engine.begin() as connection:
                await connection.execute(change)
        assert (await client.get("/users/1")).status_code == 200


async def test_a_request_that_runs_again_commits_once(engine: AsyncEngine) -> None:
    app = create_app(own := create_engine(engine.url, timeouts=SHORT))
    runs: list[int] = []

    async def be_quicker() -> None:
        runs.append(1)

    with in_front_of_the_first(own, "INSERT", be_quicker):
        async with client_of(app) as client:
            replies = [
                await client.post("/transfers", json=PAY, headers={"Idempotency-Key": "7"}) for _ in "ab"
            ]
    assert [reply.json()["id"] for reply in replies] == [1, 1]


# --- the client is told to come again


async def test_a_lock_that_nobody_gives_back(engine: AsyncEngine) -> None:
    async with colleague(engine), serving(engine) as client:
        assert come_again(await client.post("/transfers", json=PAY))


async def test_a_pool_that_is_used_up(engine: AsyncEngine) -> None:
    own = create_engine(engine.url, timeouts=SHORT, pool_size=1, max_overflow=0, pool_timeout=0.2)
    async with client_of(create_app(own)) as client, own.connect():
        assert come_again(await client.get("/users/1"))


@on_postgresql
async def test_a_statement_that_takes_too_long(engine: AsyncEngine) -> None:
    own = create_engine(engine.url, timeouts=Timeouts(statement=0.3, pool=300))
    app = create_app(own)

    @app.get("/slow")
    async def slow(session: Db) -> None:
        await session.execute(text("SELECT pg_sleep(30)"))

    async with client_of(app) as client:
        assert come_again(await client.get("/slow"))


@on_postgresql
async def test_a_connection_that_is_cut_in_the_middle(engine: AsyncEngine) -> None:
    own = create_engine(engine.url, timeouts=SHORT)

    async def cut() -> None:
        others = "pid <> pg_backend_pid() AND datname = current_database() AND state = 'idle in transaction'"
        async with engine.connect() as connection:
            await connection.execute(
                text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
            )

    async with client_of(create_app(own)) as client:
        with in_front_of_the_first(own, "INSERT INTO transfers", cut):
            cut_off = await client.post("/transfers", json=PAY)
        assert come_again(cut_off)
        assert (await client.post("/transfers", json=PAY)).status_code == 201


async def test_a_server_that_is_gone_and_comes_back() -> None:
    with own_server() as server:
        own = create_engine(server.url(), timeouts=Timeouts(statement=300, pool=300))
        async with own.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            await add_people(connection)
        await logged_in(own, 1, token=TOKEN)
        async with client_of(create_app(own)) as client:
            assert (await client.get("/users/1")).status_code == 200
            server.kill()
            gone = [await client.get("/users/1"), await client.post("/transfers", json=PAY)]
            server.start()
            back = await client.get("/users/1")
    assert all(map(come_again, gone))
    assert back.status_code == 200


# --- who only reads


WRITES: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "a statement": lambda session: session.execute(insert(Tag).values(name="lost")),
    "text": lambda session: session.execute(text("DELETE FROM transfers")),
    "a flush": lambda session: session.run_sync(lambda sync: (sync.add(Tag(name="lost")), sync.flush())),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_get_that_writes_is_an_error_and_changes_nothing(
    engine: AsyncEngine, write: Callable[[Any], Awaitable[Any]]
) -> None:
    app = create_app(create_engine(engine.url))

    @app.get("/writes")
    async def writes(session: Db) -> None:
        await write(session)

    async with client_of(app) as client:
        assert (await client.get("/writes")).status_code == 500
        assert (await client.post("/transfers", json=PAY)).status_code == 201
    async with engine.connect() as connection:
        assert await connection.scalar(select(Tag.id).where(Tag.name == "lost")) is None


async def test_a_connection_that_has_served_a_reader_can_write(engine: AsyncEngine) -> None:
    own = create_engine(engine.url, pool_size=1, max_overflow=0)
    async with client_of(create_app(own)) as client:
        for number in range(3):
            assert (await client.get("/users/1")).status_code == 200
            wanted = {
                "email": f"n{number}@example.org",
                "username": f"n{number}",
                "password": "correct horse",
            }
            assert (await client.post("/users", json=wanted)).status_code == 201


# --- nothing secret in what is printed


async def test_no_hash_stands_in_the_traceback_of_a_refused_row(engine: AsyncEngine) -> None:
    row = {"email": "a@x.org", "username": None, "hashed_password": "$argon2id$secret"}
    with pytest.raises(Exception, match="username") as caught:
        async with engine.begin() as connection:
            await connection.execute(insert(User).values(row))
    assert "argon2" not in "".join(traceback.format_exception(caught.value))


HASHED_FOR = {
    ("POST", "/users"): {"email": "n@example.org", "username": "n", "password": "correct horse"},
    ("PATCH", "/users/1"): {"password": "correct horse"},
}


@pytest.mark.parametrize("asked", HASHED_FOR, ids=" ".join)
async def test_a_password_is_hashed_while_no_lock_is_held_and_no_connection_lent(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, str]
) -> None:
    own = create_engine(engine.url, timeouts=SHORT)
    lent: list[int] = []

    async def looks_on(password: str) -> str:
        async with engine.execution_options(**WRITE_LOCK_FIRST).begin() as connection:
            await connection.execute(insert(Tag).values(name="meanwhile"))
        lent.append(own.pool.checkedout())  # type: ignore[attr-defined]
        return await hash_password(password)

    monkeypatch.setattr(services, "hash_password", looks_on)
    async with client_of(create_app(own)) as client:
        reply = await client.request(*asked, json=HASHED_FOR[asked])
    assert (reply.is_success, lent) == (True, [0])
