"""Routes behind a real server in this event loop: they may use its engine, and what hangs in them can be stopped.

async with served(sessions) as site:
    add_profile(site.app, site.database)
    reply = await site.ask("GET", "/profiles/1")

The server of a lesson has a thread of its own, where no signal arrives.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from course_lib.lab.serving import client_of, free_port
from course_lib.lab.unawaited import let_go


class Site:
    """`database` is what a route takes as `session=database`: committed when the route has returned, before the reply.

    `happened` has 'reply 200' for each reply as it leaves, and whatever else is put there. `errors` are what nobody
    caught in the last request. `on_part` is called for each part of a body that has left.
    """

    client: httpx.AsyncClient

    def __init__(self, app: FastAPI, database: Any) -> None:
        self.app, self.database = app, database
        self.happened: list[str] = []
        self.errors: list[BaseException] = []
        self.on_part: Callable[[], object] = lambda: None
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def ask(
        self, method: str, path: str, *, expected: tuple[type[Exception], ...] = (), **content: Any
    ) -> httpx.Response:
        """The reply, when all of the request has ended, its background tasks too; one that broke off counts as 500.

        Raises what nobody caught in the application, unless it is `expected`.
        """
        self.errors.clear()
        try:
            reply = await self.client.request(method, path, **content)
        except httpx.TransportError as error:
            reply = httpx.Response(500, text=str(error))
        await self._idle.wait()
        for each in self.errors:
            if not isinstance(each, expected):
                raise each
        return reply

    def in_front_of(self, app: ASGIApp) -> ASGIApp:
        """The application, whose replies and errors are noted."""

        async def noting(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_and_note(message: Message) -> None:
                await send(message)
                self._note(message)

            # So a stream runs in this task, not in one of its own, out of which a `sys.exit` would end the event loop.
            scope["asgi"]["spec_version"] = "2.4"
            with self._in_work():
                await app(scope, receive, send_and_note)

        return noting

    def _note(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.happened.append(f"reply {message['status']}")
        elif message.get("body"):
            self.on_part()

    @contextmanager
    def _in_work(self) -> Iterator[None]:
        self._running += 1
        self._idle.clear()
        try:
            yield
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # the end of the program, too: it must not end the server's task
            let_go(error)
            self.errors.append(error)
            raise
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the notebook, and to the alarm of a check."""
        yield


@asynccontextmanager
async def served(sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[Site]:
    """A new application on a free port of this machine; at the end of the block nothing of it goes on."""
    site = Site(FastAPI(), Depends(_one_per_request(sessions), scope="function"))
    server = _Server(_quiet(site.in_front_of(site.app)))
    with free_port() as listener:
        listener.listen()  # so that the client may ask before the server has begun
        running = asyncio.create_task(server.serve([listener]))
        try:
            async with client_of(listener) as site.client:
                yield site
        finally:
            await _end(server, running)


def _one_per_request(sessions: async_sessionmaker[AsyncSession]) -> Callable[[], AsyncIterator[AsyncSession]]:
    async def get_session() -> AsyncIterator[AsyncSession]:
        async with sessions() as session:
            yield session
            await session.commit()

    return get_session


def _quiet(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app, lifespan="off", log_config=None, log_level="critical", timeout_graceful_shutdown=1
    )


async def _end(server: uvicorn.Server, running: asyncio.Task[None]) -> None:
    server.should_exit = server.force_exit = True
    for request in server.server_state.tasks:
        request.cancel()
    await asyncio.wait({running}, timeout=5)
    running.cancel()
