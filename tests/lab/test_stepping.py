"""A function without a yield stands behind each statement, so that `interleave` can put others in between."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.lab.interleave import interleave
from course_lib.lab.interleaving_shown import Interleaving
from course_lib.lab.stepping import Stand, WaitsInPython, in_steps, stepping
from course_lib.models import Account, Tag

Sessions = async_sessionmaker[AsyncSession]


def told(shown: Interleaving) -> list[str]:
    return [f"{step.transaction} {step.words}" for step in shown.steps]


async def reads_twice(session: AsyncSession) -> None:
    await session.get(Account, 1)
    await session.get(Account, 2)


async def test_others_come_between_two_statements(
    engine: AsyncEngine, sessions: Sessions, people: None
) -> None:
    with stepping(engine):
        lanes = {"A": in_steps(reads_twice), "B": in_steps(reads_twice)}
        shown = await interleave(sessions, lanes, order="A B A B")
    assert told(shown)[:4] == ["A SELECT", "B SELECT", "A SELECT", "B SELECT"]


async def test_a_session_of_its_own_stands_too(engine: AsyncEngine, sessions: Sessions, people: None) -> None:
    async def opens_one(_: AsyncSession) -> None:
        async with sessions.begin() as session:
            session.add(Tag(name="owls"))

    with stepping(engine):
        shown = await interleave(sessions, {"A": in_steps(opens_one)}, order="A A")
    assert (told(shown), shown.states) == (["A INSERT", "A ends"], {"A": "committed"})


async def test_an_error_ends_the_steps(engine: AsyncEngine, sessions: Sessions, people: None) -> None:
    async def fails(session: AsyncSession) -> None:
        await session.get(Account, 1)
        raise ValueError("too late")

    with stepping(engine):
        shown = await interleave(sessions, {"A": in_steps(fails)}, order="A A")
    assert told(shown) == ["A SELECT", "A fails: ValueError: too late"]


async def test_who_waits_for_a_lock_of_python_is_told_of_it(
    engine: AsyncEngine, sessions: Sessions, people: None
) -> None:
    lock = asyncio.Lock()

    async def reads_under_it(session: AsyncSession) -> None:
        async with lock:
            await session.get(Account, 1)

    with stepping(engine):
        lanes = {"A": in_steps(reads_under_it), "B": in_steps(reads_under_it)}
        shown = await interleave(sessions, lanes, order="A B A")
    assert told(shown)[:2] == ["A SELECT", "B fails: WaitsInPython"]


async def test_nobody_is_left_standing(engine: AsyncEngine, sessions: Sessions, people: None) -> None:
    tasks = asyncio.all_tasks()
    async with sessions() as session:
        with stepping(engine):
            steps = in_steps(reads_twice)(session)
            await anext(steps)
            await steps.aclose()
    assert asyncio.all_tasks() == tasks


async def test_who_is_not_in_steps_is_left_alone(
    engine: AsyncEngine, sessions: Sessions, people: None
) -> None:
    async with sessions() as session:
        with stepping(engine):
            account: Any = await asyncio.wait_for(session.get(Account, 1), 5)
    assert account.balance == 100_000


async def test_the_place_behind_a_statement_is_never_taken_for_a_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("course_lib.lab.stepping.GLANCE", 0.0)
    for turns in range(200):
        stand = Stand()
        task = asyncio.ensure_future(comes_to_stand_after(turns % 20, stand))
        assert await stand.comes(task)
        stand.may_go.set()
        await task


async def comes_to_stand_after(turns: int, stand: Stand) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
    await stand.wait("SELECT")


async def test_a_lock_of_python_is_found_however_short_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_lib.lab.stepping.GLANCE", 0.0)
    for _ in range(200):
        lock = asyncio.Lock()
        await lock.acquire()
        task = asyncio.ensure_future(lock.acquire())
        with pytest.raises(WaitsInPython):
            await Stand().comes(task)
        task.cancel()
