"""A message is told if its change was committed, at least once, and by one worker at a time."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.models import OutboxMessage
from course_lib.outbox import add_message, send_messages
from course_lib.transactions import unit_of_work

Sessions = async_sessionmaker[AsyncSession]


class Killed(BaseException):
    """As a process that ends: nothing after it runs, and nobody is told."""


class Partner:
    """Takes letters in; those in `refused` it does not take."""

    def __init__(self, *refused: int) -> None:
        self.told: list[int] = []
        self.keys: list[object] = []
        self.refused = refused

    async def __call__(self, message: OutboxMessage) -> None:
        if message.payload["order"] in self.refused:
            raise ConnectionError("no such mailbox")
        self.told.append(message.payload["order"])
        self.keys.append(message.key)


async def orders(sessions: Sessions, count: int) -> None:
    async with unit_of_work(sessions) as session:
        for order in range(count):
            await add_message(session, {"order": order})


async def kept(sessions: Sessions) -> list[tuple[Any, ...]]:
    """(order, attempts, whether it is marked) of each row."""
    async with sessions() as session:
        rows = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))
        return [(row.payload["order"], row.attempts, row.sent_at is not None) for row in rows]


async def test_a_message_is_sent_once_and_marked(sessions: Sessions) -> None:
    await orders(sessions, 3)
    partner = Partner()

    assert [await send_messages(sessions, partner) for _ in range(2)] == [3, 0]
    assert partner.told == [0, 1, 2]
    assert await kept(sessions) == [(0, 1, True), (1, 1, True), (2, 1, True)]


async def test_what_is_rolled_back_is_never_told(sessions: Sessions) -> None:
    async with sessions() as session:
        message = await add_message(session, {"order": 7})
        assert (message.id, message.attempts) == (1, 0)
        await session.rollback()

    assert await send_messages(sessions, partner := Partner()) == 0
    assert partner.told == []


async def test_a_worker_takes_no_more_than_it_was_told(sessions: Sessions) -> None:
    await orders(sessions, 3)

    assert await send_messages(sessions, Partner(), limit=2) == 2
    assert [marked for _, _, marked in await kept(sessions)] == [True, True, False]


async def test_one_that_died_after_sending_leaves_it_to_be_told_again_with_the_same_key(
    sessions: Sessions,
) -> None:
    await orders(sessions, 1)
    partner = Partner()

    async def told_and_killed(message: OutboxMessage) -> None:
        await partner(message)
        raise Killed

    with pytest.raises(Killed):
        await send_messages(sessions, told_and_killed)
    assert await send_messages(sessions, partner) == 1
    assert (partner.told, len(set(partner.keys))) == ([0, 0], 1)


async def test_two_messages_have_two_keys(sessions: Sessions) -> None:
    await orders(sessions, 2)
    await send_messages(sessions, partner := Partner())

    assert len(set(partner.keys)) == 2


async def test_a_bad_letter_stops_nobody_and_waits_behind_the_others(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    await orders(sessions, 3)
    partner = Partner(0)

    assert await send_messages(sessions, partner, limit=2) == 1
    assert await send_messages(sessions, partner, limit=1) == 1
    assert partner.told == [1, 2]
    assert await kept(sessions) == [(0, 1, False), (1, 1, True), (2, 1, True)]
    assert "was not sent" in caplog.text
    assert "no such mailbox" in caplog.text


async def test_a_letter_that_becomes_good_is_sent(sessions: Sessions) -> None:
    await orders(sessions, 1)

    assert [await send_messages(sessions, partner) for partner in (Partner(0), Partner())] == [0, 1]
    assert await kept(sessions) == [(0, 2, True)]


async def test_a_second_worker_takes_what_the_first_does_not_hold(
    engine: AsyncEngine, sessions: Sessions
) -> None:
    """On SQLite it waits for the write lock, and then finds the rest."""
    await orders(sessions, 4)
    partner, holds, go_on = Partner(), asyncio.Event(), asyncio.Event()

    async def slowly(message: OutboxMessage) -> None:
        holds.set()
        await go_on.wait()
        await partner(message)

    async with asyncio.timeout(300), asyncio.TaskGroup() as tasks:
        first = tasks.create_task(send_messages(sessions, slowly, limit=2))
        await holds.wait()
        if engine.dialect.name == "sqlite":
            go_on.set()
        second = await send_messages(sessions, partner, limit=4)
        go_on.set()

    assert (first.result(), second) == (2, 2)
    assert sorted(partner.told) == [0, 1, 2, 3]
    assert partner.told[0] == (0 if engine.dialect.name == "sqlite" else 2)
