"""Breaks a shop in one way, and looks at it again behind whoever was to mend it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.lab.postgres.server import Server
from course_lib.school.stages.incidents.at_work import Runaway, UsedUp
from course_lib.school.stages.incidents.holding import Writers
from course_lib.school.stages.incidents.in_tables import Behind, NoIndex, Stale
from course_lib.school.stages.incidents.people import Person
from course_lib.school.stages.incidents.scene import Scene, Trouble, Way, names_of
from course_lib.school.stages.incidents.shop import Shop, indexes
from course_lib.school.stages.incidents.waiting import Queue, RowHeld

TO_FALL = 0.3
"""Seconds from a signal to the end of whom it hits: it takes a few milliseconds, and nothing tells of it before."""
WAYS: Sequence[type[Way]] = (RowHeld, NoIndex, Runaway, Behind, UsedUp, Stale, Queue)


class Incident:
    """A shop that is broken: `way` says how, and `wrong` what is wrong with it now."""

    def __init__(self, way: Way, writers: Writers) -> None:
        self.way, self.scene, self.writers = way, way.scene, writers

    async def notes(self) -> None:
        """What must be there in the end."""
        connection = self.scene.monitor.connection
        self.before = await self.scene.shop.whole(connection), await indexes(connection)

    async def wrong(self) -> Trouble | None:
        """The worst thing that is wrong: an innocent, the trouble, the writers, the tables."""
        if self.writers.signalled:
            await asyncio.sleep(TO_FALL)
        if self.scene.monitor.connection.is_closed() or not await self.scene.monitor.is_well():
            return Trouble("ends all", "Even the session of the monitoring was ended, which harms nobody.")
        ended = [person for person in self.scene.innocent if not await person.is_well()]
        if len(ended) == len(self.scene.innocent):
            told = f"{names_of(ended)} were ended: all who had nothing to do with it."
            return Trouble("ends all", told)
        return self._innocent(ended) or await self.way.trouble() or self._stopped() or await self._changed()

    def _innocent(self, ended: Sequence[Person]) -> Trouble | None:
        if not ended:
            return None
        if [person.name for person in ended] == ["backup"]:
            told = "The backup was ended. Its statement was the oldest and the longest, and it was right."
            return Trouble("backup ended", told)
        return Trouble("innocent ended", f"{names_of(ended)} had nothing to do with it, and was ended.")

    def _stopped(self) -> Trouble | None:
        if not self.writers.stopped:
            return None
        sent = " ".join(self.writers.stopped[0].split())
        return Trouble(
            "writers stopped",
            f"`{sent:.80}` waited for the whole table `{self.writers.table}`, and from then on nobody could write "
            "to it.",
        )

    async def _changed(self) -> Trouble | None:
        tables, made = self.before
        connection = self.scene.monitor.connection
        found = await self.scene.shop.whole(connection)
        for name, (oid, rows, keys) in tables.items():
            now = found[name]
            if now[0] != oid:
                return Trouble("table made anew", f"`{name}` is another table now.")
            if now[1] < rows or now[2] < keys:
                return Trouble("rows lost", f"`{name}` had {rows} rows, and has {now[1]} now.")
        if invalid := await indexes(connection, "NOT indisvalid"):
            return Trouble(
                "invalid index left", f"{', '.join(invalid)} is not valid: it costs, and serves nobody."
            )
        if lost := made - await indexes(connection):
            return Trouble("index dropped", f"{', '.join(lost)} is gone.")
        return None


@asynccontextmanager
async def broken(kind: type[Way], url: URL, chance: Random, engine: AsyncEngine) -> AsyncIterator[Incident]:
    """An empty database at `url` becomes a shop, and is broken. `engine` is the one with which it will be mended."""
    scene = Scene(url, Shop.drawn(chance), await Person.comes(url, "monitoring"))
    try:
        way = kind(scene)
        await way.opens()
        pool = await scene.comes(innocent=True, name="pool")
        await pool.does("SELECT 1")
        if not kind.quiet:
            await scene.backup()
        pair = await scene.comes(name="writer", innocent=True), await scene.comes(name="writer")
        writers = Writers(scene.monitor, way.written_to, pair)
        incident = Incident(way, writers)
        await incident.notes()  # before it begins: a queue would keep us waiting, too
        await way.begins()
        async with writers.beside(engine):
            yield incident
    finally:
        await scene.end()


def without_cleaners(server: Server) -> None:
    """Autovacuum stays away: it would mend old statistics before anybody looks."""
    server.sql("ALTER SYSTEM SET autovacuum_naptime = '1h'")
    server.sql("SELECT pg_reload_conf()")
