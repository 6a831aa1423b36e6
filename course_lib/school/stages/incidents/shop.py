"""Two tables of a shop, whose names differ from run to run, and what must not change in them."""

from dataclasses import dataclass
from random import Random
from typing import Any

TABLES = ("orders", "parcels", "tickets", "invoices", "bookings", "repairs")
OWNERS = ("customers", "members", "guests", "readers")
NAMES = ("billing", "checkout", "mailer", "search", "stock", "labels", "prices", "returns")
ROWS = 20_000
TO_DO = "to do"
"""A state that half of the rows have."""


@dataclass(frozen=True)
class Shop:
    """`table` has ROWS rows, each of which belongs to one of the `owners`; `names` are for sessions."""

    table: str
    owners: str
    names: list[str]

    @classmethod
    def drawn(cls, chance: Random) -> "Shop":
        numbers = chance.sample(range(2, 90), len(NAMES))
        names = [f"{name}-{number}" for name, number in zip(NAMES, numbers, strict=True)]
        return cls(chance.choice(TABLES), chance.choice(OWNERS), chance.sample(names, len(names)))

    @property
    def index(self) -> str:
        return f"ix_{self.table}_owner_id"

    def new(self, many: int = 1) -> str:
        """A statement that writes new rows, with the keys that the sequence gives."""
        rows = f"SELECT 1 + n % 200, '{TO_DO}', n FROM generate_series(1, {many}) n"
        return f"INSERT INTO {self.table} (owner_id, state, cents) {rows}"

    async def opens(self, connection: Any, *, looked_at: int = ROWS, index: bool = True) -> None:
        """Make both tables. Only the first rows, `looked_at`, have been analyzed: in them nothing is left to do."""
        await connection.execute(
            f"CREATE TABLE {self.owners} (id serial PRIMARY KEY, name text NOT NULL);"
            f"INSERT INTO {self.owners} (name) SELECT 'owner ' || n FROM generate_series(1, 200) n;"
            f"CREATE TABLE {self.table} (id serial PRIMARY KEY, owner_id int NOT NULL REFERENCES {self.owners}, "
            "state text NOT NULL, cents int NOT NULL)"
        )
        if index:
            await connection.execute(f"CREATE INDEX {self.index} ON {self.table} (owner_id)")
        state = (
            f"CASE WHEN n > {looked_at} OR n % 2 = 0 AND {looked_at} = {ROWS} THEN '{TO_DO}' ELSE 'done' END"
        )
        rows = f"INSERT INTO {self.table} (owner_id, state, cents) SELECT 1 + n % 200, {state}, n"
        await connection.execute(f"{rows} FROM generate_series(1, {looked_at}) n")
        await connection.execute("SELECT pg_stat_force_next_flush()")
        await connection.execute("ANALYZE")
        if looked_at < ROWS:
            await connection.execute(f"{rows} FROM generate_series({looked_at + 1}, {ROWS}) n")
        await connection.execute("SELECT pg_stat_force_next_flush()")

    async def whole(self, connection: Any) -> dict[str, Any]:
        """Which tables these are, and how many rows they have."""
        count = "SELECT '{0}'::regclass::oid AS oid, count(*) AS rows, sum(id) AS keys FROM {0}"
        return {
            name: tuple(await connection.fetchrow(count.format(name))) for name in (self.table, self.owners)
        }


INDEXES = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid >= 16384 AND {}"
"""Of tables that somebody has made."""


async def indexes(connection: Any, condition: str = "true") -> set[str]:
    return {name for (name,) in await connection.fetch(INDEXES.format(condition))}
