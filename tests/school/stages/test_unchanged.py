"""What a change of the schema left alone: looked at both ways, on both databases, and the table is used afterwards."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.fresh_database import attempting
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.stages.unchanged import picture, require_rest, require_rows, require_use

POST = {"title": "New", "content": "…", "author_id": 1}


def migrate(op: Any) -> None: ...


on_both = pytest.mark.parametrize("database", ["sqlite", "postgres"])
at_work = partial(attempting, migrate, blocks={}, hidden=False)


async def change(attempt: Attempt, *statements: str) -> None:
    await attempt.change(*map(text, statements))
    await attempt.engine.dispose()  # a connection to PostgreSQL keeps plans for the tables as they were


@on_both
async def test_nothing_changed_is_nothing_said(database: str) -> None:
    async with at_work(database) as attempt:
        before, after = await picture(attempt), await picture(attempt)
        require_rows(attempt, before, after, "posts")
        require_rest(attempt, before, after)


@on_both
@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        ("CREATE TABLE copies (id INTEGER)", "something added: .*`table copies`"),
        ("CREATE VIEW old AS SELECT id FROM posts", "something added: .*`view old`"),
        ("CREATE INDEX extra ON tags (name)", "something added: .*`extra`"),
        ("CREATE UNIQUE INDEX once ON posts (title)", "something added: .*UNIQUE INDEX"),
        ("ALTER TABLE tags ADD COLUMN note TEXT", r"something added: .*`tags\.note`"),
        ("ALTER TABLE users RENAME COLUMN is_admin TO boss", r"something lost: `users\.is_admin`"),
        ("DROP INDEX ix_posts_feed", "something lost: `ix_posts_feed`"),
        ("DROP TABLE post_tags", "something lost: `table post_tags`"),
        ("UPDATE tags SET name = 'x' WHERE id = 1", r"other values changed: `tags\.name`"),
        ("DELETE FROM post_tags", "other rows changed: `post_tags`"),
    ],
)
async def test_a_change_is_seen_whichever_way_it_goes(database: str, statement: str, verdict: str) -> None:
    async with at_work(database) as attempt:
        before = await picture(attempt)
        await change(attempt, statement)
        with pytest.raises(NotYet, match=verdict):
            require_rest(attempt, before, await picture(attempt))


@on_both
async def test_an_index_of_the_same_name_and_other_columns_is_another(database: str) -> None:
    async with at_work(database) as attempt:
        before = await picture(attempt)
        await change(
            attempt, "DROP INDEX ix_posts_feed", "CREATE INDEX ix_posts_feed ON posts (created_at, id)"
        )
        with pytest.raises(NotYet, match=r"something else changed: .*it was to be: INDEX .* WHERE"):
            require_rest(attempt, before, await picture(attempt))


@on_both
async def test_a_generated_column_is_told_from_a_plain_one(database: str) -> None:
    async with at_work(database) as attempt:
        stored = "STORED" if attempt.database == "postgresql" else "VIRTUAL"
        column = f"upper_name VARCHAR(50) GENERATED ALWAYS AS (upper(name)) {stored}"
        await change(attempt, f"ALTER TABLE tags ADD COLUMN {column}")
        assert "generated as" in (await picture(attempt)).shape["tags.upper_name"]


@on_both
async def test_rows_that_go_are_counted(database: str) -> None:
    async with at_work(database) as attempt:
        before = await picture(attempt)
        await change(attempt, "DELETE FROM posts WHERE id = 1")
        with pytest.raises(NotYet, match="rows lost: `posts` had 24 rows; after `migrate` it has 23"):
            require_rows(attempt, before, await picture(attempt), "posts")


@on_both
async def test_a_table_that_serves_is_left_as_it_was(database: str) -> None:
    async with at_work(database) as attempt:
        before = await picture(attempt)
        await require_use(attempt, "posts", POST, refused={"title": None, "author_id": 999_999})
        require_rest(attempt, before, await picture(attempt))


@on_both
async def test_a_row_that_is_refused_and_one_that_is_taken_are_seen(database: str) -> None:
    async with at_work(database) as attempt:
        with pytest.raises(NotYet, match="good row refused"):
            await require_use(attempt, "posts", POST | {"title": 201 * "t"}, refused={})
        with pytest.raises(NotYet, match="bad row taken: `posts` takes a row with `title` = ''"):
            await require_use(attempt, "posts", POST, refused={"title": ""})


@pytest.mark.parametrize("moment", ["UPDATE", "DELETE"])
async def test_a_table_that_takes_rows_and_keeps_them_for_ever_does_not_serve(moment: str) -> None:
    async with at_work("sqlite") as attempt:
        never = f"CREATE TRIGGER never BEFORE {moment} ON posts BEGIN SELECT RAISE(ABORT, 'never'); END"
        await change(attempt, never)
        with pytest.raises(NotYet, match=r"good row refused: .*never"):
            await require_use(attempt, "posts", POST, refused={})
