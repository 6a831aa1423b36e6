"""Exercise 02.4, Comments: comments go with their post, which is found by an index, and nothing else is limited."""

from typing import Any

from sqlalchemy import (
    Connection,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.judges.l02_models.new_tables import (
    NOBODY,
    accepts,
    in_words,
    made,
    model_of,
    refusal_of,
    refuses_null,
    refuses_other_tables,
    refuses_strangers,
)
from course_lib.school.judges.registry import BOTH, judge

COLUMNS = ("id", "post_id", "body")
LONG_TEXT = "crumb " * 200_000


@judge("02.4", on=BOTH)
async def comments_of_a_post(attempt: Attempt) -> None:
    comments = await _table(attempt)
    [(post_id,)] = await attempt.rows(select(func.min(Post.id)))
    row = {"post_id": post_id, "body": "What a loaf!"}
    await accepts(attempt, comments, **row)
    await refuses_strangers(attempt, comments, row | {"post_id": NOBODY})
    await refuses_other_tables(attempt, comments, row)
    await refuses_null(attempt, comments, row)
    await _takes_many(attempt, comments, row)
    await _takes_any_text(attempt, comments, post_id)
    await _goes_with_its_post(attempt, comments, post_id)
    await _is_indexed(attempt)


async def _table(attempt: Attempt) -> Table:
    model = await model_of(attempt)
    attempt.require(
        model.__name__ == "Comment",
        "other names",
        f"The class is called `{model.__name__}`; `Comment` was asked for.",
    )
    comments = await made(attempt, getattr(model, "__table__", None), "comments", COLUMNS)
    for name in [each.name for each in comments.columns]:
        attempt.require(name in COLUMNS, "column too many", f"Nobody asked for the column `{name}`.")
        attempt.require(
            hasattr(model, name), "other names", f"The model calls its column `{name}` by another name."
        )
    kind = comments.c.body.type
    attempt.require(
        kind.python_type is str, "not a text", f"`body` is made as {kind!r}; a text was asked for."
    )
    return comments


async def _takes_many(attempt: Attempt, comments: Table, row: dict[str, Any]) -> None:
    """Another comment on the same post, the same words on another post, and the very same comment again."""
    another_post = await attempt.scalar(select(func.max(Post.id)))
    for more in (row | {"body": "And what a crust!"}, row | {"post_id": another_post}, row):
        refusal = await refusal_of(attempt, insert(comments).values(more))
        attempt.require(
            not refusal,
            "unique for no reason",
            f"`comments` took {in_words(row)}. Then it refused {in_words(more)}: {refusal}.",
        )


async def _takes_any_text(attempt: Attempt, comments: Table, post_id: int) -> None:
    async with attempt.engine.connect() as connection:
        kind = await connection.run_sync(_type_of_the_body)
    attempt.require(
        getattr(kind, "length", None) is None,
        "length limited",
        f"`body` was made as {kind}. PostgreSQL refuses a longer comment; SQLite takes such a length as a remark. "
        "A text of any length was asked for.",
    )
    for body in ("", "007", LONG_TEXT):
        refusal = await refusal_of(attempt, insert(comments).values(post_id=post_id, body=body))
        attempt.require(
            not refusal,
            "length limited",
            f"A comment of {len(body):,} letters was refused: {refusal}. A text of any length was asked for.",
        )


def _type_of_the_body(connection: Connection) -> TypeEngine[Any]:
    return {column["name"]: column["type"] for column in inspect(connection).get_columns("comments")}["body"]


async def _goes_with_its_post(attempt: Attempt, comments: Table, post_id: int) -> None:
    refusal = await refusal_of(attempt, delete(Post).where(Post.id == post_id))
    left = await attempt.scalar(count_of(select(comments).where(comments.c.post_id == post_id)))
    what_came = f"the database refused: {refusal}" if refusal else f"{left} comments stayed behind"
    attempt.require(
        not refusal and left == 0,
        "cascade missing",
        f"Post {post_id} has comments. The post was deleted, and {what_came}.",
    )


async def _is_indexed(attempt: Attempt) -> None:
    if attempt.database == "sqlite":
        [[*_, plan]] = await attempt.rows(
            text("EXPLAIN QUERY PLAN SELECT body FROM comments WHERE post_id = 1")
        )
        attempt.require(
            "SEARCH" in plan,
            "index missing",
            "To find the comments of one post, and to delete them with it, the database reads the whole table. "
            f"Its plan says: {plan}.",
        )
    async with attempt.engine.connect() as connection:
        indexes = await connection.run_sync(_indexes)
    attempt.require(
        ["id"] not in indexes.values(),
        "second index on the key",
        "`comments` has an index on `id`. A primary key is found without it, and each write would have to keep it up "
        "to date.",
    )
    attempt.require(
        len(indexes) < 2,
        "index too many",
        f"`comments` has the indexes {_in_words(indexes)}. One was asked for, and each write keeps all of them up "
        "to date.",
    )


def _in_words(indexes: dict[str, list[str]]) -> str:
    return " and ".join(f"{name} ({', '.join(columns)})" for name, columns in indexes.items())


def _indexes(connection: Connection) -> dict[str, list[str]]:
    found = inspect(connection).get_indexes("comments")
    return {str(index["name"]): [str(name) for name in index["column_names"]] for index in found}
