"""Exercise 02.1, Open or closed: the default stands in the table, and NULL is refused there."""

from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    select,
    text,
    true,
)

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l02_models.new_tables import (
    create,
    refusal_of,
)
from course_lib.school.judges.registry import judge


@judge("02.1")
async def open_or_closed(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    names = {"Column": Column, "Boolean": Boolean, "true": true}
    column = attempt.program([f"return {attempt.blocks[letter]}"], first="def column():", names=names)()
    shops = Table(
        "shops", MetaData(), Column("id", Integer, primary_key=True), Column("name", String(50)), column
    )
    await create(attempt, shops)
    await attempt.change(text("INSERT INTO shops (name) VALUES ('Rye and water')"))
    is_open = await attempt.scalar(select(shops.c.open))
    attempt.require(
        is_open is True,
        "Python default only",
        f"With option {letter}, the shop that a script adds by its name has `open` = {is_open}: a list of the open "
        "shops leaves it out, and so does a list of the closed ones.",
    )
    refused = await refusal_of(attempt, text("INSERT INTO shops (name, open) VALUES ('The crust', NULL)"))
    attempt.require(
        refused,
        "NULL allowed",
        f"With option {letter}, a script writes NULL into `open`, and nobody objects. That shop is neither open nor "
        "closed.",
    )
