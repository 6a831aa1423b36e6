"""What a migration was to leave alone: a picture of the table before it and one after it, compared.

before = await picture(attempt, "posts")
...                                          # the migration; then `before` is made what was asked for
require_rest(attempt, before, await picture(attempt, "posts"))
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from course_lib.school.attempts.attempt import Attempt

IDS = "new ids"


@dataclass(frozen=True)
class Picture:
    """`shape`: the table's columns, such as 'posts.title', constraints and indexes, each by its name.

    `values`: the values of each column, by the id of their row.
    """

    shape: dict[str, str]
    values: dict[str, dict[int, Any]]

    def rename(self, old: str, new: str) -> None:
        self.shape[new] = self.shape.pop(old)
        self.values[new] = self.values.pop(old)


async def picture(attempt: Attempt, table: str) -> Picture:
    async with attempt.engine.connect() as connection:
        shape = await connection.run_sync(_shape_of, table)
        rows = (await connection.execute(sa.text(f"SELECT * FROM {table}"))).mappings().all() if shape else []  # noqa: S608
    columns = list(rows[0]) if rows else []
    return Picture(shape, {f"{table}.{name}": {row["id"]: row[name] for row in rows} for name in columns})


def _shape_of(connection: sa.Connection, table: str) -> dict[str, str]:
    database = sa.inspect(connection)
    if not database.has_table(table):
        return {}
    columns = {f"{table}.{each['name']}": _column(each) for each in database.get_columns(table)}
    checks = {
        str(each["name"]): f"CHECK ({each['sqltext']})" for each in database.get_check_constraints(table)
    }
    named = {
        str(each["name"]): kind
        for kind in ("unique_constraints", "foreign_keys", "indexes")
        for each in getattr(database, f"get_{kind}")(table)
    }
    return columns | checks | named | {IDS: _ids(connection, table)}


def _column(each: Mapping[str, Any]) -> str:
    return f"{each['type']} {'NULL' if each['nullable'] else 'NOT NULL'}, default {each['default']}"


def _ids(connection: sa.Connection, table: str) -> str:
    if connection.dialect.name == "postgresql":
        return "a sequence"  # it never goes back
    sql = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table})
    return "AUTOINCREMENT" if "AUTOINCREMENT" in str(sql).upper() else "the highest and one"


def require_column(attempt: Attempt, after: Picture, column: str) -> None:
    attempt.require(
        column in after.shape, "column not there", f"After `{attempt.name}` there is no column `{column}`."
    )


def require_rows(attempt: Attempt, before: Picture, after: Picture) -> None:
    """Raise NotYet unless both pictures show rows of the same ids."""
    old, new = (set(next(iter(each.values.values()), {})) for each in (before, after))
    attempt.require(
        old == new,
        "rows lost",
        f"There were {len(old)} rows; after `{attempt.name}` there are {len(new)}. Ids that are gone: "
        f"{_some(old - new)}; ids that are new: {_some(new - old)}.",
    )


def _some(ids: set[int]) -> str:
    return ", ".join(map(str, sorted(ids)[:3])) + (" …" if len(ids) > 3 else "") or "none"


def require_rest(attempt: Attempt, wanted: Picture, after: Picture) -> None:
    """Everything is there as it was, or as it was to become, and no column is left over."""
    attempt.require(
        after.shape.get(IDS) == wanted.shape[IDS],
        "ids given twice",
        "Batch mode made a table without AUTOINCREMENT: when the last row is deleted, the next one gets its id. What "
        "the new table is to have besides, `table_kwargs` says.",
    )
    other = next((name for name, what in wanted.shape.items() if after.shape.get(name) != what), "")
    attempt.require(
        not other,
        "something else changed",
        f"`{other}` is {after.shape.get(other, 'gone')}; it was to be: {wanted.shape.get(other)}.",
    )
    columns = [name for name in after.shape if "." in name and name not in wanted.shape]
    attempt.require(
        not columns, "column left over", f"Nobody asked for the new column `{''.join(columns[:1])}`."
    )
    _require_values(attempt, wanted, after)


def _require_values(attempt: Attempt, wanted: Picture, after: Picture) -> None:
    for column, values in wanted.values.items():
        found = after.values[column]
        changed = [key for key, value in values.items() if found[key] != value]
        for key in changed[:1]:
            raise attempt.not_yet(
                "other values changed",
                f"`{column}` of the row with id {key} was {values[key]!r:.60}. After `{attempt.name}` it is "
                f"{found[key]!r:.60}. Rows changed like this: {len(changed)}. All else was to stay as it is.",
            )
