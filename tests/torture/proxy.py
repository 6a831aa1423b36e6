"""A line to PostgreSQL that loses a COMMIT or the reply to it: it reads the messages, and cuts between two of them.

A message is a letter, a length that counts itself, and its content; the first one of a client has no letter. Source:
PostgreSQL's manual, "Message Formats". This works without TLS alone."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal

What = Literal["COMMIT", "reply"]

QUERY, COMMAND_COMPLETE = b"Q", b"C"


class Proxy:
    """Counts what it lost. `loses` is asked when a COMMIT is about to reach the server, and when the reply to it is
    about to reach the client: if it says so, both ends see a connection that is gone.
    """

    def __init__(self, host: str, port: int, loses: Callable[[What], bool]) -> None:
        self.server, self.loses = (host, port), loses
        self.lost: Counter[What] = Counter()
        self.port = 0

    async def carry(self, from_client: StreamReader, to_client: StreamWriter) -> None:
        """One connection, until one of its ends or this line cuts it."""
        from_server, to_server = await asyncio.open_connection(*self.server)
        with suppress(OSError, asyncio.IncompleteReadError):
            to_server.write(await _content(from_client))
            ways = {
                asyncio.create_task(self._forward(from_client, to_server, self._is_commit)),
                asyncio.create_task(self._forward(from_server, to_client, self._is_reply)),
            }
            _, other = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for task in other:
                task.cancel()
            await asyncio.wait(ways)
        to_server.transport.abort()
        to_client.transport.abort()

    async def _forward(
        self, source: StreamReader, to: StreamWriter, what: Callable[[bytes, bytes], What | None]
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                letter, content = await source.readexactly(1), await _content(source)
                if (found := what(letter, content)) and self.loses(found):
                    self.lost[found] += 1
                    return
                to.write(letter + content)
                await to.drain()

    def _is_commit(self, letter: bytes, content: bytes) -> What | None:
        return "COMMIT" if letter == QUERY and content[4:].startswith(b"COMMIT") else None

    def _is_reply(self, letter: bytes, content: bytes) -> What | None:
        return "reply" if letter == COMMAND_COMPLETE and content[4:] == b"COMMIT\0" else None


async def _content(source: StreamReader) -> bytes:
    """The length and what it counts."""
    length = await source.readexactly(4)
    return length + await source.readexactly(int.from_bytes(length) - 4)


@asynccontextmanager
async def line_to(host: str, port: int, loses: Callable[[What], bool]) -> AsyncIterator[Proxy]:
    """A proxy that listens on a `port` of loopback for the block."""
    proxy = Proxy(host, port, loses)
    async with await asyncio.start_server(proxy.carry, "127.0.0.1", 0) as server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
