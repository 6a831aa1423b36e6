"""The application as a whole: what it commits, what it tells, what it leaves behind."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from stages import Site

from course_lib import errors
from course_lib.app import STATUS, create_app
from course_lib.db import WRITE_LOCK_FIRST, create_engine
from course_lib.errors import DatabaseNotUnderstood
from course_lib.models import Tag, User

pytestmark = pytest.mark.usefixtures("quick_hashes")

EVE = {"email": "eve@example.org", "username": "eve", "password": "correct horse"}

# With each new user comes a promise that no commit can keep: a reference, checked at the end, to a missing tag.
PROMISES = "CREATE TABLE promises (tag_id INTEGER REFERENCES tags (id) DEFERRABLE INITIALLY DEFERRED)"
TRIGGERS = {
    "sqlite": ["CREATE TRIGGER promise AFTER INSERT ON users BEGIN INSERT INTO promises VALUES (-1); END"],
    "postgresql": [
        "CREATE FUNCTION promise() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO promises VALUES (-1); RETURN NEW; END $$",
        "CREATE TRIGGER promise AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION promise()",
    ],
}
CLEANING = {
    "sqlite": ["DROP TRIGGER promise", "DROP TABLE promises"],
    "postgresql": ["DROP FUNCTION promise CASCADE", "DROP TABLE promises"],
}


async def run(engine: AsyncEngine, statements: list[str]) -> None:
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def users_in(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int(await connection.scalar(select(func.count()).select_from(User)) or 0)


@pytest.fixture
async def broken_promises(site: Site) -> AsyncIterator[None]:
    await run(site.engine, [PROMISES, *TRIGGERS[site.engine.dialect.name]])
    yield
    await run(site.engine, CLEANING[site.engine.dialect.name])


@pytest.mark.usefixtures("broken_promises")
async def test_a_commit_that_fails_stores_nothing_and_never_says_created(site: Site) -> None:
    reply = await site.client.post("/users", json=EVE)

    assert (reply.status_code, reply.text) == (500, "Internal Server Error")
    assert await users_in(site.engine) == 8


async def test_of_ten_who_sign_up_at_once_one_is_created_and_nine_are_told_why(site: Site) -> None:
    replies = await asyncio.gather(*[site.client.post("/users", json=EVE) for _ in range(10)])

    assert sorted(reply.status_code for reply in replies) == [201] + [409] * 9
    assert {reply.json()["detail"] for reply in replies if reply.status_code == 409} <= {
        "a User with email 'eve@example.org' already exists",
        "a User with username 'eve' already exists",
    }


async def test_a_double_click_moves_the_money_once(site: Site) -> None:
    pay = {"from_account_id": 1, "to_account_id": 2, "amount": 100_000}
    key = {"Idempotency-Key": "one click"}
    replies = await asyncio.gather(*[site.client.post("/transfers", json=pay, headers=key) for _ in range(5)])

    assert {(reply.status_code, reply.json()["id"]) for reply in replies} == {(201, 1)}


async def test_readers_are_served_while_somebody_holds_the_write_lock(site: Site) -> None:
    writer = site.engine.execution_options(**WRITE_LOCK_FIRST)
    async with writer.begin() as connection:
        await connection.execute(insert(Tag).values(name="in the making"))
        replies = [await site.client.get(path) for path in ("/users", "/users/1", "/posts")]

    assert [reply.status_code for reply in replies] == [200] * 3


IN_THE_WAY = """CREATE FUNCTION in_the_way() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001'; END $$"""


@pytest.fixture
async def in_the_way(engine: AsyncEngine) -> AsyncIterator[None]:
    """Somebody is in the way of every write, for as long as the test takes."""
    if engine.dialect.name == "sqlite":
        async with engine.execution_options(**WRITE_LOCK_FIRST).begin() as connection:
            await connection.execute(text("SELECT 1"))
            yield
    else:
        trigger = (
            "CREATE TRIGGER in_the_way BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION in_the_way()"
        )
        await run(engine, [IN_THE_WAY, trigger])
        yield
        await run(engine, ["DROP FUNCTION in_the_way CASCADE"])


@pytest.mark.usefixtures("in_the_way")
async def test_who_meets_another_transaction_is_asked_to_come_again(engine: AsyncEngine) -> None:
    impatient = create_engine(engine.url)
    if engine.dialect.name == "sqlite":
        event.listen(impatient.sync_engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=0"))
    transport = httpx.ASGITransport(create_app(impatient))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        reply = await client.post("/users", json=EVE)

    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
    assert reply.json()["detail"].endswith("nothing was changed")
    await impatient.dispose()


async def test_the_page_of_documentation_and_its_description_work(site: Site) -> None:
    page, described = await site.client.get("/docs"), (await site.client.get("/openapi.json")).json()

    assert "/openapi.json" in page.text
    assert described["paths"].keys() == {"/login", "/users", "/users/{user_id}", "/posts", "/transfers"}
    assert "hashed_password" not in json.dumps(described)


async def test_the_end_of_the_application_closes_every_connection(engine: AsyncEngine) -> None:
    app = create_app(engine)
    async with app.router.lifespan_context(app):
        assert await users_in(engine) == 0
        before = engine.pool.status()

    assert "Connections in pool: 1" in before
    assert "Connections in pool: 0" in engine.pool.status()


def test_every_error_has_a_status_but_those_that_no_request_can_meet() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.CourseError)
    }

    assert kinds - STATUS.keys() == {
        errors.CourseError,
        DatabaseNotUnderstood,
        errors.SettingNotUnderstood,
        errors.ModelRefused,
        errors.StatementRefused,
    }
    assert all(400 <= status < 600 for status in STATUS.values())


def test_the_factory_serves_the_database_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATABASE", "sqlite+aiosqlite:////nowhere/course.db")
    config = uvicorn.Config("course_lib.app:create_app", factory=True, log_level="critical")
    config.load()

    app = config.loaded_app
    while not isinstance(app, FastAPI):
        app = app.app
    assert app.state.sessions.kw["bind"].url.database == "/nowhere/course.db"


def test_the_factory_says_who_starts_the_embedded_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATABASE", "postgres")

    with pytest.raises(DatabaseNotUnderstood, match="course serve"):
        create_app()


async def test_the_docs_take_every_part_from_this_server(site: Site) -> None:
    page = (await site.client.get("/docs")).text
    assert '<html lang="en">' in page
    parts = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(parts) >= 2
    assert [(await site.client.get(part)).status_code for part in parts] == [200] * len(parts)
