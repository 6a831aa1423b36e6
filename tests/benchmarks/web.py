"""Requests to the web application beside the same routes written by hand with the ORM: in process, where the
application is called as a server would call it, and over HTTP on loopback, where client and server are in the figures.

By hand a request has one session: the token is looked up in it, and the work is done in it.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any
from unittest.mock import patch

import httpx
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload
from stages import logged_in
from starlette.types import ASGIApp, Message

from benchmarks.cases import Place, Way, Ways, case
from course_lib import schemas, services
from course_lib.app import create_app
from course_lib.db import WRITE_LOCK_FIRST, utc_now
from course_lib.lab.serving import free_port
from course_lib.models import Account, LoginToken, Post, Transfer, User
from course_lib.pagination import CursorPage

Ask = Callable[[str, str, dict[str, str], bytes], Awaitable[tuple[int, bytes]]]
"""Method, path with its query, headers, body; gives the status and the body of the reply."""

POSTS = 10_000
NO_HASH = "not a hash: the cost of Argon2 is left out here"


async def reading(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


async def writing(request: Request) -> AsyncIterator[AsyncSession]:
    async with (
        request.app.state.sessions(execution_options=WRITE_LOCK_FIRST) as session,
        session.begin(),
    ):
        yield session


Reads = Annotated[AsyncSession, Depends(reading, scope="function")]
Writes = Annotated[AsyncSession, Depends(writing, scope="function")]
Bearer = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


async def whose(session: AsyncSession, bearer: HTTPAuthorizationCredentials) -> User:
    user = await session.scalar(
        select(User)
        .join(LoginToken)
        .where(
            LoginToken.token_hash == sha256(bearer.credentials.encode()).hexdigest(),
            LoginToken.expires_at > utc_now(),
            User.is_active,
        )
    )
    if user is None:
        raise HTTPException(401)
    return user


def by_hand(sessions: Callable[..., AsyncSession]) -> FastAPI:
    """The four routes as FastAPI's and SQLAlchemy's manuals write them, for the same requests and replies."""
    app = FastAPI()
    app.state.sessions = sessions

    @app.get("/users/{user_id}", response_model=schemas.UserResponse)
    async def get_user(user_id: int, session: Reads, bearer: Bearer) -> User:
        me = await whose(session, bearer)
        if not (me.is_admin or me.id == user_id):
            raise HTTPException(404)
        user = await session.get(User, user_id)
        if user is None:
            raise HTTPException(404)
        return user

    @app.get("/posts", response_model=CursorPage[schemas.PostResponse])
    async def get_feed(session: Reads, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
        rows = (
            select(Post)
            .where(Post.published)
            .options(joinedload(Post.author, innerjoin=True), selectinload(Post.tags))
            .order_by(Post.created_at.desc(), Post.id.desc())
            .limit(limit + 1)
        )
        if cursor:
            at, key = cursor.rsplit("_", 1)
            rows = rows.where(
                tuple_(Post.created_at, Post.id) < (datetime.fromisoformat(at).replace(tzinfo=UTC), int(key))
            )
        posts = (await session.scalars(rows)).all()
        items, more = posts[:limit], posts[limit:]
        place = f"{items[-1].created_at.replace(tzinfo=None).isoformat()}_{items[-1].id}" if more else None
        return {"items": items, "next_cursor": place, "previous_cursor": None}

    @app.post("/transfers", status_code=201, response_model=schemas.TransferResponse)
    async def create_transfer(wanted: schemas.TransferCreate, session: Writes, bearer: Bearer) -> Transfer:
        me = await whose(session, bearer)
        rows = (
            select(Account)
            .where(Account.id.in_([wanted.from_account_id, wanted.to_account_id]))
            .order_by(Account.id)
            .with_for_update()
        )
        accounts = {account.id: account for account in await session.scalars(rows)}
        payer, payee = accounts.get(wanted.from_account_id), accounts.get(wanted.to_account_id)
        if payer is None or payee is None or payer.owner_id != me.id:
            raise HTTPException(404)
        if payer.balance < wanted.amount:
            raise HTTPException(409)
        payer.balance -= wanted.amount
        payee.balance += wanted.amount
        line = Transfer(from_account_id=payer.id, to_account_id=payee.id, amount=wanted.amount)
        session.add(line)
        await session.flush()
        await session.refresh(line, ["created_at"])
        return line

    @app.post("/users", status_code=201, response_model=schemas.UserResponse)
    async def create_user(wanted: schemas.UserCreate, session: Writes) -> User:
        user = User(email=wanted.email, username=wanted.username, hashed_password=NO_HASH)
        session.add(user)
        try:
            await session.flush()
        except IntegrityError:
            raise HTTPException(409) from None
        return user

    return app


def in_process(app: ASGIApp) -> Ask:
    """Calls the application as a server does, with nothing of a client or a socket around it."""

    async def ask(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        route, _, query = path.partition("?")
        raw = {"content-type": "application/json", "content-length": str(len(body)), **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": route,
            "raw_path": route.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in raw.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        status, parts = 0, []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            parts.append(message.get("body", b""))

        await app(scope, receive, send)
        return status, b"".join(parts)

    return ask


@asynccontextmanager
async def over_http(app: ASGIApp) -> AsyncIterator[Ask]:
    """A server in this event loop, where the engine lives, and a client that keeps its connection."""
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, log_level="critical"))
    with free_port() as listener:
        listener.listen()
        running = asyncio.create_task(server.serve([listener]))
        try:
            address = "http://{}:{}".format(*listener.getsockname())
            async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as client:

                async def ask(
                    method: str, path: str, headers: dict[str, str], body: bytes
                ) -> tuple[int, bytes]:
                    reply = await client.request(
                        method, path, headers={"content-type": "application/json", **headers}, content=body
                    )
                    return reply.status_code, reply.content

                yield ask
        finally:
            server.should_exit = True
            await running


@asynccontextmanager
async def two_applications(place: Place, *, http: bool) -> AsyncIterator[dict[str, Ask]]:
    """Ours and the one by hand, on the same engine."""
    apps: dict[str, FastAPI] = {"course_lib": create_app(place.engine), "by hand": by_hand(place.sessions)}
    async with AsyncExitStack() as servers:
        if http:
            yield {name: await servers.enter_async_context(over_http(app)) for name, app in apps.items()}
        else:
            yield {name: in_process(app) for name, app in apps.items()}


def checked(ask: Ask, request: Callable[[], tuple[str, str, dict[str, str], bytes]], wanted: int) -> Way:
    """A figure counts for the right reply alone."""

    async def run() -> None:
        status, body = await ask(*request())
        assert status == wanted, (status, body)

    return Way(run)


async def get_user(place: Place, *, http: bool) -> AsyncIterator[Ways]:
    headers = await logged_in(place.engine, 1)
    async with two_applications(place, http=http) as asks:
        yield Ways(
            {name: checked(ask, lambda: ("GET", "/users/1", headers, b""), 200) for name, ask in asks.items()}
        )


async def feed_by_cursor(place: Place, *, http: bool) -> AsyncIterator[Ways]:
    """Page 2 of twenty posts each."""
    async with two_applications(place, http=http) as asks:
        ways = {}
        for name, ask in asks.items():
            _, first = await ask("GET", "/posts", {}, b"")
            path = httpx.URL("/posts", params={"cursor": json.loads(first)["next_cursor"]})
            ways[name] = checked(ask, lambda path=str(path): ("GET", path, {}, b""), 200)  # type: ignore[misc]
        yield Ways(ways)


async def transfer(place: Place, *, http: bool) -> AsyncIterator[Ways]:
    headers = await logged_in(place.engine, 1)
    async with place.engine.begin() as connection:
        await connection.execute(update(Account).where(Account.id == 1).values(balance=10**12))
    wanted = json.dumps({"from_account_id": 1, "to_account_id": 2, "amount": 1}).encode()
    async with two_applications(place, http=http) as asks:
        yield Ways(
            {
                name: checked(ask, lambda: ("POST", "/transfers", headers, wanted), 201)
                for name, ask in asks.items()
            }
        )


async def sign_up(place: Place, *, http: bool) -> AsyncIterator[Ways]:
    """Without the cost of a hash, which is the same for both and fifty times the rest."""
    number = itertools.count()

    def somebody_new() -> tuple[str, str, dict[str, str], bytes]:
        name = f"new{next(number)}"
        wanted = {"email": f"{name}@example.org", "username": name, "password": "long-enough"}
        return "POST", "/users", {}, json.dumps(wanted).encode()

    async def no_hash(password: str) -> str:
        return NO_HASH

    with patch.object(services, "hash_password", no_hash):
        async with two_applications(place, http=http) as asks:
            yield Ways({name: checked(ask, somebody_new, 201) for name, ask in asks.items()})


REQUESTS: dict[str, tuple[Callable[..., AsyncIterator[Ways]], int]] = {
    "GET a user": (get_user, 0),
    "feed by cursor": (feed_by_cursor, POSTS),
    "transfer": (transfer, 0),
    "sign-up without Argon2": (sign_up, 0),
}


def _register(operation: str, ways: Callable[..., AsyncIterator[Ways]], rows: int, *, http: bool) -> None:
    where = "over HTTP" if http else "in process"

    @case("web", f"{operation}, {where}", rows=rows)
    async def measured(place: Place) -> AsyncIterator[Ways]:
        async for each in ways(place, http=http):
            yield each


for _http in (False, True):
    for _operation, (_ways, _rows) in REQUESTS.items():
        _register(_operation, _ways, _rows, http=_http)
