"""What a learner's line raises gets a name and an advice, on the database on which it happened."""

import re

import pytest
from answers import answer_to
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from course_lib.lab.databases import fresh_url
from course_lib.school.attempts.fresh_database import attempting
from course_lib.school.attempts.raw_errors import MEANINGS
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.exercises.solutions import Exercise
from course_lib.school.judges.registry import BOTH, SQLITE

IMPORTS = """
import asyncio
import pickle
from sqlalchemy import select, text, insert, update
from sqlalchemy.orm import selectinload
from sqlalchemy.ext.asyncio import AsyncSession
from pydantic import TypeAdapter
from course_lib.lab.sql import watch
from course_lib.models import Account, Post, Tag, User
from course_lib.repositories import UserRepository
from course_lib.schemas import PostResponse, TagResponse
"""

LINES = {
    "missing await": ["(await session.get(User, 1)).id + session.get(User, 1).id"],
    "missing async": ["with session.begin_nested(): pass"],
    "async too much": [
        "async with open('/dev/null'): pass",
        "async with watch(session.bind): pass",
        "async for each in []: pass",
    ],
    "await too much": [
        "await session.add(Tag(name='x'))",
        "await select(User)",
        "await asyncio.create_task(str(1))",
    ],
    "loop within a loop": [
        "asyncio.get_running_loop().run_until_complete(asyncio.get_running_loop().create_future())"
    ],
    "not loaded": [
        "(await session.scalar(select(Post))).author",
        "PostResponse.model_validate(await session.scalar(select(Post)))",
    ],
    "session left broken": [
        "session.add(Tag(name=None))\n    try: await session.flush()\n    except Exception: pass\n"
        "    await session.get(User, 1)"
    ],
    "session shared by tasks": [
        "await session.get(User, 1)\n    own = AsyncSession(session.bind)\n"
        "    await asyncio.gather(*(own.scalar(select(User.id).where(User.id == n)) for n in range(5)))"
    ],
    "begun twice": ["await session.get(User, 1)\n    async with session.begin(): pass"],
    "transaction ended inside its block": [
        "async with session.begin():\n        await session.commit()\n        await session.get(User, 1)"
    ],
    "session closed too early": [
        "async with AsyncSession(session.bind) as own:\n        user = await own.get(User, 1)\n"
        "        own.expire(user)\n    await session.get(User, 1)\n    user.username"
    ],
    "result read too late": [
        "rows = await session.execute(select(User.id))\n    rows.close()\n    rows.all()"
    ],
    "not an object of a model": ["session.add({'name': 'x'})"],
    "placeholder of a driver": ["await session.execute(text('SELECT %s'))"],
    "value not given": ["await session.execute(text('SELECT :name'))"],
    "SQL as bare text": ["await session.execute('SELECT 1')"],
    "object in place of a value": ["select(Post).where(Post.id > await session.get(Post, 1))"],
    "flush missing": [
        "user = User(email='a@b', username='n', hashed_password='h')\n    session.add(user)\n"
        "    session.add(Account(owner_id=user.id))\n    await session.flush()"
    ],
    "value missing": ["session.add(Tag(name=None))\n    await session.flush()"],
    "refused: there already": ["for _ in range(2): await session.execute(insert(Tag).values(name='x'))"],
    "refused: a reference": ["await session.execute(insert(Account).values(owner_id=999, balance=1))"],
    "refused: a rule of the table": ["await session.execute(update(Account).values(balance=-1))"],
    "no such column": ["await session.execute(text('SELECT nobody FROM users'))"],
    "no such table": ["await session.execute(text('SELECT 1 FROM nowhere'))"],
    "not SQL of this database": ["await session.execute(text('SELEKT 1'))"],
    "no row found": ["(await session.scalars(select(User).where(User.id == 999))).one()"],
    "several rows found": ["(await session.scalars(select(User))).one()"],
    "refused by the library": ["await UserRepository(session).create({'nickname': 'x'})"],
    "another process": ["pickle.dumps(lambda: None)"],
    "value not valid": ["TypeAdapter(int).validate_python('x')"],
    "None used": [
        "(await session.get(User, 999)).username",
        "(await session.scalar(select(User.id).where(User.id == 0))) + 1",
        "TagResponse.model_validate(await session.get(Tag, 999))",
    ],
    "used before it is made": ["late = late + 1"],
    "name not known": ["return usre"],
    "no such attribute": ["session.query(User)"],
    "wrong arguments": ["UserRepository()"],
    "called too early": ["await asyncio.to_thread(str(1))"],
    "wrong type": ["1 + 'a'"],
    "key not there": ["{}['a']"],
    "nothing at that place": ["[][0]", "next(iter([]))"],
    "session called": ["async with session() as own: pass"],
    "name in quotes": ["await session.scalars(select(User).options(selectinload('posts')))"],
    "not in the session": ["await session.refresh(User(email='a@b', username='n', hashed_password='h'))"],
    "several statements in one": ["await session.execute(text('SELECT 1; SELECT 2'))"],
    "wrong number of values": ["[a for a, b in [(1, 2, 3)]]"],
    "wrong value": ["int('a')"],
    "assertion of your own": ["assert 1 == 2"],
    "import not possible": ["import nothing_of_this_name"],
    "error of no kind": ["raise Exception('no')"],
    "error in the code": ["1 / 0"],
}
CASES = [(name, line, database) for name, lines in LINES.items() for line in lines for database in BOTH]


def exercise(source: str) -> Exercise:
    return Exercise("00.0", "00", "", "", 0, "", setup=IMPORTS, answer=source)


async def raised(line: str, database: str) -> NotYet:
    answer = answer_to(exercise(line), f"async def answer(session):\n    {line}")
    async with attempting(answer, database, {}, hidden=False) as attempt, attempt.sessions() as session:
        with pytest.raises(NotYet) as caught:
            await attempt.call(session)
        await session.close()
    return caught.value


@pytest.mark.parametrize(("name", "line", "database"), CASES)
async def test_an_error_has_a_name(name: str, line: str, database: str) -> None:
    told = await raised(line, database)
    assert told.misconception == name
    assert not re.search(r" at 0x|https?:|\n", told.told), told.told


async def test_an_error_out_of_a_group_of_tasks_is_told_like_any_other() -> None:
    line = "async with asyncio.TaskGroup() as group: group.create_task(asyncio.to_thread(int, 'a'))"
    told = await raised(line, SQLITE)
    assert told.misconception == "wrong value"
    assert "raises ValueError: invalid literal" in told.told


async def test_a_pool_that_is_used_up_has_a_name() -> None:
    engine = create_async_engine(fresh_url(SQLITE), pool_size=1, max_overflow=0, pool_timeout=0.01)
    lines = "async with session.bind.connect(), session.bind.connect(): pass"
    answer = answer_to(exercise(lines), f"async def answer(session):\n    {lines}")
    async with attempting(answer, SQLITE, {}, hidden=False) as attempt, AsyncSession(engine) as session:
        with pytest.raises(NotYet, match=r"^pool used up: "):
            await attempt.call(session)
    await engine.dispose()


def test_each_meaning_is_named_in_words() -> None:
    assert [each.name for each in MEANINGS if not each.name or each.name == "error in the code"] == []
