"""Many posts: the same on both databases, soon there, and nothing is broken afterwards."""

import hashlib
from collections import Counter
from typing import Any

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from stages import DATABASES

from course_lib.lab.databases import open_database
from course_lib.lab.people import FIRST_POST_AT
from course_lib.lab.posts import add_posts
from course_lib.models import Post

COUNT = 10_000
DIGEST = "b2b4d5b632a9f7edc7009bc60aedf4957e2598717c84a6e467d55c1dc61bf723"
"""Of the rows for the seed that is given when none is asked for, in every version of Python."""
with_people = pytest.mark.usefixtures("people")


async def every_post(engine: AsyncEngine) -> list[tuple[Any, ...]]:
    async with engine.connect() as connection:
        return [
            tuple(row) for row in await connection.execute(select(*Post.__table__.columns).order_by(Post.id))
        ]


async def test_every_row_is_the_same_on_both_databases(server: object) -> None:
    digests = []
    for setting in DATABASES:
        engine = await open_database(setting)
        await add_posts(engine, count=COUNT + 1)
        rows = await every_post(engine)
        assert len(rows) == 24 + COUNT + 1
        digests.append(hashlib.sha256(repr(rows).encode()).hexdigest())
        await engine.dispose()
    assert digests[0] == digests[1]
    assert digests[0] == DIGEST


@with_people
async def test_the_seed_decides_the_rows(engine: AsyncEngine) -> None:
    for seed in (1, 1, 2):
        await add_posts(engine, count=100, seed=seed)
    rows = [(row[3], row[4], row[5]) for row in (await every_post(engine))[24:]]
    assert rows[:100] == rows[100:200] != rows[200:]


@with_people
async def test_each_person_writes_half_as_often_as_the_one_before(engine: AsyncEngine) -> None:
    await add_posts(engine, count=COUNT)
    authors = Counter(row[4] for row in (await every_post(engine))[24:])
    assert [author for author, _ in authors.most_common()] == list(range(1, 9))
    assert authors[1] > 0.45 * COUNT
    assert authors[8] < 0.01 * COUNT


@with_people
async def test_times_are_shared_and_in_no_order_of_keys(engine: AsyncEngine) -> None:
    await add_posts(engine, count=COUNT)
    rows = (await every_post(engine))[24:]
    times = [row[5] for row in rows]
    assert times != sorted(times)
    assert min(times) >= FIRST_POST_AT
    assert 3.5 < len(times) / len(set(times)) < 4.5
    assert 0.78 < sum(row[3] for row in rows) / COUNT < 0.82


@with_people
async def test_a_time_is_found_by_its_value(engine: AsyncEngine) -> None:
    await add_posts(engine, count=100)
    time = (await every_post(engine))[-1][5]
    async with engine.connect() as connection:
        found = await connection.scalars(select(Post.id).where(Post.created_at == time))
    assert 124 in found.all()


@with_people
async def test_the_next_post_and_the_next_million_get_new_keys(engine: AsyncEngine) -> None:
    await add_posts(engine, count=100)
    async with engine.begin() as connection:
        post = insert(Post).values(title="next", content="c", author_id=1).returning(Post.id)
        assert await connection.scalar(post) == 24 + 100 + 1
    await add_posts(engine, count=100)
    assert [row[0] for row in await every_post(engine)] == list(range(1, 226))


@with_people
async def test_the_planner_knows_the_new_rows(engine: AsyncEngine) -> None:
    await add_posts(engine, count=COUNT)
    known = {
        "sqlite": "SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = 'posts'",
        "postgresql": "SELECT reltuples FROM pg_class WHERE relname = 'posts'",
    }
    async with engine.connect() as connection:
        assert await connection.scalar(text(known[engine.dialect.name])) == 24 + COUNT


@with_people
async def test_the_rows_lie_in_the_order_of_their_keys_without_gaps(engine: AsyncEngine) -> None:
    if engine.dialect.name == "postgresql":
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in ("DELETE FROM posts WHERE id < 20", "VACUUM posts"):
                await connection.execute(text(statement))
        await add_posts(engine, count=100)
        async with engine.connect() as connection:
            lying = (await connection.scalars(text("SELECT id FROM posts ORDER BY ctid"))).all()
        assert lying == list(range(20, 125))


async def test_without_the_sample_people_it_says_who_is_missing(engine: AsyncEngine) -> None:
    with pytest.raises(ValueError, match=r"no user mira, tomas, .* sam: take one from open_database"):
        await add_posts(engine, count=1)


@with_people
async def test_without_one_of_them_nothing_is_written(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM accounts"))
        await connection.execute(text("DELETE FROM users WHERE username = 'olek'"))
    before = await every_post(engine)
    with pytest.raises(ValueError, match="no user olek: "):
        await add_posts(engine, count=1)
    assert await every_post(engine) == before


@with_people
@pytest.mark.parametrize("count", [0, -1, 2**31])
async def test_a_count_out_of_bounds_is_named(count: int, engine: AsyncEngine) -> None:
    with pytest.raises(ValueError, match=f"count is {count}: it goes from 1 to"):
        await add_posts(engine, count=count)


class Listening(NotebookClient):
    """Runs a notebook, and keeps what was first displayed, before any update of it."""

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        if msg["msg_type"] == "display_data":
            self.first = [*getattr(self, "first", []), dict(msg["content"]["data"])]
        if msg["msg_type"] == "update_display_data":
            self.updates = [*getattr(self, "updates", []), dict(msg["content"]["data"])]
        return super().process_message(msg, cell, cell_index)


def test_a_page_keeps_the_title_of_the_progress_alone() -> None:
    source = (
        "from course_lib.lab.databases import open_database\nfrom course_lib.lab.posts import add_posts\n"
        f"engine = await open_database('sqlite')\nawait add_posts(engine, count={2 * COUNT})"
    )
    notebook = new_notebook(cells=[new_code_cell(source)])
    client = Listening(notebook, kernel_name="python3")
    client.execute()
    title = {"text/plain": "20,000 posts for sqlite"}
    assert [output["data"] for output in notebook.cells[0].outputs] == [title] == client.first
    assert {"text/plain": "20,000 posts for sqlite: 50%"} in client.updates
