"""A picture of tables and how they hang together: Mermaid for the eye, sentences for everything else.

schema_picture(Base.metadata)
"""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKeyConstraint, MetaData, Table, UniqueConstraint

WHEN_DELETED = {
    "CASCADE": "deleting the {one} deletes it",
    "SET NULL": "deleting the {one} leaves it without one",
    "SET DEFAULT": "deleting the {one} gives it the default one",
}
OTHERWISE = "the {one} cannot be deleted before it"


@dataclass(frozen=True)
class Diagram:
    """A Mermaid diagram, which JupyterLab draws; `prose` is the same in sentences."""

    mermaid: str
    prose: str

    def __repr__(self) -> str:
        return self.prose

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/vnd.mermaid": self.mermaid, "text/plain": self.prose}


def schema_picture(metadata: MetaData) -> Diagram:
    """All tables of `metadata`, by name. Asks no database."""
    # Imported here: only who draws needs it. Ships no types.
    from paracelsus.transformers.mermaid import Mermaid  # type: ignore[import-untyped]

    if not metadata.tables:
        raise ValueError("this metadata holds no table: import the module of your models first")
    tables = sorted(metadata.tables.values(), key=lambda table: table.name)
    keys = [key for table in tables for key in _keys(table)]
    prose = "\n".join([*map(_table_told, tables), *map(_key_told, keys)])
    drawn = str(Mermaid(metadata, "preserve-order"))
    boxes = drawn[: drawn.rindex("  }\n") + len("  }\n")].removeprefix("erDiagram\n")
    # Its boxes alone: it draws a part of a key as if it were unique, and a nullable reference as if it were not.
    lines = "\n".join(map(_line, keys))
    described = f"  accTitle: Tables and foreign keys\n  accDescr {{\n{prose}\n  }}\n"
    return Diagram(f"erDiagram\n{described}{boxes}{lines}\n", prose)


def _keys(table: Table) -> list[ForeignKeyConstraint]:
    return sorted(table.foreign_key_constraints, key=lambda key: [column.name for column in key.columns])


def _line(key: ForeignKeyConstraint) -> str:
    left = "|o" if _may_be_missing(key) else "||"
    right = "o|" if _is_unique(key) else "o{"
    return f"  {key.referred_table.name} {left}--{right} {key.table.name} : {'_and_'.join(key.column_keys)}"


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
