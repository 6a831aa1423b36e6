"""The engine behaves alike on both databases: transactions, foreign keys, times, and errors without secrets."""

import asyncio
import logging
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unicodedata import category

import pytest
from sqlalchemy import URL, exc, func, insert, inspect, literal, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.db import (
    LOCK_NOT_AVAILABLE,
    WRITE_LOCK_FIRST,
    Base,
    Hidden,
    create_engine,
    create_session_factory,
    is_conflict,
    is_unavailable,
    one_spelling,
    violated_constraint,
)
from course_lib.lab.databases import fresh_url
from course_lib.lab.engine_events import listening
from course_lib.lab.sql import watch
from course_lib.models import Post, Tag, User, post_tags
from course_lib.settings import Timeouts

on_postgresql = pytest.mark.parametrize("url", ["postgres"], indirect=True)
NOON_IN_KARACHI = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=5)))
ANN = {"email": "ann@example.org", "username": "ann", "hashed_password": "$argon2id$hash"}


async def names_of_tags(connection: AsyncConnection) -> list[str]:
    return list(await connection.scalars(select(Tag.name).order_by(Tag.id)))


def test_an_engine_that_is_not_used_connects_to_nothing(tmp_path: Path) -> None:
    create_engine(f"sqlite+aiosqlite:///{tmp_path / 'course.db'}")
    create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nowhere")

    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import asyncio, gc, resource, sys
import psutil
from sqlalchemy.exc import OperationalError
from course_lib.db import create_engine

async def main(url):
    told = []
    for _ in range(3):
        try:
            await create_engine(url).connect()
        except OperationalError as error:
            told.append(error)
    print(len(told), [file.path for file in psutil.Process().open_files()])

gc.disable()  # which would close what nobody holds
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits a program in the way of POSIX")
def test_on_a_full_disk_no_file_stays_open(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'blog.db'}"
    command = [sys.executable, "-c", FULL_DISK, url]
    finished = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)

    assert finished.stdout.startswith("3 ")
    assert "blog.db" not in finished.stdout


async def test_foreign_keys_hold_on_every_connection_of_the_pool(engine: AsyncEngine) -> None:
    orphan = insert(Post).values(title="lost", content="", author_id=999)
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(engine.connect()) for _ in range(5)]
        for connection in connections:
            with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
                await connection.execute(orphan)
            await connection.rollback()


async def test_migrations_can_ask_sqlite_to_look_away_from_foreign_keys() -> None:
    engine = create_engine(fresh_url("sqlite"), foreign_keys=False)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(Post).values(title="lost", content="", author_id=999))

        assert len((await connection.execute(text("PRAGMA foreign_key_check"))).all()) == 1
    await engine.dispose()


async def test_sqlite_lets_people_read_while_somebody_writes() -> None:
    engine = create_engine(fresh_url("sqlite"))
    async with engine.connect() as connection:
        pragmas = [
            await connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "busy_timeout", "foreign_keys")
        ]

    assert pragmas == ["wal", 5000, 1]
    await engine.dispose()


async def test_ten_connections_may_be_the_first_at_once() -> None:
    engine = create_engine(fresh_url("sqlite"))

    async def ask() -> Any:
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT 1"))

    assert await asyncio.gather(*[ask() for _ in range(10)]) == [1] * 10
    await engine.dispose()


@on_postgresql
async def test_who_waits_for_a_lock_gives_up_before_a_slow_statement_would(engine: AsyncEngine) -> None:
    own = create_engine(engine.url, timeouts=Timeouts(lock=0.1, statement=10, pool=300))
    lock = text("LOCK TABLE tags")
    async with engine.connect() as holder, own.connect() as waiting:
        await holder.execute(lock)
        with pytest.raises(DBAPIError) as caught:
            await waiting.execute(lock)
    assert getattr(caught.value.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE
    assert is_conflict(caught.value)
    await own.dispose()


@on_postgresql
async def test_who_waits_for_a_connection_gives_up_after_the_time_that_was_set(engine: AsyncEngine) -> None:
    one: dict[str, Any] = {
        "pool_size": 1,
        "max_overflow": 0,
        "connect_args": {},
    }  # no limit on connecting itself
    own = create_engine(engine.url, timeouts=Timeouts(pool=0.25), **one)
    async with own.connect():
        with pytest.raises(exc.TimeoutError, match=r"timeout 0\.25") as caught:
            await own.connect()
    assert is_unavailable(caught.value)
    await own.dispose()


@on_postgresql
async def test_a_forgotten_transaction_is_ended_where_a_limit_is_set(engine: AsyncEngine) -> None:
    own = create_engine(engine.url, timeouts=Timeouts(idle_in_transaction=0.5, pool=300))
    async with own.connect() as forgotten:
        await forgotten.scalar(text("SELECT 1"))
        driver: Any = (await forgotten.get_raw_connection()).driver_connection
        closed = asyncio.Event()
        driver.add_termination_listener(lambda _: closed.set())
        await asyncio.wait_for(closed.wait(), 60)

        with pytest.raises(DBAPIError, match="connection is closed") as caught:
            await forgotten.scalar(text("SELECT 1"))
    assert is_unavailable(caught.value)
    async with own.connect() as another:
        assert await another.scalar(text("SELECT 1")) == 1
    await own.dispose()


async def test_a_transaction_reads_from_one_moment(engine: AsyncEngine) -> None:
    # SQLite gives this with its BEGIN, PostgreSQL on request.
    level = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    async with engine.connect() as reader:
        await reader.execution_options(**level)
        before = await names_of_tags(reader)
        async with engine.begin() as writer:
            await writer.execute(insert(Tag).values(name="new"))

        assert await names_of_tags(reader) == before == []


async def test_a_released_savepoint_goes_with_the_transaction_around_it(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(insert(Tag).values(name="outer"))
        async with connection.begin_nested():
            await connection.execute(insert(Tag).values(name="inner"))
        await connection.rollback()

        assert await names_of_tags(connection) == []


async def test_a_savepoint_rolls_back_alone(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(insert(Tag).values(name="outer"))
        savepoint = await connection.begin_nested()
        await connection.execute(insert(Tag).values(name="inner"))
        await savepoint.rollback()

    async with engine.connect() as connection:
        assert await names_of_tags(connection) == ["outer"]


async def test_a_table_made_in_a_transaction_goes_with_its_rollback(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE short_lived (id INTEGER)"))
        await connection.rollback()
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())

    assert "short_lived" not in tables
    assert "users" in tables


async def test_a_closed_session_cannot_be_used_again(sessions: async_sessionmaker[AsyncSession]) -> None:
    session = sessions()
    await session.close()

    with pytest.raises(InvalidRequestError, match="closed"):
        await session.execute(select(1))


async def test_objects_stay_readable_after_a_commit(engine: AsyncEngine, session: AsyncSession) -> None:
    session.add(ann := User(**ANN))
    await session.commit()

    with watch(engine) as sent:
        assert (ann.id, ann.email) == (1, "ann@example.org")
    assert len(sent) == 0


async def test_an_error_does_not_tell_the_parameters(session: AsyncSession) -> None:
    await session.execute(insert(User).values(ANN))

    with pytest.raises(IntegrityError) as caught:
        await session.execute(insert(User).values(ANN | {"email": "other@example.org"}))
    assert "other@example.org" not in str(caught.value)


async def test_an_error_tells_which_constraint_was_violated(session: AsyncSession) -> None:
    await session.execute(insert(User).values(ANN))

    with pytest.raises(IntegrityError) as caught:
        await session.execute(insert(User).values(ANN | {"username": "ann2"}))
    assert violated_constraint(caught.value) == "uq_users_email"


async def test_a_violated_check_is_told_by_its_name(session: AsyncSession) -> None:
    with pytest.raises(IntegrityError) as caught:
        await session.execute(text("INSERT INTO accounts (owner_id, balance) VALUES (1, -1)"))
    assert violated_constraint(caught.value) == "ck_accounts_balance_not_negative"
    assert not is_conflict(caught.value)


async def test_a_rule_on_several_columns_is_not_told_by_a_name_that_no_rule_has(
    session: AsyncSession,
) -> None:
    await session.execute(insert(User).values(ANN))
    await session.execute(insert(Post).values(title="x", content="", author_id=1))
    await session.execute(insert(Tag).values(name="x"))
    with pytest.raises(IntegrityError) as caught:
        await session.execute(insert(post_tags).values([{"post_id": 1, "tag_id": 1}] * 2))

    told = {"sqlite": "post_tags.post_id, post_tags.tag_id", "postgresql": "pk_post_tags"}
    assert violated_constraint(caught.value) == told[session.get_bind().dialect.name]


async def test_every_constraint_has_the_name_the_convention_gives_it(engine: AsyncEngine) -> None:
    def names(table: str) -> set[str | None]:
        found = inspector.get_unique_constraints(table), inspector.get_foreign_keys(table)
        return {constraint["name"] for kind in found for constraint in kind}

    async with engine.connect() as connection:
        inspector = await connection.run_sync(inspect)
        found = await connection.run_sync(lambda _: names("users") | names("posts") | names("transfers"))

    assert found == {
        "uq_users_email",
        "uq_users_username",
        "fk_posts_author_id",
        "fk_transfers_from_account_id",
        "fk_transfers_to_account_id",
        "uq_transfers_payer_and_key",
    }


LETTERS = [
    letter for letter in map(chr, range(1, sys.maxunicode + 1)) if category(letter) not in ("Cs", "Cn")
]
"""All that this Python knows; a database may know a newer Unicode."""


def test_one_spelling_is_the_same_again_and_in_lower_case() -> None:
    spelled = [one_spelling(letter) for letter in LETTERS]

    assert [text for text in spelled if one_spelling(text) != text or text.lower() != text] == []


async def test_neither_database_changes_the_one_spelling(session: AsyncSession) -> None:
    spelled = "".join(map(one_spelling, LETTERS))

    assert await session.scalar(select(func.lower(literal(spelled)))) == spelled


async def test_no_log_shows_a_hash(url: URL, engine: AsyncEngine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    talking = create_engine(url, echo="debug")
    async with create_session_factory(talking).begin() as session:
        session.add(User(**ANN))
        await session.flush()
        await session.execute(
            insert(User), [ANN | {"email": f"{n}@x.org", "username": f"{n}"} for n in range(2)]
        )
        await session.execute(update(User).where(User.id == 1).values(hashed_password="$argon2id$other"))
        hashes = (await session.scalars(select(User.hashed_password).order_by(User.id))).all()
    await talking.dispose()

    assert hashes == ["$argon2id$other", ANN["hashed_password"], ANN["hashed_password"]]
    assert "INSERT INTO users" in caplog.text
    assert "Row (" in caplog.text
    assert "argon2" not in caplog.text


def test_what_is_hidden_is_text_all_the_same() -> None:
    assert (Hidden("x") == "x", str(Hidden("x")), repr(Hidden("x"))) == (True, "x", "'***'")


async def test_a_time_without_a_zone_is_refused(session: AsyncSession) -> None:
    with pytest.raises(StatementError, match=r"has no time zone; use datetime\.now"):
        await session.execute(insert(User).values(ANN | {"created_at": datetime(2026, 5, 1, 12)}))  # noqa: DTZ001


async def test_a_time_from_another_zone_comes_back_as_the_same_instant_in_utc(session: AsyncSession) -> None:
    await session.execute(insert(User).values(ANN | {"created_at": NOON_IN_KARACHI}))

    found = await session.scalar(select(User.created_at))
    assert found == NOON_IN_KARACHI
    assert found.isoformat() == "2026-05-01T07:00:00+00:00"


async def test_a_time_can_be_searched_from_any_zone(session: AsyncSession) -> None:
    await session.execute(insert(User).values(ANN | {"created_at": NOON_IN_KARACHI}))

    found = select(User.id).where(User.created_at == NOON_IN_KARACHI.astimezone(UTC))
    assert await session.scalar(found) == 1


async def test_the_clock_of_the_database_and_that_of_python_compare(session: AsyncSession) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    await session.execute(insert(User).values(ANN))

    between = User.created_at.between(before, before + timedelta(minutes=2))
    assert await session.scalar(select(User.id).where(between)) == 1
    assert (await session.scalars(select(User.created_at))).one().tzinfo is UTC


async def test_a_time_that_the_database_filled_in_is_found_by_what_was_read(session: AsyncSession) -> None:
    await session.execute(insert(User).values(ANN))

    read = await session.scalar(select(User.created_at))
    assert await session.scalar(select(User.id).where(User.created_at == read)) == 1


def test_every_foreign_key_can_be_searched_by_an_index() -> None:
    for table in Base.metadata.tables.values():
        keys = [table.primary_key.columns, *(index.columns for index in table.indexes)]

        assert {key.parent.name for key in table.foreign_keys} <= {columns[0].name for columns in keys}


def test_only_an_idempotency_key_and_what_is_not_sent_yet_may_be_null() -> None:
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    nullable = [str(column) for column in columns if column.nullable]

    assert nullable == ["transfers.idempotency_key", "outbox_messages.sent_at"]


def test_sqlite_gives_no_id_of_any_table_twice() -> None:
    numbered = [table for table in Base.metadata.tables.values() if "id" in table.columns]

    assert [table.name for table in numbered if not table.dialect_options["sqlite"]["autoincrement"]] == []
    assert len(numbered) == 7


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_commit_that_sqlite_refuses_leaves_no_transaction_behind(engine: AsyncEngine) -> None:
    promises = "CREATE TABLE promises (tag_id INTEGER REFERENCES tags (id) DEFERRABLE INITIALLY DEFERRED)"
    async with engine.begin() as connection:
        await connection.execute(text(promises))
    sessions = create_session_factory(engine)
    async with sessions() as session:
        await session.execute(text("INSERT INTO promises VALUES (999)"))
        with pytest.raises(IntegrityError):
            await session.commit()
    async with sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM promises")) == 0


@pytest.mark.parametrize("sent", ["INSERT", "SELECT"])
async def test_a_cancelled_task_to_which_somebody_refers_keeps_no_lock(
    engine: AsyncEngine, sent: str
) -> None:
    """Its traceback refers to the cursor, and SQLite keeps a closed connection open while there is one."""
    sessions = create_session_factory(engine)

    async def add_a_tag() -> None:
        async with sessions(execution_options=WRITE_LOCK_FIRST) as session, session.begin():
            await session.scalar(insert(Tag).values(name="bread").returning(Tag))
            await session.scalar(select(1))

    def cancel(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(sent):
            asyncio.get_running_loop().call_soon(cancelled.cancel)

    with listening(engine, before_cursor_execute=cancel):
        cancelled = asyncio.create_task(add_a_tag())
        await asyncio.wait([cancelled])
    assert cancelled.cancelled()
    async with asyncio.timeout(60), engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            await connection.exec_driver_sql("PRAGMA busy_timeout=0")
        await connection.execute(insert(Tag).values(name="bread"))


@pytest.mark.parametrize("said", ["of the engine", "of the connection"])
async def test_what_is_written_with_autocommit_stays(url: URL, said: str) -> None:
    mode: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}
    engine = create_engine(url, **(mode if said == "of the engine" else {}))
    options = {} if said == "of the engine" else mode
    async with engine.execution_options(**options).connect() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS kept (id INTEGER)"))
        await connection.execute(text("DELETE FROM kept"))
        await connection.execute(text("INSERT INTO kept VALUES (1)"))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM kept")) == 1
        await connection.execute(text("DROP TABLE kept"))
    await engine.dispose()
