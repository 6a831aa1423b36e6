"""One session per request: committed before the reply leaves, and without a write lock for those who only read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from sqlalchemy import URL, event, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.db import create_engine, create_session_factory
from course_lib.dependencies import Db, Posts, Transfers, Users
from course_lib.lab.sql import watch
from course_lib.models import Tag
from course_lib.services import feed

Events = list[str]


@pytest.fixture
def app(sessions: async_sessionmaker[AsyncSession], engine: AsyncEngine) -> FastAPI:
    """An application of four routes; `app.state.events` notes what happens, in order."""
    app = FastAPI()
    app.state.sessions = sessions
    app.state.feed = feed("s")
    events: Events = []
    app.state.events = events
    event.listen(engine.sync_engine, "commit", lambda _: events.append("commit"))
    event.listen(engine.sync_engine, "rollback", lambda _: events.append("rollback"))

    @app.get("/tags")
    async def read(session: Db) -> list[str]:
        return list(await session.scalars(select(Tag.name)))

    @app.post("/tags/{name}")
    async def write(session: Db, name: str) -> None:
        await session.execute(insert(Tag).values(name=name))
        events.append("handler")

    @app.post("/broken")
    async def refuse(session: Db) -> None:
        await session.execute(insert(Tag).values(name="lost"))
        raise HTTPException(418)

    @app.get("/services")
    async def together(users: Users, posts: Posts, transfers: Transfers) -> int:
        return len({users.session, posts.session, transfers.session})

    return app


Ask = Callable[[str, str], Awaitable[httpx.Response]]


@pytest.fixture
def ask(app: FastAPI) -> Ask:
    """Sends one request, and notes when the reply leaves the application."""

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            app.state.events.append(message["type"])
            await send(message)

        await app(scope, receive, note)

    async def ask(method: str, path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(noting), base_url="http://x") as client:
            return await client.request(method, path)

    return ask


async def test_the_commit_comes_before_the_reply(app: FastAPI, ask: Ask) -> None:
    await ask("POST", "/tags/kept")

    assert app.state.events == ["handler", "commit", "http.response.start", "http.response.body"]
    assert (await ask("GET", "/tags")).json() == ["kept"]


async def test_a_raised_error_rolls_back_before_the_reply(app: FastAPI, ask: Ask) -> None:
    reply = await ask("POST", "/broken")

    assert (reply.status_code, app.state.events[:2]) == (418, ["rollback", "http.response.start"])
    assert (await ask("GET", "/tags")).json() == []


async def test_who_reads_takes_no_write_lock_and_commits_nothing(engine: AsyncEngine, ask: Ask) -> None:
    with watch(engine) as sent:
        await ask("GET", "/tags")

    marks = [statement.text for statement in sent.everything if statement.is_mark]
    assert marks == ["BEGIN", "ROLLBACK"]


async def test_who_writes_takes_the_write_lock_first(engine: AsyncEngine, ask: Ask) -> None:
    with watch(engine) as sent:
        await ask("POST", "/tags/new")

    begin = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN"
    assert [statement.text for statement in sent.everything if statement.is_mark] == [begin, "COMMIT"]


async def test_the_services_of_one_request_share_its_session(ask: Ask) -> None:
    assert (await ask("GET", "/services")).json() == 1


async def test_every_connection_goes_back_to_the_pool(engine: AsyncEngine, ask: Ask) -> None:
    for method, path in (("GET", "/tags"), ("POST", "/tags/a"), ("POST", "/broken"), ("GET", "/services")):
        await ask(method, path)

    assert "Current Checked out connections: 0" in engine.pool.status()


@pytest.fixture
async def reader(app: FastAPI, url: URL) -> AsyncIterator[AsyncEngine]:
    """A second engine, whose sessions the application has for those who only read."""
    reader = create_engine(url)
    app.state.readers = create_session_factory(reader)
    yield reader
    await reader.dispose()


async def test_who_reads_gets_a_session_of_the_readers_and_all_others_do_not(
    engine: AsyncEngine, reader: AsyncEngine, ask: Ask
) -> None:
    with watch(engine) as sent_to_writer, watch(reader) as sent_to_reader:
        await ask("GET", "/tags")
        assert (len(sent_to_writer), len(sent_to_reader)) == (0, 1)
        await ask("POST", "/tags/new")
        assert (len(sent_to_writer), len(sent_to_reader)) == (1, 1)


async def test_a_session_of_the_readers_cannot_write(
    app: FastAPI, engine: AsyncEngine, reader: AsyncEngine, ask: Ask
) -> None:
    @app.get("/mistake")
    async def mistake(session: Db) -> None:
        await session.execute(insert(Tag).values(name="lost"))

    with watch(reader) as sent, pytest.raises(DBAPIError):
        await ask("GET", "/mistake")

    assert len(sent) == 1
