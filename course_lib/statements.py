"""Which statements can be listed: those that give each row of one model once, so that
pages and totals agree.

All others are refused, and told what to write instead: a page of a join to many repeats
or loses rows unseen."""

from typing import Any, TypeVar

from sqlalchemy import Alias, ColumnElement, FromClause, Join, Table, func, inspect
from sqlalchemy.sql import Select, literal, select
from sqlalchemy.sql.expression import FunctionElement, SelectBase

from course_lib.errors import StatementRefused

T = TypeVar("T")

CLAUSES = {
    "LIMIT or OFFSET": ("_limit_clause", "_offset_clause", "_fetch_clause"),
    "DISTINCT": ("_distinct", "_distinct_on"),
    "GROUP BY or HAVING": ("_group_by_clauses", "_having_criteria"),
    "plain text": ("_prefixes", "_suffixes", "_statement_hints"),
    "a CTE beside it": ("_independent_ctes",),
    "a database's own clause": tuple(Select._position_map.values()),
}
TOLD = {name: told for told, names in CLAUSES.items() for name in names}
COUNT = func.count()
"""Made once: to build it takes longer than all else in the statement."""
PLAIN_TEXT = ("textclause", "textual_label_reference")
ONE_VALUE_A_ROW = {"lower", "upper", "length", "abs", "coalesce"}
"""Functions to sort by. Another may give one value for all rows, or a new one each
time."""


def check_listing(statement: Select[Any], *keys: ColumnElement[Any]) -> Any:
    """The model that the statement lists, or the alias of it. Raises StatementRefused.

    `keys` are columns to sort by. A join passes that finds at most one row for each, by
    its primary key: `join(Post.author)`."""
    kind = type(statement).__name__
    if not isinstance(statement, Select):
        raise StatementRefused(f"it is a {kind}", "write select(Model)")
    selected = statement.column_descriptions
    if len(selected) != 1 or selected[0]["expr"] is not selected[0].get("entity"):
        reason = "it selects something other than one model"
        raise StatementRefused(reason, "write select(Model)")
    for name, value in vars(statement).items():
        if name in TOLD and value is not getattr(Select, name):
            instead = "put that into a subquery: where(Model.id.in_(…))"
            raise StatementRefused(f"it has {TOLD[name]}", instead)
    if any(map(statement._execution_options.get, ("yield_per", "stream_results"))):
        raise StatementRefused("it is to be streamed", "leave that to stream_scalars")
    order = [*keys, *statement._order_by_clauses]
    for part in order:
        _check_order(part)
    if _each_row_once(statement, inspect(selected[0]["entity"]).selectable, order):
        return selected[0]["entity"]
    instead = "reach other tables by .any(), .has() or join(Post.author)"
    raise StatementRefused("it may repeat or lose a row", instead)


def _check_order(part: Any) -> None:
    if part.__visit_name__ in PLAIN_TEXT or getattr(part, "is_literal", False):
        reason = f"its order is plain text, {str(part)!r}"
        raise StatementRefused(reason, "write Model.column")
    called = getattr(part, "name", "") if isinstance(part, FunctionElement) else None
    if called is not None and called not in ONE_VALUE_A_ROW:
        instead = "sort by columns, or by a subquery that calls it"
        raise StatementRefused(f"its order calls {part}", instead)
    for inner in () if isinstance(part, SelectBase) else part.get_children():
        _check_order(inner)


def _each_row_once(statement: Select[Any], table: FromClause, order: list[Any]) -> bool:
    """Whether it reads nothing but its table, and what relationships find from there by
    primary key."""
    known = _tables(table)
    for right, on, left, flags in statement._setup_joins:
        step: Any = right if on is None else on
        # By primary key; `_use_get` is SQLAlchemy's word for it.
        by_key = getattr(getattr(step, "property", None), "_use_get", False)
        if not by_key or left is not None or flags["full"]:
            return False
        joined = _tables(step.entity.selectable if on is None else right)
        begun = step._parententity.selectable._from_objects
        if not joined or not known.issuperset(begun):
            return False
        known |= joined
    parts = [*statement._raw_columns, *statement._from_obj, *order]
    parts += statement._where_criteria
    for loaded in _loads(statement):
        if loaded.local_opts.get("innerjoin") and not _always_there(loaded, statement):
            return False
        if "eager_from_alias" in loaded.local_opts:
            # contains_eager: without its join the table would be a second one.
            alias = loaded.local_opts["eager_from_alias"]
            parts.append(loaded.path.entity.selectable if alias is None else alias)
    return known.issuperset(source for part in parts for source in part._from_objects)


def _loads(statement: Select[Any]) -> list[Any]:
    options = [getattr(option, "context", ()) for option in statement._with_options]
    return [loaded for option in options for loaded in option]


def _always_there(loaded: Any, statement: Select[Any]) -> bool:
    """Whether `joinedload(…, innerjoin=True)` finds a row for each: what a key that is
    never NULL points to, and no condition hides."""
    found, options = loaded.path[-2], statement._with_options
    hidden = any(getattr(each, "_is_criteria_option", False) for each in options)
    nullable = any(column.nullable for column in found.local_columns)
    return found._use_get and not (hidden or nullable or loaded._extra_criteria)


def _tables(source: Any) -> set[FromClause]:
    """The tables of a plain source; of a subquery nobody knows what it repeats, so it
    has none here."""
    element = source.element if isinstance(source, Alias) else source
    return {*source._from_objects} if isinstance(element, Table | Join) else set()


def primary_key(entity: Any) -> list[Any]:
    mapper = inspect(entity).mapper
    names = [mapper.get_property_by_column(each).key for each in mapper.primary_key]
    return [getattr(entity, name) for name in names]


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
    at_most = counted.with_only_columns(literal(1)).limit(cap + 1).subquery()
    return select(COUNT).select_from(at_most)
