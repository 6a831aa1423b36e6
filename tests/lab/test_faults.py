"""A rival comes in front of a certain statement, and the power goes at the one that was named."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.lab.faults import at_each_error, in_front_of_the_first, power_cut
from course_lib.models import Account, Tag

pytestmark = pytest.mark.usefixtures("people")
Sessions = async_sessionmaker[AsyncSession]


async def balances(sessions: Sessions) -> set[int]:
    async with sessions() as session:
        return set(await session.scalars(select(Account.balance)))


async def test_a_rival_is_quicker_once(engine: AsyncEngine, sessions: Sessions) -> None:
    async def be_quicker() -> None:
        async with sessions.begin() as rival:
            rival.add(Tag(name="owls"))

    with in_front_of_the_first(engine, "INSERT INTO tags", be_quicker):
        with pytest.raises(IntegrityError):
            async with sessions.begin() as session:
                session.add(Tag(name="owls"))
        async with sessions.begin() as session:
            session.add(Tag(name="rain"))
    async with sessions() as session:
        found = set(await session.scalars(select(Tag.name).where(Tag.name.in_(["owls", "rain"]))))
    assert found == {"owls", "rain"}


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_the_power_goes_at_the_nth_statement(
    engine: AsyncEngine, sessions: Sessions, times: int
) -> None:
    sent: list[int] = []

    async def five_updates() -> None:
        async with sessions.begin() as session:
            for turn in range(5):
                sent.append(turn)
                await session.execute(update(Account).values(balance=7))

    with pytest.raises(ConnectionError), power_cut(engine, "UPDATE accounts", times=times):
        await five_updates()
    assert len(sent) == times
    assert await balances(sessions) == {100_000}


async def test_the_power_goes_at_the_commit(engine: AsyncEngine, sessions: Sessions) -> None:
    with pytest.raises(ConnectionError), power_cut(engine, "COMMIT"):
        async with sessions.begin() as session:
            await session.execute(update(Account).values(balance=7))
    assert await balances(sessions) == {100_000}


async def test_each_error_of_the_database_is_heard(engine: AsyncEngine, sessions: Sessions) -> None:
    heard: list[str] = []
    with at_each_error(engine, lambda context: heard.append(type(context.sqlalchemy_exception).__name__)):
        for _ in range(2):
            with pytest.raises(DBAPIError):
                async with sessions.begin() as session:
                    await session.execute(update(Account).values(balance=-1))
    assert heard == ["IntegrityError", "IntegrityError"]
