"""The picture of the tables is true, and says in sentences what it shows."""

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


def test_every_table_and_every_foreign_key_is_drawn() -> None:
    mermaid = schema_picture(Base.metadata).mermaid
    keys = [key for table in Base.metadata.tables.values() for key in table.foreign_keys]
    assert mermaid.startswith("erDiagram\n")
    assert all(f"  {table} {{\n" in mermaid for table in Base.metadata.tables)
    assert mermaid.count("--") == len(keys) == 6
    assert "  users ||--o{ posts : author_id\n" in mermaid


def test_a_part_of_a_key_is_not_drawn_as_unique() -> None:
    assert "  posts ||--o{ post_tags : post_id\n" in schema_picture(Base.metadata).mermaid


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"nullable": False}, "categories ||--o{ stories"),
        ({"nullable": False, "unique": True}, "categories ||--o| stories"),
        ({"nullable": True}, "categories |o--o{ stories"),
    ],
)
def test_the_ends_of_a_line_tell_how_many(settings: dict[str, bool], line: str) -> None:
    assert line in schema_picture(two_tables(ForeignKey("categories.id"), **settings)).mermaid


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
    prose = schema_picture(two_tables(ForeignKey("categories.id", ondelete=ondelete), nullable=True)).prose
    assert f"Each story may belong to one category (stories.category_id); {told}." in prose


def test_the_prose_has_a_sentence_for_every_table_and_foreign_key() -> None:
    prose = schema_picture(Base.metadata).prose
    assert "Each post belongs to one user (posts.author_id); deleting the user deletes it." in prose
    assert "username (unique)" in prose
    assert "No two rows of transfers have the same from_account_id and idempotency_key." in prose
    assert "idempotency_key (or nothing)" in prose
    assert len(prose.splitlines()) == 6 + 6


def test_a_key_of_two_columns_is_one_line() -> None:
    metadata = MetaData()
    Table("a", metadata, Column("x", Integer, primary_key=True), Column("y", Integer, primary_key=True))
    columns = Column("id", Integer, primary_key=True), Column("x", Integer), Column("y", Integer)
    Table("b", metadata, *columns, ForeignKeyConstraint(["x", "y"], ["a.x", "a.y"]))
    picture = schema_picture(metadata)
    assert "  a |o--o{ b : x_and_y\n" in picture.mermaid
    assert "(b.x, b.y)" in picture.prose


def test_the_picture_carries_its_prose_and_is_the_same_each_time() -> None:
    first, second = schema_picture(Base.metadata), schema_picture(Base.metadata)
    assert first == second
    assert first._repr_mimebundle_() == {"text/vnd.mermaid": first.mermaid, "text/plain": repr(first)}
    assert f"accDescr {{\n{first.prose}\n  }}" in first.mermaid


def test_without_tables_there_is_no_picture() -> None:
    with pytest.raises(ValueError, match="import the module of your models first"):
        schema_picture(MetaData())
