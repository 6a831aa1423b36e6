"""A statement is listed and counted truly, or refused by name before anything is sent."""

from typing import Any

import pytest
from sqlalchemy import (
    Select,
    bindparam,
    case,
    delete,
    desc,
    exists,
    func,
    literal,
    literal_column,
    select,
    tablesample,
    text,
    union,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Bundle, aliased, contains_eager, joinedload, selectinload, with_loader_criteria

from course_lib.eager_loading import author_and_tags
from course_lib.errors import CourseError, StatementRefused
from course_lib.models import Account, Post, Tag, User
from course_lib.pagination import Keyset, get_paginated
from course_lib.repositories import AccountRepository, PostRepository
from course_lib.statements import count_of

UNBOUND = AsyncSession()
"""A session that could send nothing anywhere."""

WRITER, ENTRY = aliased(User), aliased(Post)
TWICE = aliased(User, select(User).join(User.posts).subquery())
POSTS = select(func.count(Post.id)).where(Post.author_id == User.id).scalar_subquery()

GOOD: dict[str, Select[Any]] = {
    "all": select(User),
    "to one": select(Post).join(Post.author).where(User.is_active).order_by(User.username),
    "to one, outer": select(Post).outerjoin(WRITER, Post.author).order_by(WRITER.username.desc()),
    "to one, narrowed": select(Post).join(Post.author.and_(User.username > "m")),
    "to one, of an alias": select(ENTRY).join(ENTRY.author.of_type(WRITER)).where(WRITER.id > 2),
    "to one, loaded": select(Post).join(Post.author).options(contains_eager(Post.author)),
    "any": select(User).where(User.posts.any(Post.published)),
    "has": select(Post).where(Post.author.has(User.id > 2)),
    "exists": select(User).where(exists().where(Post.author_id == User.id)),
    "in": select(User).where(User.id.in_(select(Post.author_id).order_by(Post.id).limit(5))),
    "joinedload": select(User).options(joinedload(User.posts)),
    "selectinload": select(User).options(selectinload(User.posts)),
    "feed": select(Post).options(*author_and_tags()),
    "by a count": select(User).order_by(POSTS.desc()),
    "by a case": select(User).order_by(case((User.id > 4, 0), else_=1), -User.id),
    "nulls last": select(User).order_by(func.lower(User.username).desc().nulls_last()),
    "to one, loaded by another name": select(Post)
    .join(WRITER, Post.author)
    .options(contains_eager(Post.author.of_type(WRITER))),
    "named like the library's own": select(User).where(
        User.id < bindparam("key_0", 7), User.id > bindparam("wanted", 1)
    ),
    "words": select(User).where(text("users.id > 2")),
    "locked": select(User).with_for_update(),
}
REFUSED: dict[str, Any] = {
    "join to many": select(User).join(User.posts),
    "join to many, outer": select(User).outerjoin(User.accounts),
    "join to many by way of one": select(Post).join(Post.author).join(User.accounts),
    "join to many to many": select(Post).join(Post.tags),
    "join without a relationship": select(Post).join(User),
    "join from the other side": select(User).select_from(Post).join(Post.author),
    "join of another table": select(Tag).join(Post.author),
    "join to a subquery": select(Post).join(TWICE, Post.author),
    "full join": select(Post).join(Post.author, full=True),
    "two tables": select(User).where(Post.author_id == User.id),
    "two tables by order": select(User).order_by(Post.id),
    "two tables in from": select(User).select_from(User, Post),
    "subquery as model": select(TWICE),
    "sample": select(aliased(User, tablesample(User.__table__, 50))),
    "limit": select(User).limit(2),
    "offset": select(User).offset(2),
    "fetch": select(User).fetch(2),
    "distinct": select(User).distinct(),
    "group by": select(User).group_by(User.id),
    "having": select(User).having(User.id > 1),
    "prefix": select(User).prefix_with("DISTINCT"),
    "hint": select(User).with_statement_hint("LIMIT 2"),
    "yield_per": select(User).execution_options(yield_per=2),
    "stream_results": select(User).execution_options(stream_results=True),
    "WITH that changes rows": select(User).add_cte(delete(Tag).returning(Tag.id).cte()),
    "distinct on": select(Post).ext(distinct_on(Post.author_id)),
    "loaded from a join to many that is not there": select(User).options(contains_eager(User.posts)),
    "loaded from a join to one that is not there": select(Post).options(contains_eager(Post.author)),
    "loaded from the other join": select(Post)
    .join(Post.author)
    .options(contains_eager(Post.author.of_type(WRITER))),
    "loaded by an inner join to many": select(User).options(joinedload(User.posts, innerjoin=True)),
    "loaded by a narrowed inner join": select(Post).options(
        joinedload(Post.author.and_(User.id > 4), innerjoin=True)
    ),
    "loaded by an inner join, and hidden": select(Post).options(
        joinedload(Post.author, innerjoin=True), with_loader_criteria(User, User.id > 4)
    ),
    "two entities": select(Post, User).join(Post.author),
    "entity and column": select(User).add_columns(User.id),
    "column": select(User.id),
    "bundle": select(Bundle("b", User.id)),
    "aggregate": select(func.count(User.id)),
    "table": select(User.__table__),
    "value": select(literal(1)),
    "union": union(select(User), select(User)),
    "text": text("SELECT * FROM users"),
    "model from text": select(User).from_statement(text("SELECT * FROM users")),
    "string": "SELECT * FROM users",
    "model": User,
    "none": None,
    "by text": select(User).order_by(text("username")),
    "by a string": select(User).order_by(desc("username")),
    "by a literal": select(User).order_by(literal_column("username")),
    "by an aggregate": select(User).order_by(func.count(User.id)),
    "by chance": select(User).order_by(func.random()),
    "by a window": select(User).order_by(func.row_number().over()),
    "by a relationship": select(User).order_by(User.posts),
}


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("name", GOOD)
async def test_pages_total_and_count_of_a_good_statement_agree_with_its_rows(
    name: str, session: AsyncSession
) -> None:
    statement = GOOD[name]
    rows = list((await session.scalars(statement)).unique())
    pages = [await get_paginated(session, statement, page=page, per_page=3) for page in range(1, 10)]
    listed = [row for page in pages for row in page.items]

    assert sorted(row.id for row in listed) == sorted(row.id for row in rows)
    repository = PostRepository(session)
    assert await repository.get_multi(statement) == listed
    assert {page.total for page in pages} == {len(rows), await repository.count(statement)}
    assert await session.scalar(count_of(statement, cap=2)) == min(len(rows), 3)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("name", GOOD)
async def test_pages_by_key_of_a_good_statement_give_each_row_once(name: str, session: AsyncSession) -> None:
    statement = GOOD[name]
    keyset: Keyset[Any] = Keyset(statement, secret="s")
    page = await keyset.get_page(session, limit=5)
    listed = list(page.items)
    while page.next_cursor:
        page = await keyset.get_page(session, limit=5, cursor=page.next_cursor)
        listed += page.items

    rows = (await session.scalars(statement)).unique()
    assert [row.id for row in listed] == sorted(row.id for row in rows)


@pytest.mark.parametrize("name", REFUSED)
async def test_any_other_statement_is_refused_before_anything_is_sent(name: str) -> None:
    statement, repository = REFUSED[name], PostRepository(UNBOUND)
    with pytest.raises(StatementRefused) as caught:
        Keyset(statement, secret="s")
    with pytest.raises(StatementRefused):
        await get_paginated(UNBOUND, statement)
    if statement is not None:  # which stands for the whole table there
        with pytest.raises(StatementRefused):
            await repository.get_multi(statement)
        with pytest.raises(StatementRefused):
            await repository.count(statement)

    assert isinstance(caught.value, CourseError)
    assert caught.value.instead in str(caught.value)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("cap", "total", "pages"), [(0, None, None), (7, None, None), (8, 8, 3), (9, 8, 3)])
async def test_a_total_is_counted_up_to_its_cap(
    cap: int, total: int | None, pages: int | None, session: AsyncSession
) -> None:
    found = await get_paginated(session, select(User), per_page=3, cap=cap)

    assert (found.total, found.pages, len(found.items)) == (total, pages, 3)


@pytest.mark.usefixtures("people")
async def test_a_join_to_one_counts_its_rows_and_no_others(session: AsyncSession) -> None:
    assert await AccountRepository(session).count(select(Account).join(Account.owner).where(User.id < 3)) == 2
