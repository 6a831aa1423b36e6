"""The picture of the tables is true, and says in sentences what it shows."""

import re

import pytest
from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Integer, MetaData, Table

from course_lib.db import Base
from course_lib.lab.schema import schema_picture


def two_tables(reference: ForeignKey, **settings: bool) -> MetaData:
    """Categories, and stories that refer to them."""
    metadata = MetaData()
    Table("categories", metadata, Column("id", Integer, primary_key=True))
    column: Column[int] = Column("category_id", reference, **settings)  # type: ignore[arg-type]
    Table("stories", metadata, Column("id", Integer, primary_key=True), column)
    return metadata


def shown(metadata: MetaData) -> list[str]:
    """All that is written in the picture, in its order: the words at the lines, then box after box."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", schema_picture(metadata).svg)


def test_every_table_and_every_foreign_key_is_drawn() -> None:
    keys = [key for table in Base.metadata.tables.values() for key in table.foreign_keys]
    assert set(Base.metadata.tables) <= set(shown(Base.metadata))
    assert schema_picture(Base.metadata).svg.count('<path class="quiet"') == len(keys) == 7


def test_every_column_is_written_with_its_marks() -> None:
    lines = [line.strip() for line in shown(Base.metadata)]
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    named = [line for line in lines if line.removesuffix(" NULL").split()[-1] in {c.name for c in columns}]
    assert len(named) == len(columns)
    assert {"PK id", "UK username", "FK author_id", "PK,FK post_id", "idempotency_key NULL"} <= set(named)


@pytest.mark.parametrize(
    ("settings", "ends"),
    [
        ({"nullable": False}, ["1", "n"]),
        ({"nullable": False, "unique": True}, ["1", "0..1"]),
        ({"nullable": True}, ["0..1", "n"]),
    ],
)
def test_the_ends_of_a_line_tell_how_many(settings: dict[str, bool], ends: list[str]) -> None:
    assert shown(two_tables(ForeignKey("categories.id"), **settings))[:2] == ends


@pytest.mark.parametrize(
    ("ondelete", "told"),
    [
        ("CASCADE", "deleting the category deletes it"),
        ("SET NULL", "deleting the category leaves it without one"),
        ("RESTRICT", "the category cannot be deleted before it"),
        (None, "the category cannot be deleted before it"),
    ],
)
def test_the_prose_tells_what_a_deletion_does(ondelete: str | None, told: str) -> None:
    prose = schema_picture(two_tables(ForeignKey("categories.id", ondelete=ondelete), nullable=True)).alt
    assert f"Each story may belong to one category (stories.category_id); {told}." in prose


def test_the_prose_has_a_sentence_for_every_table_and_foreign_key() -> None:
    prose = schema_picture(Base.metadata).alt
    assert "Each post belongs to one user (posts.author_id); deleting the user deletes it." in prose
    assert "username (unique)" in prose
    assert "No two rows of transfers have the same from_account_id and idempotency_key." in prose
    assert "idempotency_key (or nothing)" in prose
    assert len(prose.splitlines()) == 8 + 7


def test_a_key_of_two_columns_is_one_line() -> None:
    metadata = MetaData()
    Table("a", metadata, Column("x", Integer, primary_key=True), Column("y", Integer, primary_key=True))
    columns = Column("id", Integer, primary_key=True), Column("x", Integer), Column("y", Integer)
    Table("b", metadata, *columns, ForeignKeyConstraint(["x", "y"], ["a.x", "a.y"]))
    assert schema_picture(metadata).svg.count('<path class="quiet"') == 1
    assert "(b.x, b.y)" in schema_picture(metadata).alt


def test_the_picture_is_the_same_each_time() -> None:
    assert schema_picture(Base.metadata) == schema_picture(Base.metadata)


def test_tables_that_refer_to_each_other_or_to_themselves_are_drawn() -> None:
    metadata = MetaData()
    for name, other in (("a", "b"), ("b", "a")):
        columns = [Column(f"{to}_id", Integer, ForeignKey(f"{to}.id")) for to in (other, name)]
        Table(name, metadata, Column("id", Integer, primary_key=True), *columns)
    assert shown(metadata)[:4] == ["0..1", "n", "n", "0..1"]


def test_without_tables_there_is_no_picture() -> None:
    with pytest.raises(ValueError, match="import the module of your models first"):
        schema_picture(MetaData())
