"""The sample people: the same rows with the same keys on both databases."""

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from stages import DATABASES

from course_lib.app import create_app
from course_lib.db import Base
from course_lib.lab.databases import open_database
from course_lib.lab.people import PASSWORD, POSTS_BY_AUTHOR, be, make_administrator
from course_lib.models import Account, Post, Tag, User, post_tags
from course_lib.security import verify_password

with_people = pytest.mark.usefixtures("people")


@with_people
async def test_there_are_as_many_as_promised(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        counts = [
            await connection.scalar(select(func.count()).select_from(kind))
            for kind in (User, Post, Tag, Account)
        ]
        published = await connection.scalar(select(func.count()).where(Post.published))

    assert (counts, published) == ([8, 24, 6, 8], 16)


async def every_row(engine: AsyncEngine) -> list[tuple[object, ...]]:
    """All rows of all tables; accounts without their times, because they are opened now."""
    clocks = {"accounts.created_at", "accounts.updated_at"}
    rows: list[tuple[object, ...]] = []
    async with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            columns = [column for column in table.columns if str(column) not in clocks]
            found = await connection.execute(select(*columns).order_by(*table.primary_key.columns))
            rows += [(table.name, *row) for row in found]
    return rows


async def test_every_row_is_the_same_on_both_databases(server: object) -> None:
    rows = []
    for setting in DATABASES:
        engine = await open_database(setting)
        rows.append(await every_row(engine))
        await engine.dispose()

    assert rows[0] == rows[1]
    assert len(rows[0]) == 8 + 24 + 6 + 8 + 48


@with_people
async def test_keys_begin_at_one_in_the_order_of_the_people(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        names = (await connection.scalars(select(User.username).order_by(User.id))).all()
        owners = (await connection.scalars(select(Account.owner_id).order_by(Account.id))).all()

    assert (list(names), list(owners)) == (list(POSTS_BY_AUTHOR), list(range(1, 9)))


@with_people
async def test_everybody_has_the_one_password(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        (hashed,) = set(await connection.scalars(select(User.hashed_password)))

    assert await verify_password(PASSWORD, hashed)


@with_people
@with_people
async def test_a_client_is_who_it_says_and_an_administrator_may_more(engine: AsyncEngine) -> None:
    transport = httpx.ASGITransport(create_app(engine))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        await be(client, "mira")
        asked = [await client.get(path) for path in ("/users/1", "/users")]
        await make_administrator(engine, "mira")
        asked += [await client.get("/users")]
        await be(client, "tomas")
        asked += [await client.get("/users")]
        with pytest.raises(httpx.HTTPStatusError):
            await be(client, "sam")

    assert [reply.status_code for reply in asked] == [200, 403, 200, 403]
    assert asked[2].json()["items"][0] == asked[0].json()


@with_people
async def test_every_post_has_one_to_three_tags(engine: AsyncEngine) -> None:
    counts = select(func.count()).select_from(Post).outerjoin(post_tags).group_by(Post.id)
    async with engine.connect() as connection:
        assert set(await connection.scalars(counts)) == {1, 2, 3}
