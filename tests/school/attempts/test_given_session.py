"""A function that was given a session, and asks past it, is told so; one that uses it is not."""

import pytest
from learners import written
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.models import Tag, User
from course_lib.school.attempts.fresh_database import attempting
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.stages.callers_work import add_own_tag

PAST = {
    "reads past it": """
        async def answer(session):
            async with AsyncSession(session.bind) as own:
                return (await own.scalars(select(User))).all()
        """,
    "fails past it": """
        async def answer(session):
            async with AsyncSession(session.bind) as own:
                await own.scalar(select(User.id))
                raise ValueError
        """,
}
THROUGH = {
    "reads": """
        async def answer(session):
            return (await session.scalars(select(User))).all()
        """,
    "adds, and the caller flushes": """
        async def answer(session):
            session.add(Tag(name="new"))
        """,
    "asks nothing": """
        async def answer(session):
            return []
        """,
    "by its connection": """
        async def answer(session):
            return (await (await session.connection()).execute(select(User.id))).all()
        """,
}


async def call(source: str, *, begun: bool) -> None:
    function = written(source, AsyncSession=AsyncSession, select=select, User=User, Tag=Tag)
    async with attempting(function, "sqlite", {}, hidden=False) as attempt, attempt.sessions() as session:
        if begun:
            await add_own_tag(session)
        await attempt.call(session)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("kind", PAST)
async def test_who_asks_past_the_given_session_is_told(kind: str, begun: bool) -> None:
    with pytest.raises(NotYet, match=r"^session not used: "):
        await call(PAST[kind], begun=begun)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("kind", THROUGH)
async def test_who_asks_through_it_is_not(kind: str, begun: bool) -> None:
    await call(THROUGH[kind], begun=begun)
