"""One who forgot a transaction, and those who wait behind: for a row, or in the queue for a table."""

from course_lib.school.stages.incidents.causes import FORGOTTEN
from course_lib.school.stages.incidents.people import Person, until
from course_lib.school.stages.incidents.scene import Trouble, Way, names_of


class Forgotten(Way):
    """`root` is idle in its transaction; `victims` wait for it, or for each other behind it."""

    cause = FORGOTTEN
    root: Person
    victims: list[Person]

    async def trouble(self) -> Trouble | None:
        async def over() -> bool:
            return not self._waiting()

        if not await until(over):
            return Trouble(
                "still waiting",
                f"{names_of(self._waiting())} still wait, in the end for `{self.root.name}`: that session is idle in a "
                "transaction. `pg_cancel_backend` ends a statement, and it has none that runs.",
            )
        ended = [person for person in self.victims if person.work and person.work.exception()]
        return self._ended(ended) if ended else None

    def _waiting(self) -> list[Person]:
        return [person for person in self.victims if person.work and not person.work.done()]

    def _ended(self, ended: list[Person]) -> Trouble:
        return Trouble(
            "victims ended",
            f"Nobody waits any more. But {names_of(ended)} did not come through: {_ends(ended)}. They were right, and "
            f"waited, in the end, for `{self.root.name}`. Of the session to be ended, `pg_blocking_pids` is empty.",
        )


def _ends(people: list[Person]) -> str:
    kinds = {type(person.work.exception()).__name__ for person in people if person.work}
    return ", ".join(sorted(kinds))


class RowHeld(Forgotten):
    """Three want one row: the first waits for the root, and the others for the first."""

    async def begins(self) -> None:
        row = f"UPDATE {self.shop.table} SET cents = cents + 1 WHERE id = 7"
        self.root = await self.scene.comes()
        await self.root.does(f"BEGIN; {row}")
        self.victims = await self.scene.wait_behind(row, many=3)


class Queue(Forgotten):
    """The root has only read; a deployment wants the table for itself, and readers wait behind it."""

    async def begins(self) -> None:
        self.root = await self.scene.comes()
        await self.root.does(f"BEGIN; SELECT id FROM {self.shop.table} LIMIT 1")
        deployment = await self.scene.comes(name="deployment")
        deployment.begins(f"ALTER TABLE {self.shop.table} ADD COLUMN note text")
        await self.scene.stands(deployment)
        read = f"SELECT cents FROM {self.shop.table} WHERE id = 7"
        self.victims = [deployment, *await self.scene.wait_behind(read, many=2)]

    @property
    def written_to(self) -> str:
        return self.shop.owners
