"""A writer at each moment: whoever wants the table for himself alone is seen, waiting behind one.

Two sessions take turns, but only when a learner's statement waits: until then no statement of theirs can be met. One
that waits for the *table* stops every writer who comes later. One that waits for the *end of a transaction*, as
CREATE INDEX CONCURRENTLY does, stops nobody: the writer commits, behind the other one who has begun.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.lab.engine_events import listening
from course_lib.school.stages.incidents.people import Person

LEFT_ALONE = AGAIN = 0.05
"""Seconds of a statement before anybody looks, and from one look to the next."""
QUESTION = re.compile(r"\s*(SELECT|WITH|SHOW|EXPLAIN|VALUES|TABLE)\b", re.IGNORECASE)
"""It locks no table, so nobody looks: it shall find no statement of ours at work."""
SIGNAL = re.compile("pg_(terminate|cancel)_backend")
WAITS = """
SELECT DISTINCT locktype = 'relation' FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE NOT granted AND application_name = '' AND datname = current_database()
"""
"""A learner's sessions have no name; which of the two they wait for."""


class Writers:
    """`stopped` are the statements for which writers had to stop; `signalled` that somebody may have been ended."""

    def __init__(self, monitor: Person, table: str, pair: tuple[Person, Person]) -> None:
        self.monitor, self.table, self.pair = monitor, table, [*pair]
        self.stopped: list[str] = []
        self.sent, self.since = "", 0.0
        self.signalled = False

    async def begins(self, writer: Person) -> None:
        """Of the rows none is met: the lock on the table is the same."""
        await writer.does(f"BEGIN; UPDATE {self.table} SET id = id WHERE id < 0")

    @asynccontextmanager
    async def beside(self, engine: AsyncEngine) -> AsyncIterator[None]:
        """Somebody writes for as long as the block lasts; the writes are taken back behind it."""
        await self.begins(self.pair[0])

        def begin(connection: Any, cursor: Any, sent: str, *_: Any) -> None:
            self.sent = "" if QUESTION.match(sent) else sent
            self.since = asyncio.get_running_loop().time()
            self.signalled |= bool(SIGNAL.search(sent))

        def end(*_: Any) -> None:
            self.sent = ""

        watching = asyncio.ensure_future(self._watch())
        try:
            with listening(engine, before_cursor_execute=begin, after_cursor_execute=end, handle_error=end):
                yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(AGAIN)
            if self.sent and loop.time() - self.since > LEFT_ALONE:
                async with self.monitor.turn:
                    waits = {wait for (wait,) in await self.monitor.connection.fetch(WAITS)}
                if True in waits:
                    self.stopped.append(self.sent)
                    await self.pair[0].does("ROLLBACK")
                elif waits:
                    await self.begins(self.pair[1])
                    await self.pair[0].does("ROLLBACK")
                    self.pair.reverse()
