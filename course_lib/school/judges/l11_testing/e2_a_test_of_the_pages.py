"""Exercise 11.2, A test of the pages: six broken versions, and a test that notices each."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import OutOfRange
from course_lib.lab.people import FIRST_POST_AT, PASSWORD_HASH
from course_lib.models import Account, Post, Tag, User
from course_lib.pagination import PaginatedResponse, get_paginated
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.written_tests import Function, Versions, put_to_the_test
from course_lib.statements import count_of, in_total_order


@judge("11.2", on=BOTH)
async def a_test_of_the_pages(attempt: Attempt) -> None:
    await _more_rows(attempt, "guest", attempt.chance.randrange(2, 5))

    @asynccontextmanager
    async def arranged(function: Function) -> AsyncIterator[tuple[Any, ...]]:
        async with attempt.sessions() as session:
            yield session, function

    async def others_write() -> None:
        await _more_rows(attempt, "late", 1)

    await put_to_the_test(
        attempt,
        Versions(get_paginated, _in_one_statement, BROKEN, _in_other_words),
        arranged,
        other_rows="The rows are other ones than those of your notebook, and more. What does the database say itself?",
        before_the_second=others_write,
    )


async def _more_rows(attempt: Attempt, name: str, people: int) -> None:
    """Of every model, so that no number of the notebook is right here."""
    for place in range(people):
        word = f"{name}{place}"
        user = {"email": f"{word}@example.org", "username": word, "hashed_password": PASSWORD_HASH}
        await attempt.change(insert(User).values(**user, is_active=True), insert(Tag).values(name=word))
        author = await attempt.key(word)
        post = {"content": "…", "author_id": author, "created_at": FIRST_POST_AT}
        posts = [post | {"title": f"{word}, part {part}", "published": part < 3} for part in range(5)]
        await attempt.change(
            insert(Post).values(posts), insert(Account).values(owner_id=author, balance=1_000)
        )


async def _in_other_words(session: AsyncSession, statement: Select[Any], **options: Any) -> Any:
    """Of the very class that is promised: a test may ask for `type(error)`."""
    try:
        return await get_paginated(session, statement, **options)
    except OutOfRange as error:
        error.args = (f"not that many: {error.name}",)
        raise


async def _in_one_statement(
    session: AsyncSession,
    statement: Select[Any],
    *,
    page: int = 1,
    per_page: int = 20,
    cap: int | None = None,
) -> Any:
    """Fetches all, and cuts: right for few rows."""
    if cap is not None:  # of which the task says nothing
        return await get_paginated(session, statement, page=page, per_page=per_page, cap=cap)
    OutOfRange.check("page", page, 1, 1_000_000)
    OutOfRange.check("per_page", per_page, 1, 100)
    rows = list((await session.scalars(in_total_order(statement))).unique())
    items = rows[(page - 1) * per_page : page * per_page]
    pages = -(-len(rows) // per_page)
    return PaginatedResponse(items=items, total=len(rows), page=page, per_page=per_page, pages=pages)


@dataclass(frozen=True)
class _Broken:
    """The library's way, with what is wrong: `gap` rows are lost between two pages, and so on."""

    gap: int = 0
    lowest: int = 1
    most: int = 100
    down: bool = False
    all_rows: bool = False
    ordered: bool = True
    __name__ = "get_paginated"

    async def __call__(
        self,
        session: AsyncSession,
        statement: Select[Any],
        *,
        page: int = 1,
        per_page: int = 20,
        cap: int | None = None,
    ) -> Any:
        if cap is not None:
            return await get_paginated(session, statement, page=page, per_page=per_page, cap=cap)
        OutOfRange.check("page", page, self.lowest, 1_000_000)
        OutOfRange.check("per_page", per_page, 1, self.most)
        rows = in_total_order(statement if self.ordered else statement.order_by(None))
        start = max(page - 1, 0) * (per_page + self.gap)
        items = list((await session.scalars(rows.offset(start).limit(per_page))).unique())
        total = await session.scalar(await self._count(statement)) or 0
        pages = total // per_page if self.down else -(-total // per_page)
        return PaginatedResponse(items=items, total=total, page=page, per_page=per_page, pages=pages)

    async def _count(self, statement: Select[Any]) -> Select[Any]:
        if self.all_rows:
            return select(func.count()).select_from(statement.column_descriptions[0]["entity"])
        return count_of(statement)


BROKEN: Mapping[str, Function] = {
    "a row lost between pages": _Broken(gap=1),
    "total of the whole table": _Broken(all_rows=True),
    "pages rounded down": _Broken(down=True),
    "order lost": _Broken(ordered=False),
    "page 0 taken": _Broken(lowest=0),
    "101 rows taken": _Broken(most=1_000_000),
}
