"""Which statements can be listed: those that give each row of one model once, so that
pages and totals agree.

All others are refused, and told what to write instead: a page of a join to many repeats
or loses rows unseen."""

from typing import Any, TypeVar

from sqlalchemy import (
    Alias,
    ColumnElement,
    FromClause,
    Join,
    Select,
    Table,
    func,
    inspect,
    literal,
    select,
)
from sqlalchemy.sql.expression import FunctionElement, SelectBase

from course_lib.errors import StatementRefused

T = TypeVar("T")

CLAUSES = {
    **dict.fromkeys(
        ("_limit_clause", "_offset_clause", "_fetch_clause"), "LIMIT or OFFSET"
    ),
    **dict.fromkeys(("_distinct", "_distinct_on"), "DISTINCT"),
    **dict.fromkeys(("_group_by_clauses", "_having_criteria"), "GROUP BY or HAVING"),
    **dict.fromkeys(("_prefixes", "_suffixes"), "plain text"),
}
COUNT = func.count()
"""Made once: to build it takes longer than all else in the statement."""
ONE_VALUE_A_ROW = {"lower", "upper", "length", "abs", "coalesce"}
"""Functions to sort by. Another may give one value for all rows, or a new one each
time."""


def check_listing(statement: Select[Any], *keys: ColumnElement[Any]) -> Any:
    """The model that the statement lists, or the alias of it. Raises StatementRefused.

    `keys` are columns to sort by. A join passes that finds at most one row for each, by
    its primary key: `join(Post.author)`."""
    if not isinstance(statement, Select):
        raise StatementRefused(
            f"it is a {type(statement).__name__}", "write select(Model)"
        )
    selected = statement.column_descriptions
    if len(selected) != 1 or selected[0]["expr"] is not selected[0].get("entity"):
        raise StatementRefused(
            "it selects something other than one model", "write select(Model)"
        )
    for clause in CLAUSES.keys() & vars(statement).keys():
        if getattr(statement, clause) is not getattr(Select, clause):
            raise StatementRefused(
                f"it has {CLAUSES[clause]}",
                "put that into a subquery: where(Model.id.in_(…))",
            )
    order = [*keys, *statement._order_by_clauses]
    for part in order:
        _check_order(part)
    if _each_row_once(statement, inspect(selected[0]["entity"]).selectable, order):
        return selected[0]["entity"]
    raise StatementRefused(
        "it may repeat a row",
        "reach other tables by .any(), .has() or join(Post.author)",
    )


def _check_order(part: Any) -> None:
    if part.__visit_name__ in ("textclause", "textual_label_reference") or getattr(
        part, "is_literal", False
    ):
        raise StatementRefused(
            f"its order is plain text, {str(part)!r}", "write Model.column"
        )
    if (
        isinstance(part, FunctionElement)
        and getattr(part, "name", "") not in ONE_VALUE_A_ROW
    ):
        raise StatementRefused(
            f"its order calls {part}", "sort by columns, or by a subquery that calls it"
        )
    for inner in () if isinstance(part, SelectBase) else part.get_children():
        _check_order(inner)


def _each_row_once(statement: Select[Any], table: FromClause, order: list[Any]) -> bool:
    """Whether it reads nothing but its table, and what relationships find from there by
    primary key."""
    known = _tables(table)
    for right, on, left, flags in statement._setup_joins:
        step: Any = right if on is None else on
        by_key = getattr(
            getattr(step, "property", None), "_use_get", False
        )  # SQLAlchemy's word for it
        if not by_key or left is not None or flags["full"]:
            return False
        joined = _tables(step.entity.selectable if on is None else right)
        if not joined or not known.issuperset(
            step._parententity.selectable._from_objects
        ):
            return False
        known |= joined
    parts = (
        *statement._raw_columns,
        *statement._from_obj,
        *statement._where_criteria,
        *order,
    )
    return known.issuperset(source for part in parts for source in part._from_objects)


def _tables(source: Any) -> set[FromClause]:
    """The tables of a plain source; of a subquery nobody knows what it repeats, so it
    has none here."""
    plain = isinstance(
        source.element if isinstance(source, Alias) else source, Table | Join
    )
    return {*source._from_objects} if plain else set()


def primary_key(entity: Any) -> list[Any]:
    mapper = inspect(entity).mapper
    return [
        getattr(entity, mapper.get_property_by_column(column).key)
        for column in mapper.primary_key
    ]


def in_total_order(statement: Select[T]) -> Select[T]:
    """The statement with the primary key as the last word of its order. Raises
    StatementRefused."""
    key = primary_key(check_listing(statement))
    return statement.order_by(*key)


def count_of(statement: Select[Any], *, cap: int | None = None) -> Select[int]:
    """How many rows the statement gives, but at most one more than `cap`. Raises
    StatementRefused."""
    model = check_listing(statement)
    counted = statement.with_only_columns(COUNT).select_from(model).order_by(None)
    counted._for_update_arg = None  # PostgreSQL locks no rows that it counts
    if cap is None:
        return counted
    return select(COUNT).select_from(
        counted.with_only_columns(literal(1)).limit(cap + 1).subquery()
    )
