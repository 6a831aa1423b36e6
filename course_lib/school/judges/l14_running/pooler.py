"""A small pooler in transaction mode: clients keep their connections, and the server's change hands behind each commit.

As PgBouncer does, it lends a server's connection for one transaction, and refuses settings at the start that it does
not know. Unlike it, it takes the connections in turn, so that each client meets another one each time, and nobody has
to wait for bad luck. Source: the manual of PostgreSQL, "Frontend/Backend Protocol: Message Formats".
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import URL

KNOWN = {"user", "database", "client_encoding", "application_name"}
ASKS_FOR_A_REPLY = {3, 5, 10, 11}
"""Kinds of authentication requests that the client answers."""
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def pooler(url: URL, *, connections: int = 3) -> AsyncIterator[URL]:
    """The address of a pooler in front of the database at `url`."""
    pool = _Pool(url, connections)
    server = await asyncio.start_server(pool.serve, "127.0.0.1", 0)
    try:
        yield url.set(port=server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await pool.close()


class _Pool:
    def __init__(self, url: URL, most: int) -> None:
        self.url, self.most, self.made = url, most, 0
        self.free: asyncio.Queue[Stream] = asyncio.Queue()
        self.all: list[asyncio.StreamWriter] = []
        self.clients: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve((reader, writer)))
        self.clients.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await task
        writer.close()

    async def _serve(self, client: Stream) -> None:
        if not await self._let_in(client):
            return
        said = _begin(client)
        while (await asyncio.shield(said))[:1] != b"X":
            server = await self.free.get()
            said = await _transaction(said, client, server)
            self.free.put_nowait(server)

    async def _let_in(self, client: Stream) -> bool:
        """Whoever the server lets in is let in, and the first of their connections are those of the pool."""
        start = await _message(client, kind=False)
        words = start[8:].decode().split("\0")
        unknown = next((word for word in words[::2] if word and word not in KNOWN), "")
        if unknown:
            client[1].write(_refusal(f"unsupported startup parameter: {unknown}"))
            await client[1].drain()
            return False
        server = await asyncio.open_connection(self.url.host, self.url.port)
        self.all.append(server[1])
        server[1].write(start)
        while (message := await _message(server))[:1] != b"Z":
            client[1].write(message)
            if message[:1] == b"R" and int.from_bytes(message[5:9]) in ASKS_FOR_A_REPLY:
                server[1].write(await _message(client))
        client[1].write(message)
        if self.made < self.most:
            self.made += 1
            self.free.put_nowait(server)
        else:
            server[1].close()
        return True

    async def close(self) -> None:
        for task in self.clients:
            task.cancel()
        await asyncio.gather(*self.clients, return_exceptions=True)
        for writer in self.all:
            writer.close()


def _begin(stream: Stream) -> "asyncio.Task[bytes]":
    return asyncio.ensure_future(_message(stream))


async def _transaction(said: "asyncio.Task[bytes]", client: Stream, server: Stream) -> "asyncio.Task[bytes]":
    """From the client's first message to the moment in which the server says that it is in no transaction, and has
    answered all that asks for such a word. Returns what the client says next."""
    answered, open_questions = _begin(server), 0
    try:
        while True:
            await asyncio.wait([said, answered], return_when=asyncio.FIRST_COMPLETED)
            if said.done():
                message = said.result()
                open_questions += message[:1] in (b"Q", b"S")
                server[1].write(message)
                said = _begin(client)
            if answered.done():
                message = answered.result()
                client[1].write(message)
                open_questions -= message[:1] == b"Z"
                if message[:1] == b"Z" and message[5:6] == b"I" and not open_questions:
                    return said
                answered = _begin(server)
    finally:
        answered.cancel()


async def _message(stream: Stream, *, kind: bool = True) -> bytes:
    head = await stream[0].readexactly(5 if kind else 4)
    return head + await stream[0].readexactly(int.from_bytes(head[-4:]) - 4)


def _refusal(told: str) -> bytes:
    fields = b"SFATAL\0C08P01\0M" + told.encode() + b"\0\0"
    return b"E" + (len(fields) + 4).to_bytes(4) + fields
