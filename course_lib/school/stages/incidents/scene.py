"""One shop on one server, and everybody who is there; a way to break it is told as a kind of `Way`."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from sqlalchemy import URL

from course_lib.school.stages.incidents.people import Person, backup, certainly
from course_lib.school.stages.incidents.shop import Shop

END_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Scene:
    """`innocent` are those who have nothing to do with it; whoever was made by `comes` goes in the end."""

    def __init__(self, url: URL, shop: Shop, monitor: Person) -> None:
        self.url, self.shop, self.monitor = url, shop, monitor
        self.people = [monitor]
        self.innocent: list[Person] = []
        self.names = iter(shop.names)

    async def comes(self, *, innocent: bool = False, url: URL | None = None, name: str = "") -> Person:
        person = await Person.comes(url or self.url, name or next(self.names))
        self.people.append(person)
        if innocent:
            self.innocent.append(person)
        return person

    async def backup(self) -> None:
        """The oldest and longest statement of all, and it is right."""
        person = await self.comes(innocent=True, name="backup")
        await backup(person, self.shop.owners)
        await self.comes_to(person, "wait_event = 'PgSleep'")

    async def wait_behind(self, statement: str, *, many: int) -> list[Person]:
        """So many send the statement, one after the other, and each waits for somebody."""
        people = [await self.comes() for _ in range(many)]
        for person in people:
            person.begins(statement)
            await self.stands(person)
        return people

    async def stands(self, person: Person) -> None:
        """Until the person waits for a lock."""
        await self.comes_to(person, "cardinality(pg_blocking_pids(pid)) > 0")

    async def comes_to(self, person: Person, state: str) -> None:
        seen = f"SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND {state}"

        async def there() -> bool:
            return bool(await self.monitor.connection.fetchval(seen, person.pid))

        await certainly(there, f"{person.name} never came to {state}")

    async def end(self) -> None:
        """Nobody is left on the server, and nothing runs there."""
        last = await Person.comes(self.url, "last")
        await last.does(END_ALL)
        for person in [*self.people, last]:
            await person.goes()


class Trouble(NamedTuple):
    """What is still wrong, by its name and in words."""

    name: str
    told: str


class Way:
    """One way to break a shop. `cause` is its name, `quiet` that nobody may have an old snapshot beside it."""

    cause: ClassVar[str]
    quiet: ClassVar[bool] = False

    def __init__(self, scene: Scene) -> None:
        self.scene, self.shop = scene, scene.shop

    async def opens(self) -> None:
        await self.shop.opens(self.scene.monitor.connection)

    async def begins(self) -> None:
        raise NotImplementedError

    async def trouble(self) -> Trouble | None:
        raise NotImplementedError

    @property
    def written_to(self) -> str:
        """The table to which others write meanwhile."""
        return self.shop.table


def names_of(people: Sequence[Person]) -> str:
    return ", ".join(f"`{person.name}`" for person in people)
