"""A picture of tables and how they hang together: boxes for the eye, sentences for everything else.

schema_picture(Base.metadata)
"""

from sqlalchemy import Column, ForeignKeyConstraint, MetaData, Table, UniqueConstraint

from course_lib.lab.boxes import Link, drawn
from course_lib.lab.drawings import Drawing

WHEN_DELETED = {
    "CASCADE": "deleting the {one} deletes it",
    "SET NULL": "deleting the {one} leaves it without one",
    "SET DEFAULT": "deleting the {one} gives it the default one",
}
OTHERWISE = "the {one} cannot be deleted before it"


def schema_picture(metadata: MetaData) -> Drawing:
    """All tables of `metadata`: columns and their marks, and how many rows may refer to one. Asks no database."""
    if not metadata.tables:
        raise ValueError("this metadata holds no table: import the module of your models first")
    tables = sorted(metadata.tables.values(), key=lambda table: table.name)
    keys = [key for table in tables for key in _keys(table)]
    boxes = {table.name: _lines(table) for table in tables}
    prose = "\n".join([*map(_table_told, tables), *map(_key_told, keys)])
    return drawn(boxes, list(map(_link, keys)), title="Tables and foreign keys", alt=prose)


def _keys(table: Table) -> list[ForeignKeyConstraint]:
    return sorted(table.foreign_key_constraints, key=lambda key: [column.name for column in key.columns])


def _lines(table: Table) -> list[str]:
    """The columns, behind their marks: PK (a part of the key), FK (refers to a row), UK (unique)."""
    marks = [_marks(column) for column in table.columns]
    room = max(map(len, marks))
    return [
        f"{mark:{room}} {column.name}{' NULL' * bool(column.nullable)}"
        for mark, column in zip(marks, table.columns, strict=True)
    ]


def _marks(column: Column[object]) -> str:
    marks = {"PK": column.primary_key, "FK": column.foreign_keys, "UK": column.unique}
    return ",".join(mark for mark, holds in marks.items() if holds)


def _link(key: ForeignKeyConstraint) -> Link:
    """One row above, or none; below it many rows that refer to it, or at most one."""
    above = "0..1" if _may_be_missing(key) else "1"
    return Link(key.referred_table.name, key.table.name, above, "0..1" if _is_unique(key) else "n")


def _is_unique(key: ForeignKeyConstraint) -> bool:
    """Whether two rows can never refer to the same one."""
    columns = {column.name for column in key.columns}
    table = key.table
    unique = [each.columns for each in table.constraints if isinstance(each, UniqueConstraint)]
    unique += [index.columns for index in table.indexes if index.unique]
    return any({column.name for column in each} == columns for each in [*unique, table.primary_key.columns])


def _may_be_missing(key: ForeignKeyConstraint) -> bool:
    return any(column.nullable for column in key.columns)


def _table_told(table: Table) -> str:
    together = [
        sorted(each.columns.keys()) for each in table.constraints if isinstance(each, UniqueConstraint)
    ]
    pairs = [
        f" No two rows of {table.name} have the same {' and '.join(names)}."
        for names in together
        if len(names) > 1
    ]
    return (
        f"A row of {table.name} holds {', '.join(map(_column_told, table.columns))}.{''.join(sorted(pairs))}"
    )


def _column_told(column: Column[object]) -> str:
    marks = (
        ["key"] * column.primary_key
        + ["unique"] * bool(column.unique)
        + ["or nothing"] * bool(column.nullable)
    )
    return f"{column.name} ({', '.join(marks)})" if marks else column.name


def _key_told(key: ForeignKeyConstraint) -> str:
    one = _one(key.referred_table.name)
    belongs = "may belong" if _may_be_missing(key) else "belongs"
    columns = ", ".join(f"{key.table.name}.{name}" for name in key.column_keys)
    then = WHEN_DELETED.get((key.ondelete or "").upper(), OTHERWISE).format(one=one)
    return f"Each {_one(key.table.name)} {belongs} to one {one} ({columns}); {then}."


def _one(table: str) -> str:
    """'post' for 'posts': good enough for English names, and the table stands beside it."""
    words = table.replace("_", " ")
    if words.endswith("ies"):
        return f"{words[:-3]}y"
    return words[:-1] if words.endswith("s") and not words.endswith("ss") else words
