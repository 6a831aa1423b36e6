"""A long listing in pages: by number, where people jump to page 7, or by key, where
rows arrive while they read.

A page by number skips rows, so its cost grows with its number, and a new row shifts
what follows. A page by key starts behind the last row seen: with an index on exactly
its order, and few rows that share a value of its first column, it costs the same at any
depth; and while sort values stand still no row comes twice and none is left out. On
PostgreSQL a row that commits late with an early time is missed by a reader who goes
from the oldest on. Source: Markus Winand, "We need tool support for keyset pagination",
use-the-index-luke.com."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import Any, Generic, TypeVar
from uuid import UUID

from itsdangerous import BadData, URLSafeTimedSerializer
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic_core import to_jsonable_python
from sqlalchemy import Column, ColumnElement, Dialect, Row, false, inspect, type_coerce
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import Select, and_, bindparam, functions, operators, or_, tuple_
from sqlalchemy.types import Enum, Integer, NullType, String, TypeDecorator, TypeEngine

from course_lib.errors import InvalidCursor, OutOfRange, StatementRefused
from course_lib.statements import check_listing, count_of, in_total_order, primary_key

T = TypeVar("T")

MAX_PAGE, MAX_PER_PAGE = 1_000_000, 100
CASE_FUNCTIONS = ("lower", "upper")
ORDERED = (bool, int, float, str, Decimal, UUID, date, datetime, time, timedelta)
"""What a cursor can hold, and a database compares as it stands there."""
KEY, WANTED = "keyset.{}", "keyset.wanted"
"""Names of values, with a dot: a statement calls none of its own so."""


class Listing(BaseModel, Generic[T]):
    """Holds rows of a model inside the library; a route turns them into schemas,
    attribute by attribute."""

    model_config = ConfigDict(from_attributes=True, arbitrary_types_allowed=True)

    items: list[T]


class PaginatedResponse(Listing[T], Generic[T]):
    """`total` and `pages` are None where the rows were not counted to their end."""

    total: int | None
    page: int
    per_page: int
    pages: int | None


class CursorPage(Listing[T], Generic[T]):
    """Cursors are None where the listing ends."""

    next_cursor: str | None
    previous_cursor: str | None


async def get_paginated(
    session: AsyncSession,
    statement: Select[T],
    *,
    page: int = 1,
    per_page: int = 20,
    cap: int | None = None,
) -> PaginatedResponse[T]:
    """Page `page` of the rows of `statement`, and how many there are. Two statements.

    With `cap=10_000` counting stops there: of more rows the total is None, and a page
    says "10,000+". A page behind the last one is empty. On PostgreSQL the two may see
    different moments. Raises OutOfRange, StatementRefused."""
    OutOfRange.check("page", page, 1, MAX_PAGE)
    OutOfRange.check("per_page", per_page, 1, MAX_PER_PAGE)
    if cap is not None:
        OutOfRange.check("cap", cap, 0, MAX_PAGE)
    rows = in_total_order(statement).offset((page - 1) * per_page).limit(per_page)
    counted = await session.scalar(count_of(statement, cap=cap)) or 0
    items = list((await session.scalars(rows)).unique())
    total = counted if cap is None or counted <= cap else None
    pages = None if total is None else -(-total // per_page)
    return PaginatedResponse(
        items=items, total=total, page=page, per_page=per_page, pages=pages
    )


class CursorValue(TypeDecorator[Any]):
    """A sort value: JSON in a cursor, and in the database exactly what is compared
    there.

    SQLite keeps a Decimal as a float and a time as text: it gets back what it gave,
    without any conversion."""

    impl, cache_ok = NullType, True

    def __init__(self, of: TypeEngine[Any]) -> None:
        super().__init__()
        stored = of._unwrapped_dialect_impl(postgresql.dialect())
        self.of, self.named = of, stored if isinstance(stored, Enum) else None
        self.kind = str if self.named else stored.python_type
        config = ConfigDict(allow_inf_nan=True, arbitrary_types_allowed=True)
        self.reader = TypeAdapter[Any](self.kind, config=config)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return NullType()
        return self.of._unwrapped_dialect_impl(dialect)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value if dialect.name == "sqlite" else self.reader.validate_python(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if self.named and dialect.name != "sqlite":
            # What stands in the database: a value in Python may be anything.
            return self.named._db_value_for_elem(value)  # type: ignore[no-untyped-call]
        return to_jsonable_python(value)


@dataclass(frozen=True)
class SortKey:
    """One column of an order, and where its NULLs stand: said outright, because the
    databases differ."""

    column: ColumnElement[Any]
    value: ColumnElement[Any]
    descending: bool
    nullable: bool
    nulls_last: bool = True

    @classmethod
    def of(cls, order: Any) -> "SortKey":
        """Takes what `order_by` takes: a column, `column.asc()` or `column.desc()`.
        Raises StatementRefused."""
        order = column = getattr(order, "expression", order)
        modifier = getattr(order, "modifier", None)
        if modifier in (operators.desc_op, operators.asc_op):
            column = order.element
        called = column.name if isinstance(column, functions.Function) else None
        cased = called in CASE_FUNCTIONS
        kind = CursorValue(String() if cased else getattr(column, "type", NullType()))
        if not (cased or isinstance(column, Column)) or kind.kind not in ORDERED:
            reason = f"{order} is no key for a cursor"
            raise StatementRefused(reason, "use column.desc(); NULLs come last")
        nullable = getattr(column, "nullable", True)
        descending = modifier is operators.desc_op
        return cls(column, type_coerce(column, kind), descending, nullable)

    def reversed(self) -> "SortKey":
        last = not self.nulls_last
        return replace(self, descending=not self.descending, nulls_last=last)

    def order(self) -> ColumnElement[Any]:
        order = self.column.desc() if self.descending else self.column.asc()
        if not self.nullable:
            # A word on NULLs costs PostgreSQL the index for DESC, and SQLite part of
            # the sort for ASC.
            return order
        return order.nulls_last() if self.nulls_last else order.nulls_first()

    def behind(self, value: Any) -> ColumnElement[bool]:
        if value is None:
            return false() if self.nulls_last else self.column.is_not(None)
        behind = self.value < value if self.descending else self.value > value
        return or_(behind, self.column.is_(None)) if self.nulls_last else behind


def _rows_behind(
    keys: Sequence[SortKey], values: Sequence[Any], pairs: bool
) -> ColumnElement[bool]:
    """(a, b) > (x, y) where all columns go one way, else a >= x AND (a <> x OR b < y).

    An ordered walk of an index can begin only where a condition holds for every row: at
    an AND, not inside an OR."""
    if not keys:
        return false()
    first, value, down = keys[0], values[0], keys[0].descending
    one_way = all(key.descending == down and not key.nullable for key in keys)
    if one_way and (pairs or not keys[1:]):
        row, last = tuple_(*(key.value for key in keys)), tuple_(*values)
        return row < last if down else row > last
    others = _rows_behind(keys[1:], values[1:], pairs)
    if first.nullable:
        return or_(first.behind(value), and_(first.value == value, others))
    bound = first.value <= value if down else first.value >= value
    return and_(bound, or_(first.value != value, others))


class Keyset(Generic[T]):
    """Pages by key, for a statement that selects one model, in any order, forwards and
    backwards.

    `order_by` takes columns with `.asc()` or `.desc()`, mixed as you like; NULLs come
    last, and the primary key is added as the last word. Make it once for an
    application: it keeps the statements it has built. A cursor is signed with `secret`
    for this listing alone (its conditions, the values in them, its order), and good for
    `max_age` seconds, if given. A reader can return one, but not write one. Raises
    StatementRefused."""

    def __init__(
        self,
        statement: Select[T],
        *order_by: Any,
        secret: str,
        max_age: int | None = None,
    ) -> None:
        asked = [SortKey.of(order) for order in order_by]
        entity = check_listing(statement, *(key.column for key in asked))
        table = inspect(entity)
        own = {*getattr(table, "persist_selectable", table.selectable).columns}
        keys: dict[Any, SortKey] = {}
        for key in (*asked, *map(SortKey.of, primary_key(entity))):
            # An outer join has NULL where it finds no row.
            empty = key.nullable or key.column not in own
            keys.setdefault(key.column, replace(key, nullable=empty))
        self.model, self.max_age = table.mapper, max_age
        self.keys = list(keys.values())
        values = [key.value.label(f"key_{n}") for n, key in enumerate(self.keys)]
        self.rows = statement.add_columns(*values).order_by(None)
        self.signer = URLSafeTimedSerializer(
            secret, self._name(statement), signer_kwargs={"digest_method": sha256}
        )
        self._searches = cache(self._build)

    def _name(self, statement: Select[T]) -> str:
        """What sets this listing apart: its text, the values that stand in it, and the
        types of its keys."""
        listing = statement.order_by(None).order_by(*(key.order() for key in self.keys))
        one = functions.count()
        told = listing.with_only_columns(one, maintain_column_froms=True).compile()
        types = [key.column.type for key in self.keys]
        return repr((str(told), told.construct_params(), types))

    async def get_page(
        self, session: AsyncSession, *, limit: int = 20, cursor: str | None = None
    ) -> CursorPage[T]:
        """The first page, or the one that `cursor` leads to. Raises OutOfRange,
        InvalidCursor.

        One statement, or two where the first column of the order passes from its values
        to its NULLs."""
        OutOfRange.check("limit", limit, 1, MAX_PER_PAGE)
        backwards, *values = self._read(cursor) if cursor is not None else [False]
        given = {KEY.format(n): value for n, value in enumerate(values)}
        rows: list[Row[Any]] = []
        # SQLite searches an index by one column of a pair alone.
        pairs = session.get_bind(self.model).dialect.name != "sqlite"
        nulls = tuple(value is None for value in values)
        for search in self._searches(pairs, backwards, nulls):
            if len(rows) <= limit:
                given[WANTED] = limit + 1 - len(rows)
                rows += (await session.execute(search, given)).unique()
        more, rows = len(rows) > limit, rows[:limit]
        if backwards:
            rows.reverse()
        first, last = (rows[0][1:], rows[-1][1:]) if rows else (values, values)
        earlier, later = (more, True) if backwards else (cursor is not None, more)
        return CursorPage(
            items=[row[0] for row in rows],
            next_cursor=self._write(False, last) if later else None,
            previous_cursor=self._write(True, first) if earlier else None,
        )

    def _build(
        self, pairs: bool, backwards: bool, nulls: tuple[bool, ...]
    ) -> list[Select[Any]]:
        """The rows behind a cursor, whose `nulls` are told: one search, or values first
        and then NULLs."""
        keys = [key.reversed() for key in self.keys] if backwards else self.keys
        types = [key.value.type for key in keys]
        given = [bindparam(KEY.format(n), type_=kind) for n, kind in enumerate(types)]
        last = [None if null else key for null, key in zip(nulls, given, strict=False)]
        first, known = keys[0], [replace(keys[0], nullable=False), *keys[1:]]
        wanted = bindparam(WANTED, type_=Integer)
        rows = self.rows.order_by(*(key.order() for key in known)).limit(wanted)
        split = {
            True: [first.column.is_(None)],
            False: [first.column.is_not(None)] if first.nullable else [],
        }
        parts = [not first.nulls_last, first.nulls_last] if first.nullable else [False]
        if nulls and nulls[0] != parts[0]:
            del parts[0]
        searches = [rows.where(*split[null]) for null in parts]
        if nulls and parts:
            behind = _rows_behind(known[parts[0] :], last[parts[0] :], pairs)
            # Behind a value stands no NULL.
            searches[0] = (searches[0] if parts[0] else rows).where(behind)
        return searches

    def _write(self, backwards: bool, values: Sequence[Any]) -> str:
        return str(self.signer.dumps([backwards, *values]))

    def _read(self, cursor: str) -> list[Any]:
        try:
            return list(self.signer.loads(cursor, self.max_age))
        # The last two for what is no text.
        except (BadData, ValueError, TypeError, AttributeError):
            raise InvalidCursor(cursor) from None
