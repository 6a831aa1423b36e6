"""A login says who is there until it ends, and a row answers to its owner alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import URL, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from stages import logged_in

from course_lib import access, security, services
from course_lib.access import administrator, log_in, log_out, log_out_everywhere, own, user_of
from course_lib.app import create_app
from course_lib.db import WRITE_LOCK_FIRST, create_engine, create_session_factory
from course_lib.errors import LoginRefused, NotAllowed, NotFound, NotLoggedIn
from course_lib.lab.people import PASSWORD, make_administrator
from course_lib.lab.sql import watch
from course_lib.models import LoginToken, Tag, Transfer, User
from course_lib.schemas import UserUpdate
from course_lib.security import ARGON2, NOBODYS_HASH
from course_lib.services import UserService
from course_lib.transactions import transfer_funds, unit_of_work

Sessions = async_sessionmaker[AsyncSession]
CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=16, parallelism=1),))
CHEAPEST = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
MIRA = "mira@example.org"
TOMAS, YUKI, NOBODY = 2, 3, 999


@pytest.fixture(autouse=True)
async def cheap(engine: AsyncEngine, people: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody's hash costs next to nothing, and so does what is made and checked here."""
    monkeypatch.setattr(security, "ARGON2", CHEAP)
    monkeypatch.setattr(security, "NOBODYS_HASH", CHEAP.hash("nobody knows it"))
    await set_hash(engine, CHEAP.hash(PASSWORD))


async def set_hash(engine: AsyncEngine, hashed: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(update(User).values(hashed_password=hashed, updated_at=User.updated_at))


async def hash_of(engine: AsyncEngine, user_id: int) -> str:
    async with engine.connect() as connection:
        return str(await connection.scalar(select(User.hashed_password).where(User.id == user_id)))


async def name_of(sessions: Sessions, token: str) -> str:
    """Who is logged in with it, or '-'."""
    async with sessions() as session:
        try:
            return (await user_of(session, token)).username
        except NotLoggedIn:
            return "-"


# --- log_in


async def test_each_login_gives_a_new_token_that_says_who_it_is(sessions: Sessions) -> None:
    tokens = [await log_in(sessions, address, PASSWORD) for address in (MIRA, MIRA, "Tomas@Example.org")]

    assert [await name_of(sessions, token) for token in tokens] == ["mira", "mira", "tomas"]
    assert (len(set(tokens)), {len(token) for token in tokens}) == (3, {43})


async def test_the_database_holds_the_hash_of_a_token_and_not_the_token(
    engine: AsyncEngine, sessions: Sessions
) -> None:
    token = await log_in(sessions, MIRA, PASSWORD)

    async with engine.connect() as connection:
        rows = (await connection.execute(text("SELECT * FROM login_tokens"))).mappings().all()
    assert [row["token_hash"] for row in rows] == [sha256(token.encode()).hexdigest()]
    assert token not in str(rows)


REFUSED = {
    "unknown": ("nobody@example.org", PASSWORD),
    "wrong": (MIRA, "night-train-to-somewhere"),
    "empty": (MIRA, ""),
    "inactive": ("sam@example.org", PASSWORD),
}


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hash of each check of a password that Argon2 makes."""
    hashes: list[str] = []
    usual = Argon2Hasher.verify

    def verify(self: Argon2Hasher, password: str, hashed: str) -> bool:
        hashes.append(hashed)
        return usual(self, password, hashed)

    monkeypatch.setattr(Argon2Hasher, "verify", verify)
    return hashes


async def test_whoever_is_refused_hears_the_same_words_and_leaves_no_row(
    engine: AsyncEngine, sessions: Sessions
) -> None:
    told = set()
    for address, password in REFUSED.values():
        with pytest.raises(LoginRefused) as refused:
            await log_in(sessions, address, password)
        told.add(str(refused.value))

    assert len(told) == 1
    async with engine.connect() as connection:
        assert await connection.scalar(select(LoginToken.id)) is None


@pytest.mark.parametrize("case", [*REFUSED, "known"])
async def test_one_password_is_checked_whoever_asks(
    engine: AsyncEngine, sessions: Sessions, checked: list[str], case: str
) -> None:
    try:
        await log_in(sessions, *REFUSED.get(case, (MIRA, PASSWORD)))
    except LoginRefused:
        assert case != "known"

    assert checked == [security.NOBODYS_HASH if case == "unknown" else await hash_of(engine, 1)]


def test_nobodys_hash_costs_what_a_new_hash_costs_and_fits_nothing() -> None:
    (hasher,) = ARGON2.hashers

    assert not hasher.check_needs_rehash(NOBODYS_HASH)
    assert not any(ARGON2.verify(password, NOBODYS_HASH) for password in ("", "A" * 43))


async def test_while_a_password_is_checked_no_connection_is_lent_and_others_write(
    engine: AsyncEngine, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent: list[int] = []
    check = security.verify_and_renew

    async def looks_on(password: str, hashed: str | None) -> tuple[bool, str | None]:
        lent.append(engine.pool.checkedout())  # type: ignore[attr-defined]
        async with engine.execution_options(**WRITE_LOCK_FIRST).begin() as connection:
            await connection.execute(insert(Tag).values(name="meanwhile"))
        return await check(password, hashed)

    monkeypatch.setattr(access, "verify_and_renew", looks_on)
    token = await log_in(sessions, MIRA, PASSWORD)

    assert (await name_of(sessions, token), lent) == ("mira", [0])


async def test_a_weaker_hash_is_exchanged_and_one_of_today_is_kept(
    engine: AsyncEngine, sessions: Sessions
) -> None:
    await set_hash(engine, weak := CHEAPEST.hash(PASSWORD))
    for _ in range(2):
        await log_in(sessions, MIRA, PASSWORD)
        better = await hash_of(engine, 1)
        assert (CHEAP.verify_and_update(PASSWORD, better), better == weak) == ((True, None), False)

    await log_in(sessions, MIRA, PASSWORD)
    assert await hash_of(engine, 1) == better


async def test_a_wrong_password_changes_no_hash(engine: AsyncEngine, sessions: Sessions) -> None:
    await set_hash(engine, weak := CHEAPEST.hash(PASSWORD))
    with pytest.raises(LoginRefused):
        await log_in(sessions, MIRA, "night-train-to-somewhere")

    assert await hash_of(engine, 1) == weak


MEANWHILE: dict[str, dict[str, Any]] = {
    "a new password": {"hashed_password": CHEAP.hash("another one")},
    "no longer active": {"is_active": False},
}


@pytest.mark.parametrize("change", MEANWHILE.values(), ids=MEANWHILE)
async def test_who_is_changed_while_the_password_is_checked_is_refused(
    engine: AsyncEngine, sessions: Sessions, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    check = security.verify_and_renew

    async def change_first(password: str, hashed: str | None) -> tuple[bool, str | None]:
        async with engine.begin() as connection:
            await connection.execute(update(User).where(User.id == 1).values(change))
        return await check(password, hashed)

    monkeypatch.setattr(access, "verify_and_renew", change_first)
    with pytest.raises(LoginRefused):
        await log_in(sessions, MIRA, PASSWORD)


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_a_login_waits_for_a_change_of_the_password_that_is_under_way(
    engine: AsyncEngine, sessions: Sessions
) -> None:
    waits = "wait_event_type = 'Lock' AND datname = current_database()"  # others' databases are on this server, too
    waiting = text(f"SELECT count(*) FROM pg_stat_activity WHERE {waits}")
    async with unit_of_work(sessions) as session:
        wanted = UserUpdate.model_validate_json('{"password": "correct horse"}')
        await UserService(session).update_user(1, wanted)
        login = asyncio.create_task(log_in(sessions, MIRA, PASSWORD))
        async with engine.connect() as connection:
            while not (await connection.scalar(waiting) or login.done()):
                await connection.rollback()

    with pytest.raises(LoginRefused):
        await login


# --- user_of, log_out


async def test_a_token_is_looked_up_in_one_statement(engine: AsyncEngine, sessions: Sessions) -> None:
    token = await log_in(sessions, MIRA, PASSWORD)
    with watch(engine) as sent:
        assert await name_of(sessions, token) == "mira"

    assert len(sent) == 1


async def test_what_was_never_given_out_opens_nothing(engine: AsyncEngine, sessions: Sessions) -> None:
    token = await log_in(sessions, MIRA, PASSWORD)
    hashed = sha256(token.encode()).hexdigest()

    for other in ("", "x", token[:-1], token.swapcase(), hashed, "\0", "é", "\ud800"):
        assert await name_of(sessions, other) == "-"


async def test_a_login_lasts_as_long_as_it_says(engine: AsyncEngine, sessions: Sessions) -> None:
    for seconds, name in ((-1, "-"), (600, "mira")):
        token = f"for {seconds} seconds"
        await logged_in(engine, 1, token=token, lasts=timedelta(seconds=seconds))
        assert await name_of(sessions, token) == name

    await log_in(sessions, MIRA, PASSWORD)
    latest = select(LoginToken.expires_at, LoginToken.created_at).order_by(LoginToken.id.desc())
    async with engine.connect() as connection:
        until, since = (await connection.execute(latest.limit(1))).one()
    assert abs(until - since - access.LOGIN_LASTS) < timedelta(minutes=10)


ENDS: dict[str, Any] = {
    "deactivated": update(User).where(User.id == 1).values(is_active=False),
    "its row deleted": delete(LoginToken).where(LoginToken.user_id == 1),
    "its user deleted": delete(User).where(User.id == 1),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_whoever_is_no_longer_welcome_is_out_at_once(
    engine: AsyncEngine, sessions: Sessions, end: Any
) -> None:
    mira, tomas = [await log_in(sessions, address, PASSWORD) for address in (MIRA, "tomas@example.org")]
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM accounts"))
        await connection.execute(end)

    assert [await name_of(sessions, token) for token in (mira, tomas)] == ["-", "tomas"]


async def test_logging_out_ends_one_login(sessions: Sessions) -> None:
    here, there = [await log_in(sessions, MIRA, PASSWORD) for _ in range(2)]
    async with unit_of_work(sessions) as session:
        await log_out(session, here)
        await log_out(session, "never given out")

    assert [await name_of(sessions, token) for token in (here, there)] == ["-", "mira"]


@pytest.mark.parametrize(("but", "left"), [(None, ["-", "-", "tomas"]), (1, ["-", "mira", "tomas"])])
async def test_logging_out_everywhere_ends_every_login_of_one_user(
    sessions: Sessions, but: int | None, left: list[str]
) -> None:
    tokens = [await log_in(sessions, address, PASSWORD) for address in (MIRA, MIRA, "tomas@example.org")]
    async with unit_of_work(sessions) as session:
        await log_out_everywhere(session, 1, but=None if but is None else tokens[but])

    assert [await name_of(sessions, token) for token in tokens] == left


# --- who may


def test_a_row_is_ones_own_or_an_administrators_and_for_others_it_is_not_there() -> None:
    mira, boss = User(id=1, is_admin=False), User(id=7, is_admin=True)

    assert [own(mira, 1), own(boss, 1), own(boss, 7)] == [1, 1, 7]
    with pytest.raises(NotFound, match="there is no User 2"):
        own(mira, 2)


def test_only_an_administrator_is_one() -> None:
    boss = User(id=7, is_admin=True)

    assert administrator(boss) is boss
    with pytest.raises(NotAllowed):
        administrator(User(id=1, is_admin=False))


# --- the application, operation by operation

EVERYBODY = {"get /posts", "post /users", "post /login"}
ADMINISTRATORS = {"get /users"}
NAMES_NOBODY = {"delete /login"}
"""These concern whoever asks, and name no row."""
OWN: dict[str, Callable[[int], dict[str, Any]]] = {
    "get /users/{user_id}": lambda key: {"url": f"/users/{key}"},
    "patch /users/{user_id}": lambda key: {"url": f"/users/{key}", "json": {"email": f"new{key}@x.org"}},
    "delete /users/{user_id}": lambda key: {"url": f"/users/{key}"},
    "post /transfers": lambda key: {
        "url": "/transfers",
        "json": {"from_account_id": key, "to_account_id": 1, "amount": 1},
    },
}
"""How to ask for the row of a user: that of `key`, whose account has the same key."""

Header = dict[str, str]


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x")


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    return create_app(engine)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


async def faults_of(app: FastAPI, engine: AsyncEngine) -> list[str]:
    """What is wrong with who may do what: each operation of the application, asked by two users and by nobody."""
    tomas, yuki = await logged_in(engine, TOMAS), await logged_in(engine, YUKI)
    described = app.openapi()["paths"]
    faults: list[str] = []
    async with client_of(app) as client:
        for operation in [f"{method} {path}" for path, methods in described.items() for method in methods]:
            method, path = operation.split()
            url = path.replace("{user_id}", str(TOMAS))
            stranger = await client.request(method, url)
            if operation in EVERYBODY:
                faults += [f"{operation} is closed"] * (stranger.status_code == 401)
                continue
            if (stranger.status_code, stranger.headers.get("WWW-Authenticate")) != (401, "Bearer"):
                faults.append(f"{operation} asks nobody who is there")
            if operation in OWN:
                faults += await faults_of_own(client, engine, operation, tomas, yuki)
            elif operation in ADMINISTRATORS:
                asked = await client.request(method, url, headers=yuki)
                faults += [f"{operation} is open to users"] * (asked.status_code != 403)
            elif operation not in NAMES_NOBODY:
                faults.append(f"{operation} is on no list")
    return faults


async def faults_of_own(
    client: httpx.AsyncClient, engine: AsyncEngine, operation: str, tomas: Header, yuki: Header
) -> list[str]:
    """Yuki asks for the row of tomas, and for one that is not there: she must not see a difference."""
    method, told = operation.split()[0], []
    for key in (TOMAS, NOBODY):
        with watch(engine) as sent:
            reply = await client.request(method, **OWN[operation](key), headers=yuki)
        told.append((reply.status_code, reply.text.replace(str(key), "…"), len(sent)))
    mine = await client.request(method, **OWN[operation](TOMAS), headers=tomas)
    faults = [f"{operation} gives somebody else's row"] * (told[0][0] != 404)
    faults += [f"{operation} tells what is there"] * (told[0] != told[1])
    return faults + [f"{operation} refuses the owner"] * (mine.status_code in {401, 403, 404, 422})


async def test_every_operation_is_for_everybody_for_an_owner_or_for_administrators(
    app: FastAPI, engine: AsyncEngine
) -> None:
    assert await faults_of(app, engine) == []
    operations = {f"{m} {path}" for path, methods in app.openapi()["paths"].items() for m in methods}
    assert operations == EVERYBODY | ADMINISTRATORS | NAMES_NOBODY | OWN.keys()


async def test_a_rule_that_is_forgotten_and_a_route_on_no_list_are_found(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def anybody_pays(session: AsyncSession, *, owner_id: int, **terms: Any) -> Awaitable[Transfer]:
        return transfer_funds(session, **terms)

    monkeypatch.setattr(access, "own", lambda me, user_id: user_id)
    monkeypatch.setattr(access, "administrator", lambda me: me)
    monkeypatch.setattr(services, "transfer_funds", anybody_pays)
    app = create_app(engine)

    @app.get("/addresses")
    async def forgotten() -> None: ...

    faults = await faults_of(app, engine)
    assert set(faults) == {
        *(
            f"{each} {fault}"
            for each in OWN
            for fault in ("gives somebody else's row", "tells what is there")
        ),
        "get /users is open to users",
        "get /addresses asks nobody who is there",
        "get /addresses is on no list",
    }


NO_LOGIN: dict[str, Header] = {
    "none": {},
    "empty": {"Authorization": ""},
    "no token": {"Authorization": "Bearer"},
    "another scheme": {"Authorization": "Basic bWlyYTpuaWdodA=="},
    "unknown": {"Authorization": "Bearer x"},
    "a second one": {"Authorization": "Bearer x, Bearer y"},
}


async def test_a_stranger_hears_401_and_how_to_log_in_before_anything_about_the_request(
    client: httpx.AsyncClient,
) -> None:
    """Only a body that is no JSON at all is told of sooner: FastAPI parses it in front of every dependency."""
    for header in NO_LOGIN.values():
        for method, path in (("PATCH", "/users/1"), ("POST", "/transfers"), ("GET", "/users?page=-1")):
            reply = await client.request(method, path, json={"no such": "field"}, headers=header)
            assert (reply.status_code, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert reply.json().keys() == {"detail"}


async def test_a_stranger_takes_no_lock(engine: AsyncEngine, client: httpx.AsyncClient) -> None:
    with watch(engine) as sent:
        await client.post("/transfers", headers=NO_LOGIN["unknown"])

    assert [each.text for each in sent.everything if each.is_mark] == ["BEGIN", "ROLLBACK"]


async def test_who_reads_is_looked_up_in_the_session_that_serves_them(
    engine: AsyncEngine, client: httpx.AsyncClient
) -> None:
    mira = await logged_in(engine, 1)

    with watch(engine) as sent:
        reply = await client.get("/users/1", headers=mira)

    assert (reply.json()["username"], len(sent)) == ("mira", 1)
    assert [each.text for each in sent.everything if each.is_mark] == ["BEGIN", "ROLLBACK"]


async def test_who_asks_is_never_looked_up_on_a_standby(
    engine: AsyncEngine, url: URL, app: FastAPI, client: httpx.AsyncClient
) -> None:
    """It may not know yet that a login has ended."""
    mira, standby = await logged_in(engine, 1), create_engine(url)
    app.state.readers = create_session_factory(standby)

    with watch(engine) as sent, watch(standby) as sent_to_standby:
        reply = await client.get("/users/1", headers=mira)

    await standby.dispose()
    assert reply.json()["username"] == "mira"
    told = [[" login_tokens " in each.text for each in there] for there in (sent, sent_to_standby)]
    assert told == [[True], [False]]


async def test_a_login_over_the_network_and_its_end(client: httpx.AsyncClient) -> None:
    reply = await client.post("/login", json={"email": MIRA, "password": PASSWORD})
    header = {"Authorization": f"Bearer {reply.json()['token']}"}
    found = [await client.get("/users/1", headers=header)]
    out = await client.delete("/login", headers=header)
    found += [await client.get("/users/1", headers=header)]

    assert (reply.status_code, reply.json()["expires_in"]) == (201, 7 * 24 * 60 * 60)
    assert (out.status_code, [each.status_code for each in found]) == (204, [200, 401])


async def test_every_refused_login_gets_the_same_reply(client: httpx.AsyncClient) -> None:
    replies = [
        await client.post("/login", json={"email": address, "password": password})
        for address, password in REFUSED.values()
    ]

    assert {(reply.status_code, reply.text, str(reply.headers)) for reply in replies} == {
        (401, replies[0].text, str(replies[0].headers))
    }
    assert replies[0].headers["WWW-Authenticate"] == "Bearer"


async def test_a_new_password_ends_the_other_logins_and_opens_again(
    engine: AsyncEngine, client: httpx.AsyncClient
) -> None:
    here, there, tomas = [await logged_in(engine, key) for key in (1, 1, TOMAS)]
    reply = await client.patch("/users/1", json={"password": "correct horse"}, headers=here)
    asked = [
        await client.get(f"/users/{key}", headers=header)
        for key, header in ((1, here), (1, there), (2, tomas))
    ]
    again = [
        await client.post("/login", json={"email": MIRA, "password": password})
        for password in (PASSWORD, "correct horse")
    ]

    assert (reply.status_code, [each.status_code for each in asked]) == (200, [200, 401, 200])
    assert [each.status_code for each in again] == [401, 201]


async def test_another_change_ends_no_login(engine: AsyncEngine, client: httpx.AsyncClient) -> None:
    here, there = [await logged_in(engine, 1) for _ in "ab"]
    await client.patch("/users/1", json={"username": "mira2"}, headers=here)

    assert (await client.get("/users/1", headers=there)).status_code == 200


async def test_only_an_administrator_says_who_is_active_and_that_ends_logins_for_good(
    engine: AsyncEngine, client: httpx.AsyncClient
) -> None:
    await make_administrator(engine, "mira")
    boss, yuki = await logged_in(engine, 1), await logged_in(engine, YUKI)
    change = [
        await client.patch(f"/users/{YUKI}", json={"is_active": active}, headers=who)
        for active, who in ((False, yuki), (False, boss), (True, boss))
    ]

    assert [reply.status_code for reply in change] == [403, 200, 200]
    assert (await client.get(f"/users/{YUKI}", headers=yuki)).status_code == 401


async def test_an_administrator_pays_from_no_account_of_others(
    engine: AsyncEngine, client: httpx.AsyncClient
) -> None:
    await make_administrator(engine, "mira")
    terms = {"from_account_id": TOMAS, "to_account_id": 1, "amount": 1}
    reply = await client.post("/transfers", json=terms, headers=await logged_in(engine, 1))

    assert reply.status_code == 404


async def test_the_description_says_which_operations_want_a_token(app: FastAPI) -> None:
    described = app.openapi()
    wanted = {
        f"{method} {path}"
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if operation.get("security")
    }

    assert wanted == ADMINISTRATORS | NAMES_NOBODY | OWN.keys()
    assert described["components"]["securitySchemes"] == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}
