"""How alembic reaches the database: the one that COURSE_DATABASE names, unless the caller hands over another.

On the command line, from the project's folder:  alembic upgrade head
In Python, also where an event loop is running:

    config = Config(toml_file="pyproject.toml")
    config.attributes["url"] = "sqlite+aiosqlite:///my.db"   # if you like: another database …
    config.attributes["connection"] = connection             # … or a connection of yours, in `run_sync`
    command.upgrade(config, "head")
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import URL, Connection, False_, NullPool, True_, TypeDecorator, event, make_url
from sqlalchemy.exc import DBAPIError

from course_lib import models, settings
from course_lib.db import LOCK_NOT_AVAILABLE, WRITE_LOCK_FIRST, create_engine, utc_now
from course_lib.errors import CourseError
from course_lib.lab import databases
from course_lib.lab.postgres import PostgresUnavailable
from course_lib.lab.run_apart import run_apart
from course_lib.lab.upgrades import enum_types
from course_lib.lab.upgrades.alone import alone
from course_lib.lab.upgrades.files import refuse_tangled

config = context.config
INTERRUPTED = "interrupted: the migration that ran is undone, those before it stay"
NO_LOCK = "somebody holds a table that the migration needs: it is undone, those before it stay. Upgrade again"
LONGEST_WAIT = 2
"""Seconds for which a migration waits for a lock. All who come to the table meanwhile wait behind it."""
LOST = "the connection was lost: the migration that ran is undone, those before it stay. Upgrade again"


def migrate(connection: Connection) -> None:
    """Do what alembic was asked for. Send nothing before `configure`: it would open a transaction nobody commits."""
    context.configure(connection=connection, **options())
    if connection.dialect.name == "sqlite":
        refuse_foreign_keys(connection)
    with context.begin_transaction():
        context.run_migrations()


def write_sql() -> None:
    """Print the statements instead of sending them; no database is needed."""
    context.configure(
        dialect_name=dialect_name(), literal_binds=True, dialect_opts={"paramstyle": "named"}, **options()
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_on_an_engine() -> None:
    """Migrate alone: another upgrade waits. Whoever hands over a connection sees to that, and to its end, himself."""
    engine = create_engine(
        database_url(), foreign_keys=False, poolclass=NullPool, execution_options=WRITE_LOCK_FIRST
    )
    if engine.dialect.name == "sqlite" and databases.why_no_file(engine.url):
        # aiosqlite would find it, too late: its thread reports to an event loop that has ended.
        raise CommandError(databases.why_not(FileNotFoundError(), engine.url))
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(alone(engine))
        except Exception as error:
            raise CommandError(databases.why_not(error, engine.url)) from error
        try:
            if engine.dialect.name == "postgresql":
                event.listen(engine.sync_engine, "begin", wait_not_long)
            await connection.run_sync(migrate)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise CommandError(LOST) from error
            if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                raise CommandError(NO_LOCK) from error
            raise


def wait_not_long(connection: Connection) -> None:
    """Each transaction gets its limit. CREATE INDEX CONCURRENTLY has none: it waits for everybody, and stops nobody."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LONGEST_WAIT}s'")


def options() -> dict[str, Any]:
    return {
        "target_metadata": models.User.metadata,
        "transaction_per_migration": True,
        "transactional_ddl": True,  # alembic takes SQLite for a database without; our engine says BEGIN
        "on_version_apply": refuse_dangling_rows,
        "render_as_batch": True,  # on both: a migration written on PostgreSQL has to run on SQLite too
        "compare_server_default": True,
        "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        "process_revision_directives": enum_types.complete,
        "render_item": render,
    }


def database_url() -> URL:
    try:
        return make_url(config.attributes.get("url") or databases.database_url())
    except (CourseError, PostgresUnavailable) as error:
        raise CommandError(str(error)) from error


def dialect_name() -> str:
    """SQLite's or PostgreSQL's name, found without starting the embedded server."""
    if "connection" in config.attributes:
        return str(config.attributes["connection"].dialect.name)
    if "url" not in config.attributes and settings.database_setting() == "postgres":
        return "postgresql"
    return database_url().get_backend_name()


def refuse_foreign_keys(connection: Connection) -> None:
    """SQLite alters a table by dropping it and making a new one, and the drop deletes every row that points there."""
    if connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise CommandError(
            "this connection has foreign keys on: rebuilding a table would delete the rows that point to it. "
            "Hand over a connection of create_engine(url, foreign_keys=False), or a 'url' instead"
        )


def refuse_dangling_rows(*, ctx: MigrationContext, **_: Any) -> None:
    """Look after each migration for what foreign keys would have found; the error rolls this migration back."""
    if ctx.dialect.name == "postgresql" or ctx.as_sql or ctx.connection is None:
        return
    if rows := ctx.connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        shown = ", ".join(f"{table} {row} → {parent}" for table, row, parent, _ in rows[:5])
        raise CommandError(f"{len(rows)} row(s) would point to nothing, so nothing was changed: {shown}")


def render(kind: str, item: Any, autogenerated: AutogenContext) -> str | bool:
    """Write what holds on both databases; alembic would write the SQL of the one at hand, and types of ours."""
    if kind == "type" and isinstance(item, TypeDecorator) and not is_of_sqlalchemy(item):
        return str(_repr_type(item.impl_instance, autogenerated))
    if kind == "type" and enum_types.is_native(item):
        return enum_types.written(item)
    default = getattr(item, "arg", None) if kind == "server_default" else None
    if isinstance(default, utc_now):
        autogenerated.imports.add("from course_lib.db import utc_now")
        return "utc_now()"
    return f"sa.{default}()" if isinstance(default, True_ | False_) else False


def is_of_sqlalchemy(item: TypeDecorator[Any]) -> bool:
    return type(item).__module__.startswith("sqlalchemy.")  # such as Interval: alembic knows it


def show_progress() -> None:
    """Print what alembic does. In Python the caller decides what is logged, so this is for the command line."""
    for name in ("alembic.runtime.migration", "alembic.autogenerate"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.StreamHandler()]
        logger.setLevel(logging.INFO)


def loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


if config.cmd_opts is not None:
    show_progress()

refuse_tangled(context.script)
if context.is_offline_mode():
    write_sql()
elif "connection" in config.attributes:
    migrate(config.attributes["connection"])
elif loop_is_running():
    run_apart(migrate_on_an_engine())  # as in a notebook
else:
    try:
        asyncio.run(migrate_on_an_engine())
    except KeyboardInterrupt:
        raise CommandError(INTERRUPTED) from None
