"""A long listing in pages: by number, where people jump to page 7, or by key, where rows arrive while they read.

A page by number skips rows, so its cost grows with its number, and a new row shifts what follows. A page by key
starts behind the last row seen: the same cost at any depth, no row twice. Source: Markus Winand, "We need tool
support for keyset pagination", use-the-index-luke.com.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from itsdangerous import BadData, URLSafeSerializer
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python
from sqlalchemy import ColumnElement, Row, Select, and_, false, func, inspect, literal, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression

from course_lib.errors import InvalidCursor, OutOfRange

T = TypeVar("T")

MAX_PAGE, MAX_PER_PAGE = 1_000_000, 100


class Listing(BaseModel):
    """Holds rows of a model inside the library; a route turns them into schemas, attribute by attribute."""

    model_config = ConfigDict(from_attributes=True, arbitrary_types_allowed=True)


class PaginatedResponse(Listing, Generic[T]):
    items: list[T]
    total: int
    page: int
    per_page: int
    pages: int


class CursorPage(Listing, Generic[T]):
    """Cursors are None where the listing ends."""

    items: list[T]
    next_cursor: str | None
    previous_cursor: str | None


def primary_key(statement: Select[Any]) -> tuple[ColumnElement[Any], ...]:
    """The key columns of the model that the statement selects: behind any other order, they make it total."""
    entity = statement.column_descriptions[0]["entity"]
    mapper = inspect(entity).mapper
    return tuple(getattr(entity, mapper.get_property_by_column(column).key) for column in mapper.primary_key)


async def get_paginated(
    session: AsyncSession, statement: Select[T], *, page: int = 1, per_page: int = 20
) -> PaginatedResponse[T]:
    """Page `page` of the rows of `statement`, and how many there are. Two statements. Raises OutOfRange.

    A page behind the last one is empty. On PostgreSQL the two statements may see different moments.
    """
    OutOfRange.check("page", page, 1, MAX_PAGE)
    OutOfRange.check("per_page", per_page, 1, MAX_PER_PAGE)
    total = await session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    rows = statement.order_by(*primary_key(statement)).offset((page - 1) * per_page).limit(per_page)
    items = list((await session.scalars(rows)).unique())
    return PaginatedResponse(
        items=items, total=total, page=page, per_page=per_page, pages=-(-total // per_page)
    )


@dataclass(frozen=True)
class SortKey:
    """One column of an order, and where its NULLs stand: said outright, because the databases differ."""

    column: ColumnElement[Any]
    descending: bool
    nullable: bool
    nulls_last: bool = True

    @classmethod
    def of(cls, order: ColumnElement[Any]) -> "SortKey":
        """Takes what `order_by` takes: a column, `column.asc()` or `column.desc()`."""
        order = order.expression
        if getattr(order, "modifier", None) in (operators.nulls_first_op, operators.nulls_last_op):
            raise TypeError(f"{order}: NULLs come last in a Keyset; leave that word out")
        descending = isinstance(order, UnaryExpression) and order.modifier is operators.desc_op
        column = order.element if isinstance(order, UnaryExpression) else order
        return cls(column, descending, nullable=getattr(column, "nullable", True))

    def reversed(self) -> "SortKey":
        return replace(self, descending=not self.descending, nulls_last=not self.nulls_last)

    def order(self) -> ColumnElement[Any]:
        order = self.column.desc() if self.descending else self.column.asc()
        if not self.nullable:
            return order  # a word on NULLs would keep SQLite from using the index
        return order.nulls_last() if self.nulls_last else order.nulls_first()

    def behind(self, value: Any) -> ColumnElement[bool]:
        if value is None:
            return false() if self.nulls_last else self.column.is_not(None)
        behind = self.column < value if self.descending else self.column > value
        return or_(behind, self.column.is_(None)) if self.nullable and self.nulls_last else behind

    def level_with(self, value: Any) -> ColumnElement[bool]:
        return self.column.is_(None) if value is None else self.column == value

    def read(self, value: Any) -> Any:
        """The value out of JSON: a time comes back as a time, and True as a value that SQL can compare."""
        if value is None:
            return None
        return literal(TypeAdapter(self.column.type.python_type).validate_python(value), self.column.type)

    def __str__(self) -> str:
        return f"{self.column} {'desc' if self.descending else 'asc'}"


def _rows_behind(keys: Sequence[SortKey], values: Sequence[Any]) -> ColumnElement[bool]:
    """(a, b) > (x, y), written out as a > x OR (a = x AND b > y): so every column may have its own direction."""
    key, value = keys[0], values[0]
    if len(keys) == 1:
        return key.behind(value)
    return or_(key.behind(value), and_(key.level_with(value), _rows_behind(keys[1:], values[1:])))


def _start_of_range(key: SortKey, value: Any) -> ColumnElement[bool]:
    """Implied by the condition above; said again because the databases search an index for AND, not for OR."""
    if key.nullable:
        return true()
    return and_(key.column <= value if key.descending else key.column >= value)


class Keyset(Generic[T]):
    """Pages by key, for a statement that selects one model, in any order, forwards and backwards.

    `order_by` takes columns with `.asc()` or `.desc()`, mixed as you like; NULLs come last, and the primary key is
    added as the last word. Cursors are signed with `secret`: a reader can return one, but not write one.
    """

    def __init__(self, statement: Select[T], *order_by: Any, secret: str) -> None:
        self.statement = statement
        keys: dict[str, SortKey] = {}
        for key in map(SortKey.of, (*order_by, *primary_key(statement))):
            keys.setdefault(str(key.column), key)
        self.keys = list(keys.values())
        self.signer = URLSafeSerializer(secret, salt=", ".join(map(str, self.keys)))

    async def get_page(
        self, session: AsyncSession, *, limit: int = 20, cursor: str | None = None
    ) -> CursorPage[T]:
        """The first page, or the one that `cursor` leads to. One statement. Raises OutOfRange, InvalidCursor."""
        OutOfRange.check("limit", limit, 1, MAX_PER_PAGE)
        backwards, values = self._read(cursor) if cursor is not None else (False, None)
        found = await session.execute(self._rows(backwards, values).limit(limit + 1))
        rows: list[Row[Any]] = list(found.unique())
        more, rows = len(rows) > limit, rows[:limit]
        if backwards:
            rows.reverse()
        return CursorPage(
            items=[row[0] for row in rows],
            next_cursor=self._write(False, rows[-1]) if rows and (more or backwards) else None,
            previous_cursor=self._write(True, rows[0]) if rows and (more if backwards else cursor) else None,
        )

    def _rows(self, backwards: bool, values: Sequence[Any] | None) -> Select[Any]:
        keys = [key.reversed() for key in self.keys] if backwards else self.keys
        rows = self.statement.add_columns(*(key.column for key in keys))
        if values is not None:
            rows = rows.where(_start_of_range(keys[0], values[0]), _rows_behind(keys, values))
        return rows.order_by(None).order_by(*(key.order() for key in keys))

    def _write(self, backwards: bool, row: Row[Any]) -> str:
        return str(self.signer.dumps([backwards, *to_jsonable_python(row[1:])]))

    def _read(self, cursor: str) -> tuple[bool, list[Any]]:
        try:
            backwards, *values = self.signer.loads(cursor)
            return backwards, [key.read(value) for key, value in zip(self.keys, values, strict=True)]
        except (BadData, ValidationError, ValueError):
            raise InvalidCursor(cursor) from None
