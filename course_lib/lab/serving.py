"""A real server for an application, on a free port of this machine, for as long as a block lasts."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from course_lib.lab.unawaited import let_go


@asynccontextmanager
async def serve(
    app: ASGIApp, *, note: Callable[[str], object] = lambda _: None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app`, which a thread of its own serves; it waits up to 30 seconds for a reply. At the end of the
    block running requests end first, then client, port and thread. `note` hears 'reply 201' as that reply leaves."""
    server = uvicorn.Server(uvicorn.Config(_noting(app, note), log_config=None, log_level="critical"))
    with ThreadPoolExecutor(1, "course server") as thread, free_port() as listener:
        served = asyncio.get_running_loop().run_in_executor(thread, server.run, [listener])
        try:
            while not (server.started or served.done()):  # noqa: ASYNC110  uvicorn has no event for it
                await asyncio.sleep(0.01)
            if not server.started:
                raise RuntimeError("the application did not start")
            async with client_of(listener) as client:
                yield client
        finally:
            server.should_exit = True
            await asyncio.gather(served, return_exceptions=True)


def _noting(app: ASGIApp, note: Callable[[str], object]) -> ASGIApp:
    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_note(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                note(f"reply {message['status']}")

        try:
            await app(scope, receive, send_and_note)
        except Exception as error:
            let_go(error, collect=True)  # FastAPI makes its own of pydantic's
            raise

    return noting


def free_port() -> socket.socket:
    """A socket on a free port of this machine, to be listened on and closed."""
    # Named as TCP, or asyncio would not switch off Nagle's algorithm, and each reply would take 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener


def client_of(listener: socket.socket) -> httpx.AsyncClient:
    """A client that asks there, and waits up to 30 seconds for a reply."""
    # A new connection for each request: uvicorn closes one behind an error, when the next request may be in it.
    each_anew = httpx.Limits(max_keepalive_connections=0)
    address = "http://{}:{}".format(*listener.getsockname())
    # On this machine nothing is encrypted: the certificates of the world, which take 20 ms to read, stay unread.
    trusts_none = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(
        base_url=address, timeout=30, limits=each_anew, trust_env=False, verify=trusts_none
    )
