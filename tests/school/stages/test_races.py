"""What the judges of lesson 06 stand on: no pause is waited for, no loop lasts for ever, a lock of Python is named."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from course_lib.models import Account
from course_lib.repositories import AccountRepository
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.stages.races import at_once, errors_at_most, locks_asked_for, pauses_skipped

pytestmark = pytest.mark.usefixtures("people")


async def test_a_loop_that_catches_every_error_is_ended(engine: AsyncEngine) -> None:
    async def insist() -> None:
        while True:
            try:
                async with engine.connect() as connection:
                    await connection.execute(text("SELECT nothing"))
            except Exception:
                continue

    with pytest.raises(NotYet, match="too often"), errors_at_most(engine, 3, NotYet("too often", "")):
        await insist()


async def test_a_few_errors_are_let_be(engine: AsyncEngine) -> None:
    with errors_at_most(engine, 3, NotYet("too often", "")), pytest.raises(DBAPIError):
        async with engine.connect() as connection:
            await connection.execute(text("SELECT nothing"))


async def test_pauses_are_skipped_in_their_block_alone() -> None:
    goes_on = asyncio.Event()

    async def of_the_notebook() -> bool:
        await goes_on.wait()
        await asyncio.sleep(60)
        return True

    outside = asyncio.create_task(of_the_notebook())
    await asyncio.sleep(0)
    with pauses_skipped():
        goes_on.set()
        await asyncio.sleep(60)
    assert not outside.done()
    outside.cancel()


async def test_who_asks_for_a_lock_on_rows_is_seen_where_it_is_not_sent(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    with locks_asked_for(engine) as asked:
        await session.get(Account, 1)
        assert asked == []
        await AccountRepository(session).lock(1)
    assert len(asked) == 1


async def test_a_lock_of_python_is_named_and_not_waited_for(engine: AsyncEngine) -> None:
    lock = asyncio.Lock()

    async def reads_under_it(session: AsyncSession) -> None:
        async with lock:
            await session.get(Account, 1)

    with pytest.raises(NotYet, match="lock in Python: B waits for a lock of asyncio"):
        await at_once(engine, {"A": reads_under_it, "B": reads_under_it})
