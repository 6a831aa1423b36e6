"""A statement without end, and connections that nobody gives back."""

import secrets
from contextlib import suppress

import asyncpg

from course_lib.school.stages.incidents.causes import CONNECTIONS, RUNAWAY
from course_lib.school.stages.incidents.people import Person, until
from course_lib.school.stages.incidents.scene import Trouble, Way

WITHOUT_END = "SELECT count(*) FROM generate_series(1, 3000) a" + "".join(
    f", generate_series({before}, {before} + 3000) {name}" for before, name in ("ab", "bc", "cd")
)
"""Each row asks for the next ones anew. All with all would be kept in a file, and whoever writes to it waits for it."""
ENOUGH = 5


class Runaway(Way):
    cause = RUNAWAY
    person: Person

    async def begins(self) -> None:
        self.person = await self.scene.comes()
        self.person.begins(WITHOUT_END)
        await self.scene.comes_to(self.person, "state = 'active' AND wait_event IS NULL")

    async def trouble(self) -> Trouble | None:
        work, name = self.person.work, self.person.name
        assert work is not None

        async def over() -> bool:
            return work.done()

        if not await until(over):
            return Trouble(
                "still running",
                f"`{name}` has sent a statement that will not end by itself, and it is still at work.",
            )
        self.person.work = None
        if not isinstance(work.exception(), asyncpg.QueryCanceledError) or not await self.person.is_well():
            return Trouble(
                "session ended",
                f"The statement of `{name}` is over, and so is its session, with all that it had besides. "
                "`pg_cancel_backend` ends the statement alone.",
            )
        return None


class UsedUp(Way):
    """A role may have five connections. Four are idle, and one is at work: it is innocent."""

    cause = CONNECTIONS

    async def begins(self) -> None:
        role, password = f"app_{secrets.token_hex(2)}", secrets.token_urlsafe(12)
        self.role = role
        await self.scene.monitor.does(
            f"CREATE ROLE {role} LOGIN PASSWORD '{password}' CONNECTION LIMIT {ENOUGH};"
            f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"
        )
        self.url = self.scene.url.set(username=role, password=password)
        at_work = await self.scene.comes(innocent=True, url=self.url, name=role)
        await at_work.does(f"BEGIN; UPDATE {self.shop.owners} SET name = name WHERE id = 1")
        for _ in range(ENOUGH - 1):
            await (await self.scene.comes(url=self.url, name=role)).does("SELECT 1")

    async def trouble(self) -> Trouble | None:
        if not await until(self._lets_in):
            return Trouble(
                "nobody let in",
                f"A new connection of `{self.role}` is still refused: its {ENOUGH} are all there, most of them idle.",
            )
        limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = $1"
        found = await self.scene.monitor.connection.fetchval(limit, self.role)
        if found != ENOUGH:
            return Trouble(
                "limit raised",
                f"`{self.role}` is let in again, for its limit is {found} now and was {ENOUGH}. Its idle "
                "connections are still there, and more will come: the limit kept them from taking all of the server's.",
            )
        return None

    async def _lets_in(self) -> bool:
        with suppress(asyncpg.PostgresError):
            await self.scene.comes(url=self.url, name=self.role)
            return True
        return False
