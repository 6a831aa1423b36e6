"""Posts enough for an index to matter, and what a statement costs among them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Executable, insert, text

from course_lib.lab.people import FIRST_POST_AT
from course_lib.lab.plans import cost
from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt

POSTS = 12_000
PER_TIME = 3
SELDOM = 100
"""Every so many posts there is one of the author who writes seldom."""


async def write_many(attempt: Attempt, *, busy: int, seldom: int, others: Sequence[int]) -> None:
    """Half of the posts are by one author and few by another; three share each time, in no order of their keys."""
    places = list(range(POSTS))
    attempt.chance.shuffle(places)
    rows = [_post(place, key, busy, seldom, others) for key, place in enumerate(places, start=1)]
    async with attempt.engine.begin() as connection:
        await connection.execute(insert(Post), rows)
    async with attempt.engine.begin() as connection:
        await connection.execute(text("ANALYZE"))


def _post(place: int, number: int, busy: int, seldom: int, others: Sequence[int]) -> dict[str, Any]:
    """Who wrote it goes by the place in time, so each has posts all along."""
    author = seldom if place % SELDOM == 0 else busy if place % 2 else others[place // 2 % len(others)]
    at = FIRST_POST_AT + timedelta(minutes=place // PER_TIME)
    return {
        "title": f"A quiet draw ({number})",
        "content": "…",
        "published": place % 5 > 0,
        "author_id": author,
        "created_at": at,
        "updated_at": at,
    }


async def work_of(attempt: Attempt, statement: Executable) -> int:
    """Steps on SQLite, blocks on PostgreSQL."""
    async with attempt.engine.connect() as connection:
        return (await cost(connection, statement)).amount


def unit(attempt: Attempt) -> str:
    return "steps" if attempt.database == "sqlite" else "blocks"


def on(attempt: Attempt) -> str:
    return "SQLite" if attempt.database == "sqlite" else "PostgreSQL"
