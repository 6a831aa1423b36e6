"""What a change of the schema was to leave alone: a picture of the database before it and one after it, compared.

before = await picture(attempt)
...                                          # the migration; then `before` is made what was asked for
require_rows(attempt, before, after := await picture(attempt), "posts")
require_rest(attempt, before, after)         # nothing is lost, nothing is added, no value is another one
await require_use(attempt, "posts", row, refused={"title": None})
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.base import Executable

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told

IDS = "ids of "
PROGRAMS = {
    "sqlite": "SELECT type || ' ' || name, sql FROM sqlite_master WHERE type IN ('view', 'trigger')",
    "postgresql": "SELECT 'view ' || viewname, definition FROM pg_views WHERE schemaname = current_schema() UNION ALL "
    "SELECT 'trigger ' || tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
}
NUMBERED = "SELECT name, sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE type = 'table'"


@dataclass(frozen=True)
class Picture:
    """`shape`: what there is, tables, columns such as 'posts.title', constraints, indexes, views and triggers, each by
    its name, in words.

    `values`: the values of each column, by the id of their row.
    """

    shape: dict[str, str]
    values: dict[str, dict[Any, Any]]

    def rename(self, old: str, new: str) -> None:
        self.shape[new] = self.shape.pop(old)
        self.values[new] = self.values.pop(old)


async def picture(attempt: Attempt) -> Picture:
    """Every table, and all that is in it."""
    async with attempt.engine.connect() as connection:
        shape = await connection.run_sync(_shape_of)
        values: dict[str, dict[Any, Any]] = {name: {} for name in shape if "." in name}
        for table in [name.removeprefix("table ") for name in shape if name.startswith("table ")]:
            for row in (await connection.execute(sa.text(f'SELECT * FROM "{table}"'))).mappings():  # noqa: S608
                key = row.get("id", tuple(row.values()))
                for column, value in row.items():
                    values[f"{table}.{column}"][key] = value
    return Picture(shape, values)


def _shape_of(connection: sa.Connection) -> dict[str, str]:
    database = sa.inspect(connection)
    shape = {f"table {table}": "a table" for table in database.get_table_names()}
    for (_, table), columns in database.get_multi_columns().items():
        shape |= {f"{table}.{each['name']}": _column(each) for each in columns}
    for kind, words in CONSTRAINTS.items():
        for (_, table), found in getattr(database, f"get_multi_{kind}")().items():
            for each in [found] if isinstance(found, dict) else found:
                shape[each["name"] or f"{words(each)} of {table}"] = words(each)
    shape |= dict(map(tuple, connection.execute(sa.text(PROGRAMS[connection.dialect.name]))))
    if connection.dialect.name == "sqlite":
        shape |= {f"{IDS}{table}": str(numbered) for table, numbered in connection.execute(sa.text(NUMBERED))}
    return shape


def _column(each: Mapping[str, Any]) -> str:
    words = f"{each['type']} {'NULL' if each['nullable'] else 'NOT NULL'}, default {each['default']}"
    return f"{words}, generated as {each['computed']['sqltext']}" if each.get("computed") else words


def _key(each: Mapping[str, Any]) -> str:
    options = "".join(f" {name.upper()} {what}" for name, what in sorted(each["options"].items()))
    there = f"{each['referred_table']} ({', '.join(each['referred_columns'])})"
    return f"FOREIGN KEY ({', '.join(each['constrained_columns'])}) to {there}{options}"


def _index(each: Mapping[str, Any]) -> str:
    columns = ", ".join(each.get("expressions") or each["column_names"])
    some = [str(what) for name, what in each["dialect_options"].items() if name.endswith("_where")]
    return (
        f"{'UNIQUE ' * bool(each['unique'])}INDEX ({columns}){''.join(f' WHERE {where}' for where in some)}"
    )


CONSTRAINTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "pk_constraint": lambda each: f"PRIMARY KEY ({', '.join(each['constrained_columns'])})",
    "foreign_keys": _key,
    "indexes": _index,
    "unique_constraints": lambda each: f"UNIQUE ({', '.join(each['column_names'])})",
    "check_constraints": lambda each: f"CHECK ({each['sqltext']})",
}


def require_column(attempt: Attempt, after: Picture, column: str) -> None:
    _require_table(attempt, after, column.partition(".")[0])
    attempt.require(
        column in after.shape, "column not there", f"After `{attempt.name}` there is no column `{column}`."
    )


def require_rows(attempt: Attempt, before: Picture, after: Picture, table: str) -> None:
    """Raise NotYet unless the table has rows of the same ids."""
    _require_table(attempt, after, table)
    old, new = (set(each.values[f"{table}.id"]) for each in (before, after))
    attempt.require(
        old == new,
        "rows lost",
        f"`{table}` had {len(old)} rows; after `{attempt.name}` it has {len(new)}. Ids that are gone: "
        f"{_some(old - new)}; ids that are new: {_some(new - old)}.",
    )


def _require_table(attempt: Attempt, after: Picture, table: str) -> None:
    attempt.require(
        f"{table}.id" in after.shape,
        "table lost",
        f"After `{attempt.name}` there is no table `{table}`, or it has no `id`.",
    )


def _some(ids: set[Any]) -> str:
    return ", ".join(map(str, sorted(ids)[:3])) + (" …" if len(ids) > 3 else "") or "none"


def require_rest(attempt: Attempt, wanted: Picture, after: Picture) -> None:
    """All is there as it was, or as it was to become, and nothing besides."""
    old, new = wanted.shape, after.shape
    attempt.require(
        all(new.get(name, what) == what for name, what in old.items() if name.startswith(IDS)),
        "ids given twice",
        "The table was made anew without AUTOINCREMENT: when the last row is deleted, the next one gets its id. What "
        "the new table of a batch is to have besides, `table_kwargs` says.",
    )
    gone = next((name for name in old if name not in new), "")
    attempt.require(
        not gone,
        "something lost",
        f"`{gone}` is gone. It was: {old.get(gone)}. All else was to stay as it is.",
    )
    other = next((name for name in old if old[name] != new[name]), "")
    attempt.require(
        not other, "something else changed", f"`{other}` is {new.get(other)}; it was to be: {old.get(other)}."
    )
    added = next((name for name in new if name not in old), "")
    attempt.require(
        not added,
        "something added",
        f"Nobody asked for `{added}`: {new.get(added)}. All else was to stay as it is.",
    )
    _require_values(attempt, wanted, after)


def _require_values(attempt: Attempt, wanted: Picture, after: Picture) -> None:
    for column, values in wanted.values.items():
        found = after.values[column]
        attempt.require(
            values.keys() == found.keys(),
            "other rows changed",
            f"`{column.partition('.')[0]}` had {len(values)} rows, and after `{attempt.name}` it has {len(found)}, or "
            "others. All else was to stay as it is.",
        )
        changed = [key for key, value in values.items() if found[key] != value]
        for key in changed[:1]:
            raise attempt.not_yet(
                "other values changed",
                f"`{column}` of the row with id {key} was {values[key]!r:.60}. After `{attempt.name}` it is "
                f"{found[key]!r:.60}. Rows changed like this: {len(changed)}. All else was to stay as it is.",
            )


async def require_use(
    attempt: Attempt, table: str, row: Mapping[str, Any], *, refused: Mapping[str, Any]
) -> None:
    """The table serves: it takes the row, fills in what the row leaves out, lets it be changed and deleted; and it
    refuses the row with each of the values of `refused` in place of its own. Nothing of it stays."""
    rows = sa.table(table, *map(sa.column, row))
    for name, value in refused.items():
        attempt.require(
            await refusal(attempt, sa.insert(rows).values({**row, name: value})),
            "bad row taken",
            f"`{table}` takes a row with `{name}` = {value!r:.30}, which it was to refuse.",
        )
    same = [rows.c[name] == value for name, value in row.items()]
    new = sa.insert(rows).values(dict(row))
    said = await refusal(
        attempt, new, sa.update(rows).where(*same).values(dict(row)), sa.delete(rows).where(*same)
    )
    attempt.require(not said, "good row refused", f"`{table}` does not serve a good row any more: {said}.")


async def refusal(attempt: Attempt, *statements: Executable) -> str:
    """What the database says to the first statement that it refuses, '' when it takes them all; nothing stays."""
    async with attempt.engine.connect() as connection:
        try:
            for each in statements:
                await connection.execute(each)
        except DBAPIError as error:
            return told(error)
    return ""
