"""A shop is broken in each way, and what is done to it is seen: the trouble, the innocent, the writers, the tables."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import create_engine
from course_lib.lab.postgres.server import Server, own_server
from course_lib.school.stages.incidents.at_work import WITHOUT_END, Runaway, UsedUp
from course_lib.school.stages.incidents.breaking import WAYS, Incident, broken, without_cleaners
from course_lib.school.stages.incidents.causes import CAUSES
from course_lib.school.stages.incidents.in_tables import Behind, NoIndex, Stale, kinds, plan_of
from course_lib.school.stages.incidents.practice import broken_shop
from course_lib.school.stages.incidents.scene import Way
from course_lib.school.stages.incidents.shop import Shop
from course_lib.school.stages.incidents.waiting import Queue, RowHeld

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
BLOCKERS = "SELECT unnest(pg_blocking_pids(pid)) FROM pg_stat_activity"
IN_THE_WAY = f"pid = ANY (ARRAY({BLOCKERS}))"
# An ARRAY is whole before the first of them is ended: who stands behind would then be in nobody's way.
ROOT = (
    "SELECT pg_terminate_backend(pid) FROM unnest(ARRAY(SELECT pid FROM pg_stat_activity "
    f"WHERE {IN_THE_WAY} AND cardinality(pg_blocking_pids(pid)) = 0)) AS pid"
)
AT_WORK = "FROM pg_stat_activity WHERE state = 'active' AND wait_event IS NULL AND pid <> pg_backend_pid()"

Broken = Callable[[type[Way]], Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with own_server() as server:
        without_cleaners(server)
        yield server


@pytest.fixture
def shop(server: Server) -> Broken:
    @asynccontextmanager
    async def opened(kind: type[Way]) -> AsyncIterator[tuple[Incident, Callable[[str], Awaitable[None]]]]:
        engine = create_engine(url := server.create_database())
        try:
            async with broken(kind, url, Random(1), engine) as incident:
                yield incident, lambda statement: send(engine, statement.format(**vars(incident.scene.shop)))
        finally:
            await engine.dispose()

    return opened


async def send(engine: AsyncEngine, statement: str) -> None:
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text(statement))


CURES: dict[type[Way], str] = {
    RowHeld: ROOT,
    Queue: ROOT,
    NoIndex: "CREATE INDEX CONCURRENTLY ON {table} (owner_id)",
    Runaway: f"SELECT pg_cancel_backend(pid) {AT_WORK}",
    Behind: "SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))",
    UsedUp: f"{END} usename LIKE 'app%' AND state = 'idle'",
    Stale: "ANALYZE {table}",
}


def name_of(trouble: Any) -> str:
    return trouble.name if trouble else ""


def test_each_way_has_a_cause_that_learners_know() -> None:
    assert {way.cause for way in WAYS} == set(CAUSES)
    assert set(CURES) == set(WAYS)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_the_cure_leaves_nothing_wrong(way: type[Way], shop: Broken) -> None:
    async with shop(way) as (incident, does):
        await does(CURES[way])
        assert await incident.wrong() is None


UNTOUCHED = {
    RowHeld: "still waiting",
    NoIndex: "still reads all rows",
    Runaway: "still running",
    Behind: "still refused",
    UsedUp: "nobody let in",
    Stale: "still planned wrongly",
    Queue: "still waiting",
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_a_shop_that_nobody_mends_stays_broken(way: type[Way], shop: Broken) -> None:
    async with shop(way) as (incident, _):
        assert name_of(await incident.wrong()) == UNTOUCHED[way]


async def test_what_never_ends_waits_for_no_file(shop: Broken) -> None:
    async with shop(Behind) as (incident, _):
        plan = await plan_of(incident.scene.monitor.connection, WITHOUT_END)
        assert set(kinds(plan)) == {"Aggregate", "Nested Loop", "Function Scan"}


HARM = [
    (RowHeld, f"{END} pid <> pg_backend_pid()", "ends all"),
    (RowHeld, f"{END} {IN_THE_WAY}", "victims ended"),
    (RowHeld, f"{END} state = 'idle in transaction'", "innocent ended"),
    (RowHeld, f"{END} wait_event_type = 'Lock'", "victims ended"),
    (RowHeld, f"{END} application_name = 'backup'", "backup ended"),
    (
        RowHeld,
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state LIKE 'idle in%'",
        "still waiting",
    ),
    (Queue, f"{END} application_name = 'deployment'", "victims ended"),
    (NoIndex, "CREATE INDEX ON {table} (owner_id)", "writers stopped"),
    (NoIndex, "ANALYZE", "still reads all rows"),
    (NoIndex, "CREATE INDEX CONCURRENTLY ON {table} (state)", "still reads all rows"),
    (Stale, "VACUUM FULL ANALYZE {table}", "writers stopped"),
    (Runaway, f"SELECT pg_terminate_backend(pid) {AT_WORK}", "session ended"),
    (
        Runaway,
        f"SELECT pg_cancel_backend(pid) {AT_WORK.replace('wait_event IS NULL', 'true')}",
        "backup ended",
    ),
    (Behind, "SELECT nextval('{table}_id_seq')", "still refused"),
    (Behind, "DELETE FROM {table} WHERE id > 100", "rows lost"),
    (UsedUp, f"{END} usename LIKE 'app%'", "innocent ended"),
    (UsedUp, f"{END} state = 'idle' AND pid <> pg_backend_pid()", "ends all"),
]


@pytest.mark.parametrize(("way", "statement", "name"), HARM)
async def test_what_does_harm_is_named(way: type[Way], statement: str, name: str, shop: Broken) -> None:
    async with shop(way) as (incident, does):
        await does(statement)
        assert name_of(await incident.wrong()) == name


async def test_an_invalid_index_is_seen(shop: Broken) -> None:
    async with shop(Stale) as (incident, does):
        await does("ANALYZE {table}")
        with pytest.raises(Exception, match="could not create unique index"):
            await does("CREATE UNIQUE INDEX CONCURRENTLY ON {owners} ((id % 2))")
        assert name_of(await incident.wrong()) == "invalid index left"


def test_names_differ_from_run_to_run() -> None:
    assert Shop.drawn(Random(1)) == Shop.drawn(Random(1)) != Shop.drawn(Random(2))


async def test_a_shop_for_practice_is_broken_as_it_was_asked() -> None:
    behind = "SELECT count(*) FROM pg_sequences WHERE last_value < 1000"
    async with broken_shop("sequence behind") as engine, engine.connect() as connection:
        assert await connection.scalar(text(behind)) == 2  # the small table's is as low, and right
    with pytest.raises(ValueError, match="'full disk' is none of connections used up"):
        async with broken_shop("full disk"):
            pass
