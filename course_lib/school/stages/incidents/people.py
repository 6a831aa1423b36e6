"""Sessions on a server, each with a name and a task: the innocent, the guilty, and those who only wait."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import asyncpg
from sqlalchemy import URL

GLANCE = 0.02
"""Seconds between two looks."""
LOOKS = 200
"""For what was ended to be gone: one or two do on an idle machine. They are counted, so that a busy one has the time
that it needs; only what is wrong takes all of them."""


@dataclass(eq=False)
class Person:
    """`name` is the application_name; `work` is a statement that has been sent and has not come back.

    Whoever asks something of the connection takes `turn`: asyncpg refuses a second question during the first.
    """

    name: str
    connection: Any
    pid: int
    work: "asyncio.Task[Any] | None" = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def comes(cls, url: URL, name: str) -> Self:
        connection = await asyncpg.connect(
            host=url.host,
            port=url.port,
            user=url.username,
            password=url.password,
            database=url.database,
            ssl=False,
            server_settings={"application_name": name},
        )
        return cls(name, connection, connection.get_server_pid())

    async def does(self, statement: str) -> None:
        """Without arguments, so that no snapshot is kept behind it."""
        async with self.turn:
            await self.connection.execute(statement)

    def begins(self, statement: str) -> None:
        """Send a statement, and do not wait for its end."""
        self.work = asyncio.ensure_future(self.connection.execute(statement))

    async def is_well(self) -> bool:
        """Whether the statement still runs, or the session still answers."""
        if self.work is not None:
            return not self.work.done()
        try:
            async with self.turn:
                return await self.connection.fetchval("SELECT true") is True
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return False

    async def goes(self) -> None:
        self.connection.terminate()
        if self.work is not None:
            self.work.cancel()
            await asyncio.wait([self.work])
            if not self.work.cancelled():
                self.work.exception()  # looked at, or Python complains of it later


async def backup(person: Person, table: str) -> None:
    """A long COPY, as slow as it was told to be: right, and older than whatever comes later."""

    async def take(_: bytes) -> None:
        pass

    rows = f"SELECT *, pg_sleep(60) FROM {table}"
    person.work = asyncio.ensure_future(person.connection.copy_from_query(rows, output=take))


async def until(condition: Callable[[], Awaitable[bool]], *, looks: int = LOOKS) -> bool:
    """Whether it comes true within so many looks."""
    for _ in range(looks):
        if await condition():
            return True
        await asyncio.sleep(GLANCE)
    return False


async def certainly(condition: Callable[[], Awaitable[bool]], told: str) -> None:
    """Of what comes true by itself, however slow the machine."""
    if not await until(condition, looks=10 * LOOKS):
        raise AssertionError(told)
