"""Exercise 07.4, Fifty posts, twenty accounts: no row is fetched more than the page needs."""

from sqlalchemy import insert, select
from sqlalchemy.orm import joinedload, selectinload

from course_lib.models import Account, Post, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l07_eager_loading.what_came_back import rows_fetched, touched
from course_lib.school.judges.registry import judge

ROWS_OF_A_BUSY_PERSON = 71


@judge("07.4")
async def posts_and_accounts(attempt: Attempt) -> None:
    key = await attempt.key("mira")
    more = [{"title": "More", "content": "…", "author_id": key}] * 47
    await attempt.change(insert(Post).values(more), insert(Account).values([{"owner_id": key}] * 19))
    letter = attempt.choice(await attempt.call())
    names = {
        "select": select,
        "joinedload": joinedload,
        "selectinload": selectinload,
        "User": User,
        "key": key,
    }
    lines = [
        f"statement = {attempt.blocks[letter]}",
        "return (await session.scalars(statement)).unique().one()",
    ]
    load = attempt.program(lines, first="async def load(session):", names=names)
    async with attempt.sessions() as session:
        user = await attempt.call(session, function=load)
        touched(attempt, lambda: (len(user.posts), len(user.accounts)), what=f"Option {letter}")
    rows = rows_fetched(attempt)
    attempt.require(
        rows <= ROWS_OF_A_BUSY_PERSON,
        "every pair fetched",
        f"Option {letter} fetched {rows} rows for 50 posts and 20 accounts.",
    )
