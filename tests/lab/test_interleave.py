"""interleave() runs the order that was written, and says who waits, who goes on and who fails."""

import asyncio
import functools
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import URL, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from stages import without_rows

from course_lib.db import WRITE_LOCK_FIRST, Base, create_engine, create_session_factory
from course_lib.lab.databases import fresh_url
from course_lib.lab.interleave import Transaction, interleave
from course_lib.lab.interleaving_shown import Halfway, Interleaving
from course_lib.lab.people import add_people
from course_lib.models import Account, Tag, User

Sessions = async_sessionmaker[AsyncSession]
Steps = AsyncGenerator[object, None]
pytestmark = pytest.mark.usefixtures("people")
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)


@pytest.fixture(autouse=True)
async def no_connection_is_left(engine: AsyncEngine) -> AsyncIterator[None]:
    yield
    assert "Current Checked out connections: 0" in engine.pool.status()
    if engine.dialect.name == "sqlite":
        async with engine.connect() as connection:
            assert await connection.scalar(text("PRAGMA busy_timeout")) == 5000


@pytest.fixture
def writers(engine: AsyncEngine) -> Sessions:
    """Sessions that are going to write, so that on SQLite they begin with the lock."""
    return async_sessionmaker(engine, execution_options=WRITE_LOCK_FIRST)


def locking(*keys: int) -> Transaction:
    """Changes one account after the other, and commits."""

    async def run(session: AsyncSession) -> Steps:
        for key in keys:
            await session.execute(
                update(Account).where(Account.id == key).values(balance=Account.balance - 1)
            )
            yield f"locks {key}"
        await session.commit()
        yield "commits"

    return run


async def withdraw(session: AsyncSession) -> Steps:
    balance = await session.scalar(select(Account.balance).where(Account.id == 1)) or 0
    yield f"reads {balance}"
    await session.execute(update(Account).where(Account.id == 1).values(balance=balance - 80))
    yield f"writes {balance - 80}"
    await session.commit()
    yield "commits"


async def hold(session: AsyncSession) -> Steps:
    """Locks a row and leaves it as it was: of two that wait for a changed row, PostgreSQL lets either go first."""
    await session.scalar(select(Account.id).where(Account.id == 1).with_for_update())
    yield "locks 1"
    await session.commit()
    yield "commits"


def told(result: Interleaving) -> list[str]:
    return [f"{step.transaction} {step.words}" for step in result.steps]


async def test_a_lost_update_is_seen_step_by_step(
    sessions: Sessions, engine: AsyncEngine, session: AsyncSession
) -> None:
    async def hasty(session: AsyncSession) -> Steps:
        balance = await session.scalar(select(Account.balance).where(Account.id == 1)) or 0
        await session.rollback()  # SQLite takes a write only from one that holds no older snapshot
        yield f"reads {balance}"
        await session.execute(update(Account).where(Account.id == 1).values(balance=balance - 80))
        await session.commit()
        yield f"writes {balance - 80}"

    result = await interleave(sessions, {"A": hasty, "B": hasty}, order="A B A B")
    assert told(result) == ["A reads 100000", "B reads 100000", "A writes 99920", "B writes 99920"]
    assert result.states == {"A": "committed", "B": "committed"}
    assert await session.scalar(select(Account.balance).where(Account.id == 1)) == 99920


async def test_the_second_writer_waits_and_goes_on_after_the_commit(writers: Sessions) -> None:
    result = await interleave(writers, {"A": locking(1), "B": locking(1)}, order="A B B A B")
    assert told(result) == [
        "A locks 1",
        "B waits for A",
        "B still waits for A",
        "A commits",
        "B … goes on: locks 1",
        "B commits",
    ]
    assert [step.turn for step in result.steps] == [1, 2, 3, 4, 4, 5]


async def test_three_queue_up_and_each_goes_on_in_its_turn(writers: Sessions) -> None:
    trio = {"A": hold, "B": locking(1), "C": locking(1)}
    result = await interleave(writers, trio, order="A B C A B C")
    assert set(result.states.values()) == {"committed"}
    goes_on = [step.transaction for step in result.steps if step.kind == "goes on"]
    assert goes_on == ["B", "C"]


async def test_one_that_goes_on_and_commits_lets_the_next_one_go_on(writers: Sessions) -> None:
    async def at_once(session: AsyncSession) -> Steps:
        await session.execute(update(Account).where(Account.id == 1).values(balance=7))
        await session.commit()
        yield "writes and commits"

    trio = {"A": hold, "B": at_once, "C": at_once}
    result = await interleave(writers, trio, order="A B C A")
    assert told(result)[3:] == [
        "A commits",
        "B … goes on: writes and commits",
        "C … goes on: writes and commits",
    ]
    assert {step.turn for step in result.steps[3:]} == {4}


@on_postgres
async def test_a_connection_that_the_pool_gave_on_has_its_new_name(url: URL) -> None:
    engine = create_engine(url, pool_use_lifo=True)
    trio = {"A": locking(1), "B": locking(1), "C": locking(1)}
    result = await interleave(async_sessionmaker(engine), trio, order="B B A C A")
    assert told(result)[3] == "C waits for A"
    await engine.dispose()


async def test_behind_the_order_a_wait_lasts_until_its_blocker_has_ended(writers: Sessions) -> None:
    async def late(session: AsyncSession) -> Steps:
        yield "comes"
        await session.execute(update(Account).where(Account.id == 1).values(balance=7))
        yield "writes"

    result = await interleave(writers, {"A": late, "B": locking(1, 2)}, order="A B", patience=0.05)
    assert told(result)[2:] == [
        "A waits for B",
        "B locks 2",
        "B commits",
        "A … goes on: writes",
        "A ends: rolls back",
    ]


async def test_a_foreign_lock_is_told_as_such(writers: Sessions) -> None:
    async with writers() as stranger:
        await stranger.execute(update(Account).where(Account.id == 1).values(balance=7))
        result = await interleave(writers, {"A": locking(1)}, order="A", patience=0.05)
    assert told(result)[0] == "A waits for another connection"
    on_sqlite = ("A … fails: OperationalError: database is locked", "failed: OperationalError")
    on_postgres = ("A … never ends", "never ended")
    assert (told(result)[1], result.states["A"]) in (on_sqlite, on_postgres)
    assert len(told(result)) == 2


@on_sqlite
async def test_one_that_only_reads_beside_a_foreign_lock_blocks_nobody(
    writers: Sessions, sessions: Sessions
) -> None:
    async def read(session: AsyncSession) -> Steps:
        yield await session.scalar(select(Account.balance).where(Account.id == 2))

    async with writers() as stranger:
        await stranger.execute(text("SELECT 1"))
        result = await interleave(sessions, {"A": read, "B": locking(1)}, order="A B", patience=0.05)
    assert "B waits for another connection" in told(result)


@on_sqlite
async def test_sqlite_refuses_at_once_who_has_read_and_then_writes(sessions: Sessions) -> None:
    result = await interleave(sessions, {"A": withdraw, "B": withdraw}, order="A B A B A")
    assert told(result)[3:] == ["B fails: OperationalError: database is locked", "A commits"]
    assert result.states == {"A": "committed", "B": "failed: OperationalError"}


@on_sqlite
async def test_sqlite_refuses_a_snapshot_that_is_too_old(sessions: Sessions) -> None:
    result = await interleave(sessions, {"A": withdraw, "B": withdraw}, order="A B A A B")
    assert told(result)[-1] == "B fails: OperationalError: database is locked"


@on_sqlite
async def test_a_deferred_transaction_that_begins_with_a_write_waits(sessions: Sessions) -> None:
    result = await interleave(sessions, {"A": locking(1), "B": locking(2)}, order="A B A B")
    assert told(result) == ["A locks 1", "B waits for A", "A commits", "B … goes on: locks 2", "B commits"]


@on_sqlite
async def test_a_wait_that_the_order_leaves_ends_with_the_patience(writers: Sessions) -> None:
    result = await interleave(writers, {"A": locking(1), "B": locking(1)}, order="A B", patience=0.05)
    assert told(result)[1:] == [
        "B waits for A",
        "B … fails: OperationalError: database is locked",
        "A commits",
    ]


async def test_an_engine_as_sqlalchemy_makes_it_will_do() -> None:
    plain = create_async_engine(fresh_url("sqlite"))  # no WAL, and the driver says BEGIN
    async with plain.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await add_people(connection)
    sessions = async_sessionmaker(plain)
    result = await interleave(sessions, {"A": locking(1), "B": locking(2)}, order="A B A B")
    assert told(result)[1:4] == ["B waits for A", "A commits", "B … goes on: locks 2"]
    assert "Current Checked out connections: 0" in plain.pool.status()
    await plain.dispose()


@on_postgres
async def test_postgres_lets_rows_that_are_not_locked_go_by(sessions: Sessions) -> None:
    result = await interleave(sessions, {"A": locking(1), "B": locking(2)}, order="A B A B")
    assert not any(step.waits for step in result.steps)


@on_postgres
@pytest.mark.parametrize("order", ["A B A B A", "A B B A B", "B A A B", "A B"])
async def test_who_closes_the_circle_is_the_victim(sessions: Sessions, order: str) -> None:
    pair = {"A": locking(1, 2), "B": locking(2, 1)}
    result = await interleave(sessions, pair, order=order)
    first = next(step.transaction for step in result.steps if step.waits)
    last = "A" if first == "B" else "B"
    circle = [words for words in told(result) if re.search("waits|fails|goes on", words)]
    assert circle == [
        f"{first} waits for {last}",
        f"{last} fails: DeadlockDetectedError: deadlock detected",
        f"{first} … goes on: locks {2 if first == 'A' else 1}",
    ]
    assert result.states == {first: "committed", last: "failed: DeadlockDetectedError"}


@on_postgres
async def test_the_victim_of_a_circle_may_go_back_to_its_savepoint(sessions: Sessions) -> None:
    async def insist(session: AsyncSession) -> Steps:
        with suppress(DBAPIError):
            async with session.begin_nested():
                await session.get(Account, 2, with_for_update=True)
                yield "locks 2"
                await session.get(Account, 1, with_for_update=True)
        await session.get(Account, 3)
        yield "goes back and reads"
        await session.commit()

    result = await interleave(sessions, {"A": locking(1, 2), "B": insist}, order="A B A B")
    assert "B goes back and reads" in told(result)
    assert result.states == {"A": "committed", "B": "committed"}


@on_postgres
async def test_a_circle_of_three_is_broken_too(sessions: Sessions) -> None:
    trio = {"A": locking(1, 2), "B": locking(2, 3), "C": locking(3, 1)}
    result = await interleave(sessions, trio, order="A B C A B C B A")
    assert told(result)[3:7] == [
        "A waits for B",
        "B waits for C",
        "C fails: DeadlockDetectedError: deadlock detected",
        "B … goes on: locks 3",
    ]


@on_postgres
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
async def test_a_stale_snapshot_fails_instead_of_losing_an_update(engine: AsyncEngine, level: str) -> None:
    strict = create_session_factory(engine.execution_options(isolation_level=level))
    result = await interleave(strict, {"A": withdraw, "B": withdraw}, order="A B A B A")
    assert told(result)[3:] == [
        "B waits for A",
        "A commits",
        "B … fails: SerializationError: could not serialize access due to concurrent update",
    ]


async def leave(session: AsyncSession, key: int) -> Steps:
    """Of two accounts, one shall stay active: each looks, and then empties its own."""
    rich = (await session.scalars(select(Account.id).where(Account.id < 3, Account.balance > 0))).all()
    yield f"sees {len(rich)}"
    await session.execute(update(Account).where(Account.id == key).values(balance=0))
    yield f"empties {key}"
    await session.commit()
    yield "commits"


@on_postgres
async def test_write_skew_passes_snapshots_and_fails_under_serializable(engine: AsyncEngine) -> None:
    pair: dict[str, Transaction] = {
        "A": functools.partial(leave, key=1),
        "B": lambda session: leave(session, 2),
    }
    states = {}
    for level in ("SERIALIZABLE", "REPEATABLE READ"):
        strict = create_session_factory(engine.execution_options(isolation_level=level))
        states[level] = (await interleave(strict, pair, order="A B A B A B")).states
    assert states["REPEATABLE READ"] == {"A": "committed", "B": "committed"}
    assert states["SERIALIZABLE"] == {"A": "committed", "B": "failed: SerializationError"}


@on_postgres
@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (
            {"nowait": True},
            'B fails: LockNotAvailableError: could not obtain lock on row in relation "accounts"',
        ),
        ({"skip_locked": True}, "B takes 2"),
    ],
)
async def test_who_does_not_want_to_wait_does_not(
    sessions: Sessions, option: dict[str, Any], expected: str
) -> None:
    async def take(session: AsyncSession) -> Steps:
        query = select(Account.id).order_by(Account.id).limit(1).with_for_update(**option)
        yield f"takes {await session.scalar(query)}"
        await session.commit()
        yield "commits"

    result = await interleave(sessions, {"A": take, "B": take}, order="A B A B")
    assert told(result)[1] == expected


async def test_two_runs_show_the_same(writers: Sessions, engine: AsyncEngine) -> None:
    shown = []
    for _ in range(3):
        await without_rows(engine)
        async with writers.begin() as session:
            session.add(User(email="a@x.org", username="a", hashed_password="h"))
            await session.flush()
            session.add_all([Account(owner_id=1), Account(owner_id=1)])
        trio = {"A": locking(1, 2), "B": locking(2, 1), "C": locking(2)}
        result = await interleave(writers, trio, order="A B C A B C A B C", patience=0.05)
        shown.append((repr(result), result._repr_html_(), result.picture().svg, repr(result.picture())))
    assert shown[0] == shown[1] == shown[2]


async def test_an_open_transaction_is_rolled_back_at_its_end(
    writers: Sessions, session: AsyncSession
) -> None:
    async def forget(session: AsyncSession) -> Steps:
        session.add(Tag(name="radishes"))
        await session.flush()
        yield "adds"

    result = await interleave(writers, {"A": forget}, order="A")
    assert told(result) == ["A adds", "A ends: rolls back"]
    assert result.states == {"A": "rolled back"}
    assert await session.scalar(select(Tag).where(Tag.name == "radishes")) is None


async def test_a_block_commits_behind_the_last_yield(sessions: Sessions) -> None:
    async def add(session: AsyncSession) -> Steps:
        async with session.begin():
            session.add(Tag(name="radishes"))
            yield "opens"

    result = await interleave(sessions, {"A": add}, order="A A")
    assert told(result) == ["A opens", "A ends: commits"]
    assert result.notes == []


async def test_an_error_of_the_function_is_told_in_a_line_and_rolled_back(
    writers: Sessions, session: AsyncSession
) -> None:
    async def stumble(session: AsyncSession) -> Steps:
        await session.execute(update(Account).values(balance=0))
        yield "empties all"
        raise ZeroDivisionError("no\nsecond line")

    result = await interleave(writers, {"A": stumble}, order="A A A")
    assert told(result)[1] == "A fails: ZeroDivisionError: no"
    assert result.states == {"A": "failed: ZeroDivisionError"}
    assert await session.scalar(select(Account.balance).where(Account.id == 1)) == 100_000


async def test_a_broken_rule_has_the_name_that_the_driver_gives_it(writers: Sessions) -> None:
    async def repeat(session: AsyncSession) -> Steps:
        session.add(Tag(name="bread"))
        await session.flush()
        yield "adds"

    result = await interleave(writers, {"A": repeat}, order="A")
    assert "(" not in told(result)[0]
    assert result.states["A"] in ("failed: IntegrityError", "failed: UniqueViolationError")


async def test_a_turn_behind_the_end_is_remarked(writers: Sessions) -> None:
    result = await interleave(writers, {"A": locking(1)}, order="A A A A")
    assert result.notes == [
        f"Step {turn} of the order is A's, which had ended after 2 steps." for turn in (3, 4)
    ]
    assert result.notes[0] in repr(result)


async def test_a_yield_without_a_label_is_counted(writers: Sessions) -> None:
    async def mute(session: AsyncSession) -> Steps:
        yield None
        yield None

    assert told(await interleave(writers, {"A": mute}, order="A")) == ["A step 1", "A step 2"]


async def test_a_forgotten_await_is_remarked(writers: Sessions) -> None:
    async def hurry(session: AsyncSession) -> Steps:
        session.flush()  # type: ignore[unused-coroutine]  # noqa: RUF100
        yield "flushes"

    result = await interleave(writers, {"A": hurry}, order="A")
    assert result.notes == ["A forgotten await: coroutine 'AsyncSession.flush' was never awaited."]


ANY: Any = None


async def no_yield(session: AsyncSession) -> None: ...


def plain(session: AsyncSession) -> None: ...


async def two_arguments(session: AsyncSession, amount: int) -> Steps:
    yield amount


@pytest.mark.parametrize(
    ("transactions", "order", "message"),
    [
        (lambda: {"A": withdraw}, "A X", "the order names 'X'; the transactions are A"),
        (lambda: {"A": withdraw, "B": withdraw}, "A A", "the order 'A A' never names 'B'"),
        (lambda: {"A": withdraw}, "", "never names 'A'"),
        (lambda: {}, "", "there is no transaction to run"),
        (lambda: {"A": no_yield}, "A", "A has no yield, so it has no steps: end each step of no_yield"),
        (lambda: {"A": lambda session: no_yield(session)}, "A", "no_yield"),
        (lambda: {"A": no_yield(ANY)}, "A", r"A is called already: write no_yield, not no_yield\(…\)"),
        (lambda: {"A": withdraw(ANY)}, "A", r"A is called already: write withdraw, not withdraw\(…\)"),
        (
            lambda: {"A": plain},
            "A",
            "A must be an async def with a yield behind each step, not <function plain",
        ),
        (lambda: {"A": two_arguments}, "A", "A is called with a session alone: .*'amount'"),
        (lambda: {"A": lambda session: 3}, "A", "A must be an async def"),
    ],
)
async def test_a_mistake_is_explained(
    sessions: Sessions, transactions: Callable[[], Any], order: str, message: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        await interleave(sessions, transactions(), order=order)


async def test_an_engine_is_no_session_factory(engine: AsyncEngine) -> None:
    with pytest.raises(TypeError, match=r"create_session_factory\(engine\)"):
        await interleave(engine, {"A": withdraw}, order="A")  # type: ignore[arg-type]


async def test_sessions_that_share_a_connection_are_refused() -> None:
    memory = create_async_engine("sqlite+aiosqlite://")
    with pytest.raises(ValueError, match="its own connection"):
        await interleave(async_sessionmaker(memory), {"A": withdraw}, order="A")
    await memory.dispose()


async def test_a_cancelled_run_leaves_no_lock(writers: Sessions, session: AsyncSession) -> None:
    begun = asyncio.Event()

    async def hang(session: AsyncSession) -> Steps:
        await session.execute(update(Account).values(balance=1))
        yield "locks all"
        begun.set()
        await asyncio.Event().wait()

    run = asyncio.create_task(interleave(writers, {"A": hang, "B": locking(1)}, order="A B A"))
    await asyncio.wait_for(begun.wait(), 20)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await session.execute(update(Account).values(balance=2))
    await session.rollback()


async def test_a_step_that_never_ends_is_given_up(writers: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(session: AsyncSession) -> Steps:
        await session.execute(update(Account).values(balance=1))
        yield "locks all"
        await asyncio.Event().wait()

    monkeypatch.setattr("course_lib.lab.waits.lanes.Database.longest_step", 1.5)
    result = await interleave(writers, {"A": hang, "B": locking(1)}, order="A B A B")
    assert told(result) == [
        "A locks all",
        "B waits for A",
        "A never ends",
        "B … goes on: locks 1",
        "B commits",
    ]
    assert result.states == {"A": "never ended", "B": "committed"}


async def test_the_picture_says_in_words_what_it_draws(writers: Sessions) -> None:
    async def sly(session: AsyncSession) -> Steps:
        yield "<script>&"

    pair = {"A": locking(1), "B<": sly, "C": locking(1)}
    result = await interleave(writers, pair, order="A B< C A C")
    svg = ElementTree.fromstring(result.picture().svg)  # parses: whatever was said is escaped
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == svg.findtext("{*}desc") == repr(result.picture())
    assert all(words in repr(result.picture()) for words in told(result))
    drawn = " ".join(each.text or "" for each in svg.iter() if each.tag.endswith("text"))
    assert all(step.words in drawn for step in result.steps)


async def test_the_table_has_a_column_for_each_and_a_row_for_each_step(writers: Sessions) -> None:
    result = await interleave(writers, {"A": locking(1), "B": locking(1)}, order="A B A B")
    table = result.table()
    assert list(table.columns) == ["step", "A", "B"]
    assert result._repr_markdown_() == table._repr_markdown_()
    assert [row[0] for row in table.rows] == ["1", "2", "3", "", "4"]
    assert all("" in row[1:] for row in table.rows)


async def test_nothing_listens_behind_the_run(writers: Sessions, engine: AsyncEngine) -> None:
    await interleave(writers, {"A": locking(1)}, order="A")
    events = engine.sync_engine.dispatch, engine.sync_engine.dialect.dispatch
    left = (events[0].rollback, events[0].commit, events[1].do_execute, events[1].do_executemany)
    assert [list(listeners) for listeners in left] == [[], [], [], []]


async def halfway(sessions: Sessions, transactions: dict[str, Transaction], order: str) -> Halfway:
    result = await interleave(sessions, transactions, order=order, stop=True)
    assert isinstance(result, Halfway)
    return result


async def balances(session: AsyncSession) -> list[int]:
    return list(await session.scalars(select(Account.balance).order_by(Account.id).limit(3)))


async def test_a_stopped_order_tells_who_is_open_and_who_waits(writers: Sessions) -> None:
    result = await halfway(writers, {"A": locking(1), "B": locking(1), "C": locking(2)}, "A B")
    assert told(result) == ["A locks 1", "B waits for A"]
    assert result.states == {"A": "open", "B": "waits for A", "C": "not begun"}
    assert result.open == ["A", "C"]


async def test_no_order_is_a_beginning(sessions: Sessions) -> None:
    result = await halfway(sessions, {"A": withdraw, "B": withdraw}, "")
    assert result.open == ["A", "B"]
    assert result.caption == "No step yet: A not begun, B not begun"
    assert result.table().rows == []


async def test_in_plain_text_a_stopped_order_is_its_table(sessions: Sessions) -> None:
    result = await halfway(sessions, {"A": withdraw}, "A")
    assert repr(result) == repr(result.table())


async def test_who_has_ended_can_do_no_step(writers: Sessions) -> None:
    result = await halfway(writers, {"A": hold, "B": hold}, "A A A B")
    assert result.states == {"A": "committed", "B": "open"}
    assert result.open == ["B"]


async def test_what_a_stop_leaves_open_is_rolled_back(writers: Sessions, session: AsyncSession) -> None:
    """One that waited would commit in the same step, as soon as the other let go."""

    async def at_once(session: AsyncSession, *keys: int) -> None:
        for key in keys:
            await session.execute(update(Account).where(Account.id == key).values(balance=1))
        await session.commit()

    async def second(session: AsyncSession) -> Steps:
        await session.execute(update(Account).where(Account.id == 2).values(balance=1))
        yield "locks 2"
        await at_once(session, 1)
        yield "commits"

    async def third(session: AsyncSession) -> Steps:
        await at_once(session, 2, 3)
        yield "commits"

    before = await balances(session)
    await session.rollback()
    result = await halfway(writers, {"A": locking(1), "B": second, "C": third}, "A B B C")
    assert result.states["A"] == "open"
    assert result.states["C"].startswith("waits for ")
    assert await balances(session) == before


async def test_steps_one_by_one_come_to_what_the_whole_order_comes_to(writers: Sessions) -> None:
    pair = {"A": locking(1), "B": locking(1)}
    order = ["A", "B", "B", "A", "B", "A", "B"]
    walks = [await halfway(writers, pair, " ".join(order[:steps])) for steps in range(len(order) + 1)]
    shown = [told(walk) for walk in walks]
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(shown))
    whole = await interleave(writers, pair, order=" ".join(order))
    assert (shown[-1], walks[-1].states) == (told(whole), whole.states)


@on_sqlite
async def test_where_nobody_can_do_a_step_time_passes(writers: Sessions, engine: AsyncEngine) -> None:
    async with engine.execution_options(**WRITE_LOCK_FIRST).connect() as outsider:
        await outsider.execute(text("SELECT 1"))
        result = await interleave(writers, {"A": locking(1)}, order="A", patience=0.05, stop=True)
        await outsider.rollback()
    assert told(result)[0] == "A waits for another connection"
    assert result.states == {"A": "failed: OperationalError"}


async def test_a_stopped_order_names_only_those_that_there_are(sessions: Sessions) -> None:
    with pytest.raises(ValueError, match="the order names 'C'; the transactions are A"):
        await interleave(sessions, {"A": withdraw}, order="C", stop=True)
