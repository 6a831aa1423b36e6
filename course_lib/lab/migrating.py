"""Try a migration on any database, as Alembic runs it: in one transaction, on a connection with foreign keys off.

await try_migration(engine, rename_content)        # a function that takes `op`
"""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, NullPool
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import Base, create_engine

Upgrade = Callable[[Any], object]


class AsyncMigration(TypeError):
    """A migration was written as `async def`."""


async def try_migration(engine: AsyncEngine, upgrade: Upgrade, *, metadata: MetaData = Base.metadata) -> None:
    """Run `upgrade(op)` and commit, on a connection beside the engine's own; constraints get their names by the
    convention of `metadata`. Raises AsyncMigration."""
    async with engine_for_migrations(engine) as own:
        await run_migration(own, upgrade, metadata=metadata)


@asynccontextmanager
async def engine_for_migrations(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """An engine on the same database whose foreign keys are off: SQLite makes a changed table anew, and drops the old
    one."""
    own = create_engine(engine.url, foreign_keys=False, poolclass=NullPool)
    try:
        yield own
    finally:
        await own.dispose()


async def run_migration(engine: AsyncEngine, upgrade: Upgrade, *, metadata: MetaData = Base.metadata) -> None:
    """Run `upgrade(op)` on a connection of this engine, and commit. Raises AsyncMigration."""
    async with engine.connect() as connection:  # not `begin`: that cannot end what a time-out has cut off
        await connection.run_sync(_upgrade, upgrade, metadata)
        await connection.commit()


def _upgrade(connection: Connection, upgrade: Upgrade, metadata: MetaData) -> None:
    options = {"target_metadata": metadata, "transactional_ddl": True}
    with Operations.context(MigrationContext.configure(connection, opts=options)) as op:
        result = upgrade(op)
    if inspect.iscoroutine(result):
        result.close()  # or Python warns of it later
        raise AsyncMigration(
            "Alembic calls a migration as a plain function, so nothing in an `async def` would run. "
            "Keep the first line as it was given."
        )
