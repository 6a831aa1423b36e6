"""Tables that a learner defines: made on a metadata of their own, created, and tried with rows good and bad."""

import warnings
from typing import Any

import sqlalchemy as sa
from sqlalchemy import MetaData, Table, func, insert, select
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.base import Executable

from course_lib.db import Base
from course_lib.lab.people import PASSWORD_HASH
from course_lib.models import Post, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.stages.returned_lists import shown

NOBODY = 999_999
"""No row has this key."""
LATECOMER = 500_000
"""A user has this key, and no post."""


def fresh_metadata() -> MetaData:
    """It knows users and posts, so that `ForeignKey("posts.id")` is understood as well as `ForeignKey(Post.id)`."""
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)
    for name in ("users", "posts"):
        Base.metadata.tables[name].to_metadata(metadata)
    return metadata


async def table_of(attempt: Attempt) -> object:
    table = await _call(attempt, metadata := fresh_metadata())
    attempt.require(
        not isinstance(table, Table) or table.metadata is metadata,
        "another metadata",
        f"`{attempt.name}(metadata)` made the table in another metadata. The one that it is given knows the tables of "
        "users and posts.",
    )
    return table


async def model_of(attempt: Attempt) -> Any:
    fresh = type("Base", (DeclarativeBase,), {"metadata": fresh_metadata()})
    model = await _call(attempt, fresh)
    attempt.require(
        isinstance(model, type) and issubclass(model, fresh) and model is not fresh,
        "not a model",
        f"`{attempt.name}(Base)` returned {shown(model)}; a class on this `Base` was asked for.",
    )
    return model


async def _call(attempt: Attempt, argument: object) -> object:
    """What the function makes. A table that it put among the course's own would stay there, and is taken out again."""
    before = dict(Base.metadata.tables)
    try:
        return await attempt.call(argument)
    finally:
        strays = [table for name, table in Base.metadata.tables.items() if name not in before]
        for table in strays:
            Base.metadata.remove(table)


async def made(attempt: Attempt, table: object, name: str, columns: tuple[str, ...]) -> Table:
    """The table, created in the database. Raises NotYet for anything that is not this table."""
    if not isinstance(table, Table):
        raise attempt.not_yet(
            "not a table", f"`{attempt.name}` returned {shown(table)}; the table `{name}` was asked for."
        )
    attempt.require(
        table.name == name and set(columns) <= set(table.columns.keys()),
        "other names",
        f"The table is called `{table.name}` and has {', '.join(table.columns.keys()) or 'no column'}. `{name}` with "
        f"{', '.join(columns)} was asked for.",
    )
    await create(attempt, table)
    return table


async def create(attempt: Attempt, table: Table) -> None:
    try:
        async with attempt.engine.begin() as connection:
            await connection.run_sync(table.create)
    except SQLAlchemyError as error:
        raise attempt.not_yet(
            "table not made",
            f"`{table.name}` could not be made. Does each foreign key name a column that exists, and has it the "
            f"same type? {told(error)}",
        ) from None


async def refusal_of(attempt: Attempt, statement: Executable) -> str:
    """What the database says to it; nothing, where it does as it is told."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # of a key that nobody gives: the refusal says so too
            await attempt.change(statement)
    except SQLAlchemyError as error:
        return told(error)
    return ""


async def accepts(attempt: Attempt, table: Table, **row: object) -> None:
    refusal = await refusal_of(attempt, insert(table).values(row))
    attempt.require(
        not refusal,
        "good row refused",
        f"`{table.name}` should take {in_words(row)}, and refused it: {refusal}.",
    )


async def refuses_null(attempt: Attempt, table: Table, row: dict[str, Any]) -> None:
    """As a script writes it: NULL in so many words, and then a row that does not name the column."""
    script = insert(sa.table(table.name, *(sa.column(name) for name in row)))
    for column in row:
        attempt.require(
            await refusal_of(attempt, script.values(row | {column: None})),
            "NULL allowed",
            f"A row of `{table.name}` was stored with NULL in `{column}`. No part of it may be missing.",
        )
    for column in row:
        rest = {name: value for name, value in row.items() if name != column}
        attempt.require(
            await refusal_of(attempt, script.values(rest)),
            "filled in by a default",
            f"A script wrote {in_words(rest)} into `{table.name}`, without `{column}`, and a default filled that in. "
            "No part of it may be missing.",
        )


async def refuses_strangers(attempt: Attempt, table: Table, row: dict[str, Any]) -> None:
    refusal = await refusal_of(attempt, insert(table).values(row))
    attempt.require(
        refusal,
        "foreign key missing",
        f"`{table.name}` took {in_words(row)}; nothing has the id {NOBODY}.",
    )


async def refuses_other_tables(attempt: Attempt, table: Table, row: dict[str, Any]) -> None:
    """Raise NotYet for a foreign key to the wrong table: it takes a key that only the other table has."""
    latecomer = {"email": "late@example.org", "username": "late", "hashed_password": PASSWORD_HASH}
    await attempt.change(insert(User).values(id=LATECOMER, **latecomer))
    last_post = await attempt.scalar(select(func.max(Post.id)))  # there are more posts than users
    strangers = {"user_id": (last_post, "user", "post"), "post_id": (LATECOMER, "post", "user")}
    for column in row.keys() & strangers.keys():
        key, wanted, other = strangers[column]
        refusal = await refusal_of(attempt, insert(table).values(row | {column: key}))
        attempt.require(
            refusal,
            "key to the wrong table",
            f"`{table.name}` took {in_words({column: key})}. No {wanted} has this id; a {other} has it. To which table "
            "does the key belong?",
        )


def in_words(row: dict[str, Any]) -> str:
    return "a row with " + " and ".join(f"`{name}` = {_short(value)}" for name, value in row.items())


def _short(value: object) -> str:
    return repr(value) if len(str(value)) < 100 else f"{str(value)[:20]!r}… ({len(str(value))} letters)"
