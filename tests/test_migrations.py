"""The migrations: up and down on both databases with rows in the tables, and nothing half done when one fails."""

import asyncio
import enum
import logging
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from ready_programs import ReadyProgram
from sqlalchemy import URL, Connection, NullPool, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from course_lib import models
from course_lib.db import create_engine
from course_lib.lab import postgres
from course_lib.lab.databases import fresh_url
from course_lib.lab.postgres.os_account import cache
from course_lib.lab.postgres.programs import run
from course_lib.lab.upgrades.alone import PATIENCE_WITH_WRITERS, alone

T = TypeVar("T")
IMPORTED_BY_ENV = (
    "aiosqlite",
    "asyncpg",
    "course_lib.models",
    "course_lib.lab.databases",
    "course_lib.lab.upgrades.alone",
)
"""What migrations/env.py needs, and takes longest."""
DATABASES = ("sqlite", "postgres")
PROJECT = Path(__file__).parents[1]
FILES = {
    script.revision: script.path
    for script in ScriptDirectory.from_config(Config(toml_file=PROJECT / "pyproject.toml")).walk_revisions()
}
REVISIONS = tuple(FILES)[::-1]
HEAD = REVISIONS[-1]
ROWS: dict[str, tuple[str, ...]] = {
    "0001": (
        "INSERT INTO users (email, username, hashed_password) "
        "VALUES ('ann@x.org', 'ann', '?'), ('bo@x.org', 'bo', '?')",
        "INSERT INTO posts (title, content, author_id) VALUES ('One', '', 1), ('Two', '', 2)",
        "INSERT INTO tags (name) VALUES ('maps')",
        "INSERT INTO post_tags (post_id, tag_id) VALUES (1, 1), (2, 1)",
    ),
    "0002": (
        "INSERT INTO accounts (owner_id, balance) VALUES (1, 500), (2, 0)",
        "INSERT INTO transfers (from_account_id, to_account_id, amount) VALUES (1, 2, 500)",
    ),
    "0007": (
        "INSERT INTO outbox_messages (key, payload) "
        """VALUES ('7f1d3c1e-0c5b-4d0c-8b57-3f1f5b1a9c2e', '{"order": 1}')""",
    ),
    "0008": (
        "INSERT INTO login_tokens (user_id, token_hash, expires_at) "
        f"VALUES (1, '{'0' * 64}', '2026-01-12 06:00:00.000000')",
    ),
}
"""What people write at each revision."""

CAPITAL_ANN = "UPDATE users SET email = 'Ann@x.org' WHERE id = 1"
DELETE_BO = "DELETE FROM users WHERE username = 'bo'"
ADD_CY = "INSERT INTO users (email, username, hashed_password) VALUES ('cy@x.org', 'cy', '?')"

NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{revision}", "{after}"
def upgrade():
    {upgrade}
def downgrade():
    pass
"""


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest) -> URL:
    """The address of a database in which there is nothing."""
    return fresh(request.param, request)


def fresh(database: str, request: pytest.FixtureRequest) -> URL:
    if database == "sqlite":
        return fresh_url("sqlite")
    server: postgres.Server = request.getfixturevalue("server")
    return server.create_database()


@pytest.fixture
def sqlite_url() -> URL:
    return fresh_url("sqlite")


def config_for(
    url: URL | None = None, *, toml: Path = PROJECT / "pyproject.toml", **attributes: Any
) -> Config:
    given = attributes | ({"url": url} if url else {})
    return Config(toml_file=toml, attributes=given, stdout=StringIO(), output_buffer=StringIO())


def project_with(folder: Path, *revisions: str, upgrade: str = "") -> Path:
    """The settings of a project with our env.py and some of our migrations, and one more that does `upgrade`."""
    versions = folder / "versions"
    versions.mkdir()
    for revision in revisions:
        shutil.copy(FILES[revision], versions)
    if upgrade:
        add_file(folder, "next", after=revisions[-1], upgrade=upgrade)
    text = (PROJECT / "pyproject.toml").read_text()
    section = text[text.index("[tool.alembic]") : text.index("[tool.pytest.ini_options]")]
    here = f"'{PROJECT / 'migrations'}'\nversion_locations = ['{versions}']"
    toml = folder / "pyproject.toml"
    toml.write_text(section.replace('"%(here)s/migrations"', here))
    return toml


def add_file(
    folder: Path, name: str, *, revision: str = "", after: str = HEAD, upgrade: str = "pass"
) -> Path:
    """One more migration, in `project_with(folder)`."""
    file = folder / "versions" / f"{name}.py"
    file.write_text(NEXT.format(revision=revision or name, after=after, upgrade=upgrade))
    return file


async def do(url: URL, work: Callable[[Connection], T]) -> T:
    """Do `work` on a connection, and commit."""
    engine = create_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        return await connection.run_sync(work)


async def send(url: URL, *statements: str) -> None:
    await do(url, lambda connection: [connection.execute(text(statement)) for statement in statements])


async def ask(url: URL, query: str) -> list[Any]:
    return await do(url, lambda connection: list(connection.execute(text(query)).scalars()))


async def fill(url: URL, *revisions: str) -> None:
    for revision in revisions:
        await send(url, *ROWS.get(revision, ()))


async def rows(url: URL) -> dict[str, list[tuple[Any, ...]]]:
    """All that people wrote, table by table."""

    def read(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
        tables = sorted(set(inspect(connection).get_table_names()) - {"alembic_version", "sqlite_sequence"})
        return {
            name: sorted(map(tuple, connection.execute(text(f"SELECT * FROM {name}")))) for name in tables
        }

    return await do(url, read)


async def shape(url: URL) -> dict[str, Any]:
    """All that the database tells of its tables, in an order of its own."""

    def read(connection: Connection) -> dict[str, Any]:
        inspector = inspect(connection)
        return {name: table_shape(inspector, name) for name in sorted(models.User.metadata.tables)}

    return await do(url, read)


def table_shape(inspector: sa.Inspector, name: str) -> dict[str, Any]:
    parts: dict[str, Sequence[Any]] = {
        "columns": inspector.get_columns(name),
        "primary key": [inspector.get_pk_constraint(name)],
        "foreign keys": inspector.get_foreign_keys(name),
        "uniques": inspector.get_unique_constraints(name),
        "indexes": inspector.get_indexes(name),
        "checks": inspector.get_check_constraints(name),
        "numbering": [sqlite_numbering(inspector, name)],
    }
    for index in parts["indexes"]:
        index["dialect_options"] = sorted(
            (name, str(told)) for name, told in index["dialect_options"].items()
        )
    return {part: sorted(str(sorted(entry.items())) for entry in entries) for part, entries in parts.items()}


def sqlite_numbering(inspector: sa.Inspector, name: str) -> dict[str, bool]:
    if inspector.dialect.name != "sqlite":
        return {}
    assert isinstance(inspector.bind, Connection)
    source = inspector.bind.execute(text("SELECT sql FROM sqlite_schema WHERE name = :name"), {"name": name})
    return {"autoincrement": "AUTOINCREMENT" in source.scalar_one()}


Alembic = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def alembic() -> Iterator[Alembic]:
    """Runs alembic as a learner does, in the project's folder; all but its imports."""
    with ReadyProgram("alembic", imported=["alembic.config", *IMPORTED_BY_ENV]) as program:

        def run(*words: str, database: str) -> "subprocess.CompletedProcess[str]":
            return program.run(*words, folder=PROJECT, environment=os.environ | {"COURSE_DATABASE": database})

        yield run


def alembic_itself(*words: str, database: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "alembic", *words],
        cwd=PROJECT,
        env=os.environ | {"COURSE_DATABASE": database},
        capture_output=True,
        text=True,
        check=False,
    )


# Up and down


def test_what_databases_in_use_are_stamped_with_keeps_its_place() -> None:
    assert REVISIONS[:3] == ("0001", "0002", "0003")


async def test_each_migration_goes_up_down_and_up_and_keeps_the_rows_of_those_before(empty_url: URL) -> None:
    config = config_for(empty_url)
    for revision in REVISIONS:
        before = await rows(empty_url)
        command.upgrade(config, revision)
        await fill(empty_url, revision)
        command.downgrade(config, "-1")
        assert await rows(empty_url) == before

        command.upgrade(config, revision)
        await fill(empty_url, revision)

    counts = {name: len(entries) for name, entries in (await rows(empty_url)).items()}
    blog = {"post_tags": 2, "posts": 2, "tags": 1, "users": 2}
    assert counts == blog | {"accounts": 2, "transfers": 1, "outbox_messages": 1, "login_tokens": 1}


async def test_downgrade_to_base_leaves_no_table(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "head")
    await fill(empty_url, *REVISIONS)
    command.downgrade(config_for(empty_url), "base")

    assert await rows(empty_url) == {}


def test_there_is_nothing_below_base(sqlite_url: URL) -> None:
    with pytest.raises(CommandError, match="-1"):
        command.downgrade(config_for(sqlite_url), "-1")


async def test_addresses_are_put_in_lower_case_and_stay_so(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "0002")
    await fill(empty_url, "0001")
    await send(empty_url, CAPITAL_ANN)
    command.upgrade(config_for(empty_url), "0003")

    assert await ask(empty_url, "SELECT email FROM users ORDER BY id") == ["ann@x.org", "bo@x.org"]
    with pytest.raises(IntegrityError, match="ck_users_email_lower_case"):
        await send(empty_url, CAPITAL_ANN)


async def test_sqlite_leaves_letters_beyond_z_as_they_are(sqlite_url: URL) -> None:
    command.upgrade(config_for(sqlite_url), "0002")
    await fill(sqlite_url, "0001")
    await send(sqlite_url, "UPDATE users SET email = 'ÉVA@x.org' WHERE id = 1")
    command.upgrade(config_for(sqlite_url), "0003")

    assert await ask(sqlite_url, "SELECT email FROM users WHERE id = 1") == ["Éva@x.org"]


async def test_names_and_addresses_get_one_spelling_and_keep_it(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "0003")
    await fill(empty_url, "0001")
    await send(empty_url, "UPDATE users SET username = 'Ann', email = 'straße@x.org' WHERE id = 1")
    command.upgrade(config_for(empty_url), "0004")

    assert await ask(empty_url, "SELECT username FROM users ORDER BY id") == ["ann", "bo"]
    assert await ask(empty_url, "SELECT email FROM users ORDER BY id") == ["strasse@x.org", "bo@x.org"]
    with pytest.raises(IntegrityError, match="ck_users_username_lower_case"):
        await send(empty_url, "UPDATE users SET username = 'Ann' WHERE id = 1")


async def test_rows_that_would_become_one_are_named_and_nothing_is_changed(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "0003")
    await fill(empty_url, "0001")
    await send(empty_url, ADD_CY, "UPDATE users SET username = 'ANN' WHERE username = 'bo'")
    await send(empty_url, "UPDATE users SET email = 'ὅσ@x.org' WHERE id = 1")
    await send(
        empty_url,
        "UPDATE users SET email = 'ὅς@x.org' WHERE id = 3",
        "UPDATE users SET username = 'Cy' WHERE id = 3",
    )
    before = await rows(empty_url)

    with pytest.raises(CommandError) as caught:
        command.upgrade(config_for(empty_url), "head")

    assert "user 1 ('ὅσ@x.org') and user 3 ('ὅς@x.org') have one email" in str(caught.value)
    assert "user 1 ('ann') and user 2 ('ANN') have one username" in str(caught.value)
    assert await rows(empty_url) == before


async def test_the_id_of_a_deleted_row_is_not_given_again_by_a_rebuilt_table(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "0002")
    await fill(empty_url, "0001")
    await send(empty_url, DELETE_BO)
    command.upgrade(config_for(empty_url), "head")
    command.downgrade(config_for(empty_url), "-1")
    await send(empty_url, ADD_CY)

    assert await ask(empty_url, "SELECT id FROM users ORDER BY id") == [1, 3]


# The models


async def test_the_migrations_build_what_the_models_describe(
    empty_url: URL, request: pytest.FixtureRequest
) -> None:
    other_url = fresh("sqlite" if empty_url.get_backend_name() == "sqlite" else "postgres", request)
    command.upgrade(config_for(empty_url), "head")
    await do(other_url, models.User.metadata.create_all)

    assert await shape(empty_url) == await shape(other_url)


def test_check_finds_no_drift(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "head")

    command.check(config_for(empty_url))


DRIFTS: dict[str, Callable[[Any], object]] = {
    "a column too many": lambda table: table.add_column(sa.Column("nickname", sa.String(20))),
    "a column too few": lambda table: table.drop_column("hashed_password"),
    "another type": lambda table: table.alter_column("hashed_password", type_=sa.String(100)),
    "another nullability": lambda table: table.alter_column("hashed_password", nullable=True),
    "no default": lambda table: table.alter_column("is_admin", server_default=None),
    "another default": lambda table: table.alter_column("is_admin", server_default=sa.true()),
    "another clock": lambda table: table.alter_column("created_at", server_default=sa.text("'2020-01-01'")),
    "an index too many": lambda table: table.create_index("ix_users_created_at", ["created_at"]),
    "no UNIQUE": lambda table: table.drop_constraint("uq_users_username", type_="unique"),
    "no CHECK of names": lambda table: table.drop_constraint("ck_users_username_lower_case", type_="check"),
    "no CHECK": lambda table: table.drop_constraint("ck_users_email_lower_case", type_="check"),
    "a CHECK too many": lambda table: table.create_check_constraint("ck_users_no_bo", "username <> 'bo'"),
}
"""Changes to the table of users, each of which `alembic check` has to notice."""


async def test_check_notices_every_kind_of_drift(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "head")
    unnoticed = []
    for name, change in DRIFTS.items():
        if not await is_noticed(empty_url, change):
            unnoticed.append(name)

    assert unnoticed == []


async def is_noticed(url: URL, change: Callable[[Any], object]) -> bool:
    """Make the change, let alembic check, and roll back."""

    def change_and_check(connection: Connection) -> bool:
        with Operations(MigrationContext.configure(connection)).batch_alter_table("users") as table:
            change(table)
        try:
            command.check(config_for(connection=connection))
        except CommandError:
            return True
        return False

    engine = create_engine(url, foreign_keys=False, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.begin()  # and no commit
        return await connection.run_sync(change_and_check)


# Failures


async def test_a_migration_that_fails_half_way_leaves_nothing_behind(empty_url: URL, tmp_path: Path) -> None:
    upgrade = """
    op.create_table("notes", sa.Column("id", sa.Integer()))
    op.execute("DELETE FROM transfers")
    op.execute("SELECT * FROM nowhere")
    """
    config = config_for(empty_url, toml=project_with(tmp_path, *REVISIONS, upgrade=upgrade))
    command.upgrade(config, HEAD)
    await fill(empty_url, *REVISIONS)
    before = await rows(empty_url)

    with pytest.raises(DBAPIError, match="nowhere"):
        command.upgrade(config, "head")

    assert await rows(empty_url) == before
    assert await ask(empty_url, "SELECT version_num FROM alembic_version") == [HEAD]


async def test_migrations_before_the_failing_one_stay(empty_url: URL, tmp_path: Path) -> None:
    toml = project_with(tmp_path, *REVISIONS, upgrade='op.execute("SELECT * FROM nowhere")')
    with pytest.raises(DBAPIError, match="nowhere"):
        command.upgrade(config_for(empty_url, toml=toml), "head")

    assert await ask(empty_url, "SELECT version_num FROM alembic_version") == [HEAD]


async def test_two_people_with_one_address_are_named_before_anything_is_changed(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "0002")
    await fill(empty_url, "0001")
    await send(empty_url, "UPDATE users SET email = 'BO@x.org' WHERE username = 'ann'")
    before = await rows(empty_url)

    with pytest.raises(
        CommandError, match=r"'BO@x.org' of user 1, 'bo@x.org' of user 2\. Nothing was changed"
    ):
        command.upgrade(config_for(empty_url), "head")

    assert await rows(empty_url) == before
    assert await ask(empty_url, "SELECT version_num FROM alembic_version") == ["0002"]


async def test_many_people_with_one_address_are_counted(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "0002")
    spellings = ["ann@x.org", *(f"{'ann'[:place].upper()}{'ann'[place:]}@x.org" for place in (1, 2, 3))]
    spellings += [each.replace("x.org", host) for each in spellings for host in ("X.org", "x.Org")]
    people = ", ".join(f"('{email}', '{number}', '?')" for number, email in enumerate(spellings))
    await send(empty_url, f"INSERT INTO users (email, username, hashed_password) VALUES {people}")

    with pytest.raises(CommandError, match=r" of user 10 and 2 more\. Nothing"):
        command.upgrade(config_for(empty_url), "head")


async def test_sqlite_refuses_a_migration_that_leaves_rows_without_a_parent(
    sqlite_url: URL, tmp_path: Path
) -> None:
    toml = project_with(tmp_path, *REVISIONS, upgrade=f"op.execute({DELETE_BO!r})")
    command.upgrade(config_for(sqlite_url), "head")
    await fill(sqlite_url, "0001")

    with pytest.raises(CommandError, match=r"1 row.* nothing was changed: posts 2 → users"):
        command.upgrade(config_for(sqlite_url, toml=toml), "head")

    assert await ask(sqlite_url, "SELECT username FROM users ORDER BY id") == ["ann", "bo"]


WIDEN = """
    with op.batch_alter_table("users", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.alter_column("username", type_=sa.String(80))
"""


async def test_widening_a_column_keeps_the_rows_that_point_to_its_table(
    empty_url: URL, tmp_path: Path
) -> None:
    config = config_for(empty_url, toml=project_with(tmp_path, *REVISIONS, upgrade=WIDEN))
    command.upgrade(config, HEAD)
    await fill(empty_url, *REVISIONS)
    before = await rows(empty_url)
    command.upgrade(config, "head")

    assert await rows(empty_url) == before
    assert "length=80" in str((await shape(empty_url))["users"]["columns"])


# From Python


def test_upgrade_works_without_a_running_loop(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "head")

    command.check(config_for(empty_url))


async def test_upgrade_works_in_a_running_loop_as_in_a_notebook(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "head")

    assert await ask(empty_url, "SELECT version_num FROM alembic_version") == [HEAD]


async def test_a_connection_of_the_caller_is_used_and_its_transaction_left_to_the_caller(
    empty_url: URL,
) -> None:
    engine = create_engine(empty_url, foreign_keys=False, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.begin()
        await connection.run_sync(upgrade_on)
        await connection.rollback()
        assert await rows(empty_url) == {}

        await connection.run_sync(upgrade_on)
    assert set(await rows(empty_url)) == set(models.User.metadata.tables)


def upgrade_on(connection: Connection) -> None:
    command.upgrade(config_for(connection=connection), "head")


async def test_a_connection_with_foreign_keys_on_is_refused(sqlite_url: URL) -> None:
    with pytest.raises(CommandError, match=r"foreign keys on: .* foreign_keys=False"):
        await do(sqlite_url, upgrade_on)

    assert await rows(sqlite_url) == {}


def test_nothing_is_done_to_the_logging_of_the_caller(
    sqlite_url: URL, caplog: pytest.LogCaptureFixture
) -> None:
    mine, root = logging.getLogger("mine"), logging.getLogger()
    before = list(root.handlers), root.level
    with caplog.at_level(logging.INFO, "alembic"):
        command.upgrade(config_for(sqlite_url), "head")

    assert not mine.disabled
    assert (root.handlers, root.level) == before
    assert not logging.getLogger("alembic.runtime.migration").handlers
    assert "Running upgrade 0001 -> 0002" in caplog.text


async def test_a_percent_sign_in_the_password_is_understood(server: postgres.Server) -> None:
    url = server.create_database()
    role = url.set(username=f"owner_of_{url.database}", password="50%/@x%40")
    await send(url, f"CREATE ROLE {role.username} LOGIN PASSWORD '{role.password}'")
    await send(url, f"GRANT ALL ON SCHEMA public TO {role.username}")
    try:
        command.upgrade(config_for(role), "head")
        command.check(config_for(make_url(role.render_as_string(hide_password=False))))
    finally:
        await send(url, f"DROP OWNED BY {role.username} CASCADE", f"DROP ROLE {role.username}")


# New files


@pytest.mark.parametrize("known", [(), ("0001",)], ids=["all", "rest"])
async def test_a_file_written_by_autogenerate_on_one_database_runs_on_the_other(
    empty_url: URL, known: tuple[str, ...], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    other_url = fresh("postgres" if empty_url.get_backend_name() == "sqlite" else "sqlite", request)
    toml = project_with(tmp_path, *known)
    command.upgrade(config_for(empty_url, toml=toml), "head")
    command.revision(config_for(empty_url, toml=toml), "what is missing", autogenerate=True)
    for url in (empty_url, other_url):
        command.upgrade(config_for(url, toml=toml), "head")
        command.check(config_for(url, toml=toml))


def test_two_who_make_a_file_at_once_make_two_and_merge_them(sqlite_url: URL, tmp_path: Path) -> None:
    config = config_for(sqlite_url, toml=project_with(tmp_path, *REVISIONS))
    first = command.revision(config, "Nicknames", head=HEAD)
    second = command.revision(config, "Countries", head=HEAD, splice=True)
    assert isinstance(first, Script)
    assert isinstance(second, Script)
    assert first.revision != second.revision

    command.merge(config, "heads", "Both")
    command.upgrade(config, "head")


def test_the_names_of_new_files_sort_by_time_and_tell_the_id(sqlite_url: URL, tmp_path: Path) -> None:
    config = config_for(sqlite_url, toml=project_with(tmp_path, *REVISIONS))
    script = command.revision(config, "Nicknames for all")
    assert isinstance(script, Script)
    names = sorted(path.name for path in (tmp_path / "versions").glob("*.py"))

    assert re.fullmatch(rf"\d{{4}}_\d\d_\d\d_\d{{4}}_{script.revision}_nicknames_for_all\.py", names[-1])


def the_models_again() -> sa.MetaData:
    """A copy of the models' tables, for a test to change."""
    metadata = sa.MetaData(naming_convention=models.User.metadata.naming_convention)
    for table in models.User.metadata.sorted_tables:
        table.to_metadata(metadata)
    return metadata


@pytest.fixture
def coloured(monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.MetaData]:
    """The models with an Enum in an old table, and in a new one, which has a second Enum."""
    colour, size = sa.Enum("red", "light green", name="colour"), sa.Enum("s", "l", name="size")
    metadata = the_models_again()
    metadata.tables["posts"].append_column(sa.Column("colour", colour, server_default="red", nullable=False))
    key = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("hats", metadata, key, sa.Column("colour", colour), sa.Column("size", size))
    monkeypatch.setattr(models.User, "metadata", metadata)
    yield metadata
    monkeypatch.undo()


async def types(url: URL) -> set[str]:
    """The types that PostgreSQL keeps for Enum columns; SQLite has none."""
    if url.get_backend_name() == "sqlite":
        return set()
    return set(await ask(url, "SELECT typname FROM pg_type WHERE typtype = 'e'"))


async def test_an_autogenerated_enum_goes_up_down_and_up_on_both_databases(
    empty_url: URL, coloured: sa.MetaData, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    other_url = fresh("postgres" if empty_url.get_backend_name() == "sqlite" else "sqlite", request)
    toml = project_with(tmp_path, *REVISIONS)
    command.upgrade(config_for(empty_url, toml=toml), "head")
    command.revision(config_for(empty_url, toml=toml), "Colours", autogenerate=True)
    for url in (empty_url, other_url):
        config = config_for(url, toml=toml)
        command.upgrade(config, HEAD)
        await fill(url, *REVISIONS)
        command.upgrade(config, "head")
        assert await types(url) in ({"colour", "size"}, set())
        command.downgrade(config, "-1")
        assert await types(url) == set()
        command.upgrade(config, "head")
        command.check(config)
        assert await ask(url, "SELECT colour FROM posts") == ["red", "red"]


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Colours(sa.TypeDecorator[Colour]):
    impl = sa.Enum(Colour)
    cache_ok = True


KINDS: dict[str, Any] = {
    "a class": sa.Enum(Colour),
    "a type of ours": Colours(),
    "a CHECK": sa.Enum(Colour, native_enum=False, create_constraint=True, name="colour"),
    "a type and a CHECK": sa.Enum(Colour, create_constraint=True, name="colour"),
    "only on PostgreSQL": sa.String(9).with_variant(sa.Enum(Colour), "postgresql"),
    "no Enum at all": sa.Interval(),
}
"""Types of a new column."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_column_of_any_kind_of_enum_runs(
    kind: str, empty_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(empty_url, toml=project_with(tmp_path, *REVISIONS))
    command.upgrade(config, "head")
    monkeypatch.setattr(models.User, "metadata", the_models_again())
    models.User.metadata.tables["posts"].append_column(sa.Column("colour", KINDS[kind].copy()))
    command.revision(config, "Colours", autogenerate=True)
    for target in ("head", HEAD, "head"):
        (command.downgrade if target == HEAD else command.upgrade)(config, target)

    command.check(config)


async def test_a_type_goes_with_its_last_column_and_comes_back(
    empty_url: URL, coloured: sa.MetaData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(empty_url, toml=project_with(tmp_path, *REVISIONS))
    command.upgrade(config, "head")
    command.revision(config, "Colours", autogenerate=True)
    command.upgrade(config, "head")
    coloured.remove(coloured.tables["hats"])
    command.revision(config, "No hats", autogenerate=True)
    command.upgrade(config, "head")

    assert await types(empty_url) in ({"colour"}, set())
    command.downgrade(config, "-1")
    assert await types(empty_url) in ({"colour", "size"}, set())
    command.upgrade(config, "head")
    command.check(config)


# Files in one row


@pytest.mark.parametrize("words", ["upgrade head", "upgrade heads", "check", "current"])
def test_an_id_that_is_there_twice_is_refused_in_one_line(
    alembic: Alembic, words: str, sqlite_url: URL, tmp_path: Path
) -> None:
    toml = project_with(tmp_path, *REVISIONS)
    for name in ("likes", "comments"):
        add_file(tmp_path, f"0099_{name}", revision="0099")
    finished = alembic("-c", str(toml), *words.split(), database=str(sqlite_url))

    assert finished.returncode != 0
    assert "FAILED: 0099_comments.py and 0099_likes.py have the same id, '0099'." in one_line(finished)
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("words", ["upgrade head", "upgrade heads", "check", "current"])
def test_two_last_files_are_refused_in_one_line_until_they_are_merged(
    alembic: Alembic, words: str, sqlite_url: URL, tmp_path: Path
) -> None:
    toml = project_with(tmp_path, *REVISIONS)
    for name in ("likes", "comments"):
        add_file(tmp_path, name)
    finished = alembic("-c", str(toml), *words.split(), database=str(sqlite_url))

    assert finished.returncode != 0
    assert "FAILED: comments.py and likes.py are both the last" in one_line(finished)
    assert one_line(finished).endswith("put them together: alembic merge heads")
    assert "Traceback" not in finished.stderr
    assert alembic("-c", str(toml), "merge", "heads", database=str(sqlite_url)).returncode == 0
    command.upgrade(config_for(sqlite_url, toml=toml), "head")


def one_line(finished: "subprocess.CompletedProcess[str]") -> str:
    """What was printed; alembic breaks its lines at the edge of the terminal."""
    return " ".join(finished.stdout.split())


def test_a_file_that_follows_nothing_is_refused(sqlite_url: URL, tmp_path: Path) -> None:
    toml = project_with(tmp_path, *REVISIONS)
    add_file(tmp_path, "likes", after="0000")

    with pytest.raises(CommandError, match=r"likes\.py follows '0000', and no file has that id"):
        command.upgrade(config_for(sqlite_url, toml=toml), "head")


# One upgrade at a time

RACER = """
import logging, sys
from alembic import command
from alembic.config import Config

logging.basicConfig(level=logging.INFO, format="%(message)s")
for url in sys.argv[2:]:
    command.upgrade(Config(toml_file=sys.argv[1], attributes={"url": url}), "head")
"""
CONCURRENTLY = """
    with op.get_context().autocommit_block():
        op.create_index("ix_users_updated_at", "users", ["updated_at"], postgresql_concurrently=True)
"""
TIMES = 10


@pytest.mark.parametrize("database", DATABASES)
async def test_two_upgrades_at_once_both_end_well(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    toml = project_with(tmp_path, *REVISIONS, upgrade=CONCURRENTLY)
    urls = [fresh(database, request) for _ in range(TIMES)]
    for url in urls:
        command.upgrade(config_for(url), "0001")
        await fill(url, "0001")
        await send(url, CAPITAL_ANN)
    printed = await two_at_once(toml, urls)

    assert printed.count("Running upgrade") == TIMES * len(REVISIONS)
    for url in urls:
        assert await ask(url, "SELECT version_num FROM alembic_version") == ["next"]
        assert await ask(url, "SELECT email FROM users ORDER BY id") == ["ann@x.org", "bo@x.org"]


async def two_at_once(toml: Path, urls: list[URL]) -> str:
    """Two processes upgrade each database. Both wait for this one at each, and are let go together."""
    addresses = [url.render_as_string(hide_password=False) for url in urls]
    racers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", RACER, str(toml), *addresses, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    try:
        printed = await let_go_together(racers, urls)
        printed += [rest.decode() for _, rest in [await racer.communicate() for racer in racers]]
    finally:
        for racer in (each for each in racers if each.returncode is None):
            racer.kill()
    assert [racer.returncode for racer in racers] == [0, 0], printed
    assert "Traceback" not in "".join(printed)
    return "".join(printed)


async def let_go_together(racers: list[asyncio.subprocess.Process], urls: list[URL]) -> list[str]:
    printed = []
    async with AsyncExitStack() as held:
        locks = [await held.enter_async_context(AsyncExitStack()) for _ in urls]
        for lock, url in zip(locks, urls, strict=True):
            await lock.enter_async_context(alone(create_engine(url, poolclass=NullPool)))
        for lock in locks:
            printed += [await until_it_waits(racer) for racer in racers]
            await lock.aclose()
    return printed


async def until_it_waits(racer: asyncio.subprocess.Process) -> str:
    """What it prints until it waits for the lock of the next database."""
    printed = ""
    assert racer.stderr
    while "Another upgrade is running" not in printed:
        line = (await racer.stderr.readline()).decode()
        assert line, printed
        printed += line
    return printed


async def test_whoever_waits_goes_on_when_the_other_is_killed(empty_url: URL, tmp_path: Path) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HOLDER,
        empty_url.render_as_string(hide_password=False),
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout
    assert await holder.stdout.readline() == b"alone\n"
    holder.kill()
    await holder.wait()
    command.upgrade(config_for(empty_url), "head")

    assert await ask(empty_url, "SELECT version_num FROM alembic_version") == [HEAD]


async def test_whoever_waits_ends_with_ctrl_c_in_one_line(empty_url: URL) -> None:
    database = empty_url.render_as_string(hide_password=False)
    async with alone(create_engine(empty_url, poolclass=NullPool)):
        waiting = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WITH_CTRL_C),
            cwd=PROJECT,
            env=os.environ | {"COURSE_DATABASE": database},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await until_it_waits(waiting)
        waiting.send_signal(signal.SIGINT)
        said, errors = await waiting.communicate()

    assert waiting.returncode == 255
    assert b"FAILED: interrupted" in said
    assert b"Traceback" not in errors


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="only Linux has a folder in which nothing can be made"
)
def test_a_place_where_no_lock_can_be_made_is_refused_and_not_waited_for(alembic: Alembic) -> None:
    finished = alembic("upgrade", "head", database="sqlite+aiosqlite:////proc/self/blog.db")

    assert "FAILED: the file /proc/self/blog.db cannot be opened" in one_line(finished)


@pytest.mark.parametrize("form", ["{}", "file:{}?uri=true"], ids=["path", "uri"])
async def test_the_lock_of_a_file_stands_beside_it_and_goes_with_the_upgrade(
    form: str, tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite+aiosqlite:///{form.format(tmp_path / 'blog.db')}", poolclass=NullPool)
    async with alone(engine) as connection:
        assert (tmp_path / "blog.db-upgrade").exists()
        assert not connection.in_transaction()
        assert (await connection.exec_driver_sql("PRAGMA busy_timeout")).scalar() == PATIENCE_WITH_WRITERS

    assert not (tmp_path / "blog.db-upgrade").exists()


async def test_a_database_in_memory_needs_no_lock() -> None:
    command.upgrade(config_for(make_url("sqlite+aiosqlite://")), "head")


# A table in use


ADD_BIO = 'op.add_column("users", sa.Column("bio", sa.Text))'


@pytest.fixture
async def in_use(server: postgres.Server) -> AsyncIterator[URL]:
    """The address of a database whose users somebody has read, in a transaction that goes on."""
    url = server.create_database()
    command.upgrade(config_for(url), "head")
    reader = create_engine(url, poolclass=NullPool)
    async with reader.connect() as connection:
        await connection.execute(text("SELECT count(*) FROM users"))
        yield url


async def test_a_migration_gives_up_where_others_would_wait_behind_it(
    alembic: Alembic, in_use: URL, tmp_path: Path
) -> None:
    toml = project_with(tmp_path, *REVISIONS, upgrade=ADD_BIO)
    address = in_use.render_as_string(hide_password=False)
    finished = alembic("-c", str(toml), "upgrade", "head", database=address)

    assert finished.returncode != 0
    assert one_line(finished).startswith(
        "FAILED: somebody holds a table that the migration needs: it is undone"
    )
    assert "Traceback" not in finished.stderr
    assert await ask(in_use, "SELECT version_num FROM alembic_version") == [HEAD]


async def test_an_index_made_concurrently_waits_longer_than_a_lock(
    alembic: Alembic, server: postgres.Server, tmp_path: Path
) -> None:
    """Outside a transaction, in the block of the index, there is no limit."""
    url, asked = server.create_database(), "postgresql_concurrently=True)"
    says = 'print(op.get_bind().exec_driver_sql("SHOW lock_timeout").scalar())'
    toml = project_with(
        tmp_path, *REVISIONS, upgrade=f"{says}{CONCURRENTLY.replace(asked, f'{asked}; {says}')}"
    )
    finished = alembic("-c", str(toml), "upgrade", "head", database=url.render_as_string(hide_password=False))

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split() == ["2s", "0"]


WITH_CTRL_C = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal; a job in the background ignores it
from alembic.config import main
main(["upgrade", "head"])
"""
HOLDER = """
import asyncio, sys
from course_lib.db import create_engine
from course_lib.lab.upgrades.alone import PATIENCE_WITH_WRITERS, alone

async def hold():
    async with alone(create_engine(sys.argv[1])):
        print("alone", flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


# As SQL


async def test_the_printed_statements_build_the_same_tables(
    empty_url: URL, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    other_url = fresh("sqlite" if empty_url.get_backend_name() == "sqlite" else "postgres", request)
    config = config_for(other_url)
    command.upgrade(config, "head", sql=True)
    script = tmp_path / "upgrade.sql"
    script.write_text(printed(config))
    assert script.read_text().count("COMMIT;") == len(REVISIONS)
    run_script(script, empty_url)
    command.upgrade(config, "head")

    assert await shape(empty_url) == await shape(other_url)
    command.check(config_for(empty_url))


def printed(config: Config) -> str:
    assert isinstance(config.output_buffer, StringIO)
    return config.output_buffer.getvalue()


def run_script(script: Path, url: URL) -> None:
    if url.get_backend_name() == "sqlite":
        assert url.database
        with sqlite3.connect(url.database) as connection:
            connection.executescript(script.read_text())
        connection.close()
        return
    psql = ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(url.port), "-U", "postgres"]
    finished = run(
        [*psql, "-d", str(url.database), "-f", str(script)], environment={"PGPASSWORD": str(url.password)}
    )
    assert finished.returncode == 0, finished.stdout


def test_printing_statements_starts_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_DATABASE", "postgres")
    config = config_for()
    command.upgrade(config, "head", sql=True)

    assert "SERIAL" in printed(config)
    assert not cache().exists()


async def test_statements_are_printed_in_the_dialect_of_the_callers_connection(
    sqlite_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_DATABASE", "postgres")

    def print_on(connection: Connection) -> str:
        config = config_for(connection=connection)
        command.upgrade(config, "head", sql=True)
        return printed(config)

    assert "AUTOINCREMENT" in await do(sqlite_url, print_on)


# The command line


def test_every_command_works_from_the_projects_folder(alembic: Alembic, sqlite_url: URL) -> None:
    database = str(sqlite_url)
    answers = {
        "upgrade head": f"Running upgrade {REVISIONS[-2]} -> {HEAD}",
        "check": "No new upgrade operations detected",
        "current": f"{HEAD} (head)",
        "history": "0001 -> 0002",
        "downgrade -1": f"Running downgrade {HEAD} -> {REVISIONS[-2]}",
        "downgrade base": "Running downgrade 0001 -> ,",
        "upgrade head --sql": "CREATE TABLE users",
    }
    for words, answer in answers.items():
        run = alembic_itself if words == "upgrade head" else alembic
        finished = run(*words.split(), database=database)
        assert finished.returncode == 0, finished.stderr
        assert answer in finished.stdout + finished.stderr

    finished = alembic("downgrade", "-1", database=database)
    assert (finished.returncode, finished.stdout[:7]) == (255, "FAILED:")


def test_the_commands_reach_postgresql_by_address_and_by_name(
    alembic: Alembic, server: postgres.Server
) -> None:
    address = server.create_database().render_as_string(hide_password=False)

    assert f"-> {HEAD}" in alembic("upgrade", "head", database=address).stderr
    assert "No new upgrade" in alembic("check", database=address).stdout
    assert "PostgresqlImpl" in alembic("current", database="postgres").stderr


def test_alembic_revision_writes_a_tidy_file(alembic: Alembic, sqlite_url: URL, tmp_path: Path) -> None:
    toml = project_with(tmp_path, "0001", "0002")
    assert alembic("-c", str(toml), "upgrade", "head", database=str(sqlite_url)).returncode == 0
    finished = alembic(
        "-c", str(toml), "revision", "--autogenerate", "-m", "Lower case", database=str(sqlite_url)
    )
    assert finished.returncode == 0, finished.stderr
    new = next((tmp_path / "versions").glob("*_lower_case.py"))

    assert 'table_kwargs={"sqlite_autoincrement": True}' in new.read_text()
    ruff = [sys.executable, "-m", "ruff", "check", "--config", str(PROJECT / "pyproject.toml"), str(new)]
    assert subprocess.run(ruff, check=False).returncode == 0


def test_a_wrong_address_gets_one_line_without_the_password(alembic: Alembic) -> None:
    finished = alembic("current", database="nix://ann:sesame@host/name")

    assert finished.stdout.startswith("FAILED: COURSE_DATABASE is 'nix://***")
    assert finished.returncode != 0
    assert "Traceback" not in finished.stderr
    assert "sesame" not in finished.stdout + finished.stderr


async def test_a_connection_lost_on_the_way_gets_one_line(
    alembic: Alembic, server: postgres.Server, tmp_path: Path
) -> None:
    url, end = server.create_database(), 'op.execute("SELECT pg_terminate_backend(pg_backend_pid())")'
    toml = project_with(tmp_path, *REVISIONS, upgrade=end)
    address = url.render_as_string(hide_password=False)
    finished = alembic("-c", str(toml), "upgrade", "head", database=address)

    assert finished.returncode != 0
    assert one_line(finished).startswith("FAILED: the connection was lost")
    assert "Traceback" not in finished.stderr
    assert await ask(url, "SELECT version_num FROM alembic_version") == [HEAD]


BROKEN: dict[str, Callable[[URL, Path], tuple[URL, str]]] = {
    "wrong password": lambda url, _: (url.set(password="sesame"), "password authentication failed"),
    "unknown database": lambda url, _: (url.set(database="nowhere"), "'nowhere' does not exist"),
    "no server": lambda url, _: (url.set(password="sesame", port=1), "Connect call failed"),
    "no host": lambda url, _: (url.set(password="sesame", host="no.host.invalid"), "cannot be opened"),
    "sslmode": lambda url, _: (url.update_query_dict({"sslmode": "require"}), "rejected SSL upgrade"),
    "no such option": lambda url, _: (url.update_query_dict({"pasword": "sesame"}), "'pasword'"),
    "missing folder": lambda _, folder: (sqlite_at(folder / "no" / "x.db"), "there is no folder"),
    "a folder": lambda _, folder: (sqlite_at(folder), "it is a folder"),
    "no database": lambda _, folder: (sqlite_at(text_in(folder)), "file is not a database"),
}
"""How an address can be wrong, and what is said of it."""


def sqlite_at(path: Path) -> URL:
    return URL.create("sqlite+aiosqlite", database=str(path))


def text_in(folder: Path) -> Path:
    file = folder / "letter.txt"
    file.write_text("Dear Ann, " * 1000)
    return file


@pytest.mark.parametrize("fault", BROKEN)
def test_a_wrong_database_gets_one_line_without_the_password(
    alembic: Alembic, fault: str, server: postgres.Server, tmp_path: Path
) -> None:
    url, told = BROKEN[fault](server.url(), tmp_path)
    finished = alembic("upgrade", "head", database=url.render_as_string(hide_password=False))

    assert finished.returncode != 0
    assert one_line(finished).startswith("FAILED: the ")
    assert told in one_line(finished).replace('"', "'")
    assert "Traceback" not in finished.stderr
    assert "sesame" not in finished.stdout + finished.stderr
    assert [path.name for path in tmp_path.iterdir()] in ([], ["letter.txt"])
