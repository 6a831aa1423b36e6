"""Which locks a statement takes, what it does while it holds them, and whom it stops. On PostgreSQL.

await locks(engine, "ALTER TABLE posts ADD COLUMN n int")        # runs it, looks, and rolls it back
await locks(engine, "ALTER TABLE …", "CREATE INDEX …")           # each in a transaction of its own
await locks(engine, ["ALTER TABLE …", "UPDATE …"])               # two in one: a lock stays to the end

found = await locks(engine, "ALTER TABLE posts ADD COLUMN n int")
found                     # a table: lock, rows read, written anew, whom it stops
found.held[0].mode        # "ACCESS EXCLUSIVE"

await connection.run_sync(look)     # the same of a transaction of yours that is open: {"posts": Look(…)}
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from course_lib.db import LOCK_NOT_AVAILABLE
from course_lib.lab.tables import Table

MODES = (
    "",
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
"""The locks of a table in the words of the manual's page "Explicit Locking"; a later one stops more."""
TRIED = {"SELECT": "ACCESS SHARE", "UPDATE": "ROW EXCLUSIVE"}
"""What others do, and the lock that they need for it."""
PATIENCE = 5
"""Seconds for which a statement waits for a lock of somebody else."""
TABLES = """
    SELECT t.oid, t.oid::regclass::text AS name, pg_relation_filenode(t.oid) AS file,
        pg_stat_get_xact_tuples_returned(t.oid) + coalesce((
            SELECT sum(pg_stat_get_xact_tuples_returned(i.indexrelid)) FROM pg_index i WHERE i.indrelid = t.oid
        ), 0)::bigint AS rows_read,
        (SELECT array_agg(l.mode) FROM pg_locks l
         WHERE l.relation = t.oid AND l.pid = pg_backend_pid()) AS modes
    FROM pg_class t
    WHERE t.relkind IN ('r', 'p') AND t.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
    ORDER BY t.oid
"""
SETTINGS = {
    "lock_timeout": f"{PATIENCE}s",
    "max_parallel_workers_per_gather": 0,  # what helpers read is counted nowhere
    "max_parallel_maintenance_workers": 0,
}


@dataclass(frozen=True)
class Look:
    """One table as an open transaction has it: the strongest lock, the file of its rows, and how many rows and entries
    of its indexes were read (a count that only grows: look twice, and take the difference)."""

    oid: int
    mode: str
    file: int | None
    rows_read: int


@dataclass(frozen=True)
class Held:
    """What a statement did to one table. `mode` is held to the end of the transaction, `stops` names who waits."""

    statement: str
    table: str
    mode: str
    rows_read: int
    rewritten: bool
    stops: tuple[str, ...]


@dataclass(repr=False)
class Locks(Table):
    held: list[Held] = field(default_factory=list)


async def locks(engine: AsyncEngine, *transactions: str | Sequence[str]) -> Locks:
    """Run each in a transaction of its own, look after every statement, and roll back.

    `rows_read` counts rows and entries of indexes, each time that one is read; `rewritten` says whether the rows lie
    in a new file. Whom it stops is tried by a second session. What cannot run in a transaction raises DBAPIError, and
    so does a lock that somebody else holds for PATIENCE seconds. Raises ValueError on SQLite: it locks no tables.
    """
    if engine.dialect.name != "postgresql":
        raise ValueError(
            f"locks of tables are there on PostgreSQL alone, and this is {engine.dialect.name}: "
            "SQLite has one lock for the whole file, and whoever writes anything holds it"
        )
    held: list[Held] = []
    for each in transactions:
        held += await _held(engine, [each] if isinstance(each, str) else each)
    rows = [
        (
            " ".join(each.statement.split()),
            each.table,
            each.mode,
            f"{each.rows_read:,}",
            "yes" if each.rewritten else "no",
            " and ".join(each.stops) or "nobody",
        )
        for each in held
    ]
    columns = ("statement", "table", "lock", "rows read", "written anew", "stops")
    caption = "The lock that a statement takes, and what it does meanwhile (rolled back)"
    return Locks(caption, columns, rows, code=("statement",), held=held)


def look(connection: Connection) -> dict[str, Look]:
    """Every table of the database by name, as the open transaction of this connection has it."""
    rows = connection.execute(text(TABLES)).all()
    return {row.name: Look(row.oid, _strongest(row.modes or []), row.file, row.rows_read) for row in rows}


async def _held(engine: AsyncEngine, statements: Sequence[str]) -> list[Held]:
    """Of one transaction. Tables keep the names that they had before it: others know no others."""
    found = []
    async with engine.connect() as connection, engine.connect() as other:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))  # what was counted before
        await connection.rollback()
        for name, value in SETTINGS.items():
            await connection.execute(text(f"SET LOCAL {name} = '{value}'"))
        first = before = await connection.run_sync(look)
        for statement in statements:
            await connection.exec_driver_sql(statement)
            after = await connection.run_sync(look)
            by_oid = {each.oid: each for each in after.values()}
            last = {each.oid: each for each in before.values()}
            for name, was in first.items():
                now = by_oid.get(was.oid)
                mode = now.mode if now else MODES[-1]  # it was dropped
                if not mode:
                    continue
                read = max(0, now.rows_read - last[was.oid].rows_read) if now else 0
                anew = now is not None and now.file != last[was.oid].file
                stops = [does for does, needs in TRIED.items() if not await _gets(other, name, needs)]
                found.append(Held(statement, name, mode, read, anew, tuple(stops)))
            before = after
        await connection.rollback()
    return found


def _strongest(modes: Sequence[str]) -> str:
    """'AccessExclusiveLock' is the name in pg_locks."""
    words = [re.sub(r"(?<!^)(?=[A-Z])", " ", mode.removesuffix("Lock")).upper() for mode in modes]
    return max(words, key=MODES.index, default="")


async def _gets(connection: AsyncConnection, table: str, mode: str) -> bool:
    """Whether another session gets this lock at once."""
    try:
        await connection.execute(text(f"LOCK TABLE {table} IN {mode} MODE NOWAIT"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        return False
    finally:
        await connection.rollback()
    return True
