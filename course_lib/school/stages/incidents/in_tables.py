"""What is wrong with a table itself: an index that is not there, statistics that are old, a sequence that is behind."""

import json
from typing import Any

import asyncpg

from course_lib.school.stages.incidents.causes import INDEX, SEQUENCE, STATISTICS
from course_lib.school.stages.incidents.scene import Trouble, Way
from course_lib.school.stages.incidents.shop import ROWS, TO_DO

LOOKED_AT = 2_000
IMPORTED, LEFT_OUT = 50, 7
"""Rows that brought their own keys, and the keys that nobody has before them."""
SEARCHES = 20


async def plan_of(connection: Any, statement: str) -> dict[str, Any]:
    told = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}")
    plan: dict[str, Any] = json.loads(told)[0]["Plan"]
    return plan


def kinds(plan: dict[str, Any]) -> list[str]:
    return [plan["Node Type"], *(kind for inner in plan.get("Plans", []) for kind in kinds(inner))]


class NoIndex(Way):
    """No old snapshot stands beside it: CREATE INDEX CONCURRENTLY would wait for that one."""

    cause, quiet = INDEX, True

    async def opens(self) -> None:
        await self.shop.opens(self.scene.monitor.connection, index=False)

    @property
    def search(self) -> str:
        return f"SELECT cents FROM {self.shop.table} WHERE owner_id = 42"

    async def begins(self) -> None:
        searching = await self.scene.comes(innocent=True)
        for _ in range(SEARCHES):
            await searching.does(self.search)
        await searching.does(f"SELECT pg_stat_force_next_flush(); {self.search}")

    async def trouble(self) -> Trouble | None:
        if "Seq Scan" not in kinds(await plan_of(self.scene.monitor.connection, self.search)):
            return None
        return Trouble(
            "still reads all rows",
            f"`{self.search}` still reads all {ROWS} rows of `{self.shop.table}`, by its plan: no valid index begins "
            "with that column.",
        )


class Stale(Way):
    """Analyzed when nothing was left to do, and then it grew."""

    cause = STATISTICS

    async def opens(self) -> None:
        await self.shop.opens(self.scene.monitor.connection, looked_at=LOOKED_AT)

    async def begins(self) -> None:
        await self.scene.monitor.does("SELECT pg_stat_force_next_flush()")

    async def trouble(self) -> Trouble | None:
        connection, table = self.scene.monitor.connection, self.shop.table
        asked = f"SELECT id FROM {table} WHERE state = '{TO_DO}'"
        there = await connection.fetchval(f"SELECT count(*) FROM {table} WHERE state = '{TO_DO}'")
        expected = (await plan_of(connection, asked))["Plan Rows"]
        if expected * 2 > there:
            return None
        return Trouble(
            "still planned wrongly",
            f"For `{asked}` the planner still expects {expected} rows, and {there} are there: what it knows of "
            f"`{table}` is from a time when it was small.",
        )


class Behind(Way):
    """As after an import that brought its own keys: with a gap, so that the highest is not the number of rows."""

    cause = SEQUENCE

    async def begins(self) -> None:
        rows = f"SELECT {ROWS + LEFT_OUT} + n, 1 + n % 200, 'done', n FROM generate_series(1, {IMPORTED}) n"
        await self.scene.monitor.does(f"INSERT INTO {self.shop.table} (id, owner_id, state, cents) {rows}")
        self.at = 100 + len(self.shop.names[0]) * 7
        await self.scene.monitor.does(f"SELECT setval('{self.shop.table}_id_seq', {self.at})")

    async def trouble(self) -> Trouble | None:
        connection, table = self.scene.monitor.connection, self.shop.table
        try:
            await connection.execute(self.shop.new(3))
        except asyncpg.PostgresError as error:
            last = await connection.fetchval(f"SELECT last_value FROM {table}_id_seq")
            highest = await connection.fetchval(f"SELECT max(id) FROM {table}")
            return Trouble(
                "still refused",
                f"Three new rows for `{table}` are refused: {error.args[0]}. Its sequence stands at {last}, and "
                f"the highest key is {highest}.",
            )
        return None
