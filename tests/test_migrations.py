"""The migrations: up and down on both databases with rows in the tables, and nothing half done when one fails."""

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, NullPool, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from course_lib import models
from course_lib.db import create_engine
from course_lib.lab import postgres
from course_lib.lab.databases import fresh_url
from course_lib.lab.postgres.os_account import cache
from course_lib.lab.postgres.programs import run

T = TypeVar("T")
DATABASES = ("sqlite", "postgres")
PROJECT = Path(__file__).parents[1]
VERSIONS = PROJECT / "migrations" / "versions"
REVISIONS = ("0001", "0002", "0003", "0004")
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
    "0003": (),
    "0004": (),
}
"""What people write at each revision."""

CAPITAL_ANN = "UPDATE users SET email = 'Ann@x.org' WHERE id = 1"
DELETE_BO = "DELETE FROM users WHERE username = 'bo'"
ADD_CY = "INSERT INTO users (email, username, hashed_password) VALUES ('cy@x.org', 'cy', '?')"

NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0005", "0004"
def upgrade():
    {upgrade}
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


def project_with(folder: Path, *revisions: str, upgrade: str | None = None) -> Path:
    """The settings of a project with our env.py and some of our migrations, and one more that does `upgrade`."""
    versions = folder / "versions"
    versions.mkdir()
    for revision in revisions:
        shutil.copy(next(VERSIONS.glob(f"{revision}_*.py")), versions)
    if upgrade:
        (versions / "0005_next.py").write_text(NEXT.format(upgrade=upgrade))
    text = (PROJECT / "pyproject.toml").read_text()
    section = text[text.index("[tool.alembic]") : text.index("[tool.pytest.ini_options]")]
    here = f"'{PROJECT / 'migrations'}'\nversion_locations = ['{versions}']"
    toml = folder / "pyproject.toml"
    toml.write_text(section.replace('"%(here)s/migrations"', here))
    return toml


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
        await send(url, *ROWS[revision])


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


def alembic(*words: str, database: str) -> "subprocess.CompletedProcess[str]":
    """Run alembic as a learner does, in the project's folder."""
    return subprocess.run(
        [sys.executable, "-m", "alembic", *words],
        cwd=PROJECT,
        env=os.environ | {"COURSE_DATABASE": database},
        capture_output=True,
        text=True,
        check=False,
    )


# Up and down


def test_the_revisions_are_numbered_without_a_gap() -> None:
    history = ScriptDirectory.from_config(config_for()).walk_revisions()

    assert tuple(script.revision for script in history)[::-1] == REVISIONS


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
    assert counts == {"accounts": 2, "post_tags": 2, "posts": 2, "tags": 1, "transfers": 1, "users": 2}


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
    command.upgrade(config, "0003")
    await fill(empty_url, *REVISIONS)
    before = await rows(empty_url)

    with pytest.raises(DBAPIError, match="nowhere"):
        command.upgrade(config, "head")

    assert await rows(empty_url) == before
    assert await ask(empty_url, "SELECT version_num FROM alembic_version") == [REVISIONS[-1]]


async def test_migrations_before_the_failing_one_stay(empty_url: URL, tmp_path: Path) -> None:
    toml = project_with(tmp_path, *REVISIONS, upgrade='op.execute("SELECT * FROM nowhere")')
    with pytest.raises(DBAPIError, match="nowhere"):
        command.upgrade(config_for(empty_url, toml=toml), "head")

    assert await ask(empty_url, "SELECT version_num FROM alembic_version") == [REVISIONS[-1]]


async def test_two_people_with_one_address_stop_the_third_migration_unharmed(empty_url: URL) -> None:
    command.upgrade(config_for(empty_url), "0002")
    await fill(empty_url, "0001")
    await send(empty_url, "UPDATE users SET email = 'BO@x.org' WHERE username = 'ann'")
    before = await rows(empty_url)

    with pytest.raises(IntegrityError):
        command.upgrade(config_for(empty_url), "head")

    assert await rows(empty_url) == before


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
    command.upgrade(config, "0003")
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

    assert await ask(empty_url, "SELECT version_num FROM alembic_version") == [REVISIONS[-1]]


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


def test_new_files_get_the_next_number(sqlite_url: URL, tmp_path: Path) -> None:
    config = config_for(sqlite_url, toml=project_with(tmp_path, *REVISIONS))
    command.revision(config, "Nicknames for all")
    command.upgrade(config, "head")
    command.revision(config, "Nothing", autogenerate=True)

    assert [path.name for path in sorted((tmp_path / "versions").glob("*.py"))][len(REVISIONS) :] == [
        "0005_nicknames_for_all.py",
        "0006_nothing.py",
    ]


def test_a_given_revision_id_wins(sqlite_url: URL, tmp_path: Path) -> None:
    config = config_for(sqlite_url, toml=project_with(tmp_path, *REVISIONS))
    command.revision(config, "Mine", rev_id="mine")
    command.revision(config, "Next")

    assert {path.name for path in (tmp_path / "versions").glob("*.py")} > {"mine_mine.py", "0005_next.py"}


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


def test_every_command_works_from_the_projects_folder(sqlite_url: URL) -> None:
    database = str(sqlite_url)
    answers = {
        "upgrade head": "Running upgrade 0003 -> 0004",
        "check": "No new upgrade operations detected",
        "current": "0004 (head)",
        "history": "0001 -> 0002",
        "downgrade -1": "Running downgrade 0004 -> 0003",
        "downgrade base": "Running downgrade 0001 -> ,",
        "upgrade head --sql": "CREATE TABLE users",
    }
    for words, answer in answers.items():
        finished = alembic(*words.split(), database=database)
        assert finished.returncode == 0, finished.stderr
        assert answer in finished.stdout + finished.stderr

    finished = alembic("downgrade", "-1", database=database)
    assert (finished.returncode, finished.stdout[:7]) == (255, "FAILED:")


def test_the_commands_reach_postgresql_by_address_and_by_name(server: postgres.Server) -> None:
    address = server.create_database().render_as_string(hide_password=False)

    assert "-> 0004" in alembic("upgrade", "head", database=address).stderr
    assert "No new upgrade" in alembic("check", database=address).stdout
    assert "PostgresqlImpl" in alembic("current", database="postgres").stderr


def test_alembic_revision_writes_a_tidy_file(sqlite_url: URL, tmp_path: Path) -> None:
    toml = project_with(tmp_path, "0001", "0002")
    assert alembic("-c", str(toml), "upgrade", "head", database=str(sqlite_url)).returncode == 0
    finished = alembic(
        "-c", str(toml), "revision", "--autogenerate", "-m", "Lower case", database=str(sqlite_url)
    )
    new = tmp_path / "versions" / "0003_lower_case.py"

    assert finished.returncode == 0, finished.stderr
    assert 'table_kwargs={"sqlite_autoincrement": True}' in new.read_text()
    ruff = [sys.executable, "-m", "ruff", "check", "--config", str(PROJECT / "pyproject.toml"), str(new)]
    assert subprocess.run(ruff, check=False).returncode == 0


def test_a_wrong_address_gets_one_line_without_the_password() -> None:
    finished = alembic("current", database="nix://ann:sesame@host/name")

    assert finished.stdout.startswith("FAILED: COURSE_DATABASE is 'nix://***")
    assert finished.returncode != 0
    assert "Traceback" not in finished.stderr
    assert "sesame" not in finished.stdout + finished.stderr


def test_a_server_that_does_not_answer_gets_one_line_without_the_password() -> None:
    finished = alembic("current", database="postgresql+asyncpg://ann:sesame@127.0.0.1:1/name")

    assert "cannot be reached" in finished.stdout
    assert "Traceback" not in finished.stderr
    assert "sesame" not in finished.stdout + finished.stderr
