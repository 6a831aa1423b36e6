"""Any listing, made of chance: a model, a statement, an order, and rows full of ties and of what databases stumble
over. `pages.py` compares what the library makes of it with the full list."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    Numeric,
    Select,
    Uuid,
    asc,
    bindparam,
    case,
    delete,
    func,
    inspect,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy import (
    nulls_last as sort_nulls_last,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    contains_eager,
    declared_attr,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
    subqueryload,
    with_loader_criteria,
)

from course_lib.db import OneSpelling, UtcDateTime
from course_lib.repositories import BaseRepository
from course_lib.statements import primary_key


class Base(DeclarativeBase):
    """Of its own: the course's tables stay as they are."""


class State(Enum):
    """In another order than the alphabet's, and as JSON each would be a list."""

    SENT, DRAFT, ACCEPTED = ("s", 1), ("d", 2), ("a", 3)


class Shelf(Base):
    __tablename__ = "shelves"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    weight: Mapped[Decimal | None] = mapped_column(Numeric)
    above_id: Mapped[int | None] = mapped_column(ForeignKey("shelves.id"))
    above: Mapped["Shelf | None"] = relationship(remote_side="Shelf.id", lazy="raise")


class Columns:
    """A column of each kind. `mark` names the row in these tests, whatever its key is."""

    mark: Mapped[int] = mapped_column(unique=True)
    number: Mapped[int]
    big: Mapped[int | None] = mapped_column(BigInteger)
    word: Mapped[str]
    note: Mapped[str | None] = mapped_column("a note")
    email: Mapped[str] = mapped_column(OneSpelling)
    price: Mapped[Decimal] = mapped_column(Numeric)
    rate: Mapped[Decimal | None] = mapped_column(Numeric(12, 3))
    size: Mapped[float]
    ratio: Mapped[float | None] = mapped_column(Double)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(DateTime)
    day: Mapped[date]
    hour: Mapped[time | None]
    lasts: Mapped[timedelta]
    flag: Mapped[bool]
    doubt: Mapped[bool | None]
    state: Mapped[State]
    past: Mapped[State | None]
    code: Mapped[UUID]
    told: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    picture: Mapped[bytes]
    said: Mapped[dict[str, Any]] = mapped_column(JSON)
    double: Mapped[int | None] = mapped_column(Integer, Computed("number * 2", persisted=True))
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelves.id"))
    home_id: Mapped[int] = mapped_column(ForeignKey("shelves.id"))

    @declared_attr
    @classmethod
    def shelf(cls) -> Mapped[Shelf | None]:
        return relationship(foreign_keys=f"{cls.__name__}.shelf_id", lazy="raise")

    @declared_attr
    @classmethod
    def home(cls) -> Mapped[Shelf]:
        return relationship(foreign_keys=f"{cls.__name__}.home_id", lazy="raise")


class Thing(Columns, Base):
    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True)
    scraps: Mapped[list["Scrap"]] = relationship(lazy="raise")


class Scrap(Base):
    """Of these a thing has several."""

    __tablename__ = "scraps"

    id: Mapped[int] = mapped_column(primary_key=True)
    thing_id: Mapped[int] = mapped_column(ForeignKey("things.id", ondelete="CASCADE"))
    kind: Mapped[int]


class ByUuid(Columns, Base):
    __tablename__ = "by_uuid"

    key: Mapped[UUID] = mapped_column(primary_key=True)


class ByWord(Columns, Base):
    __tablename__ = "by_word"

    key: Mapped[str] = mapped_column(primary_key=True)


class ByPair(Columns, Base):
    __tablename__ = "by_pair"

    first: Mapped[int] = mapped_column(primary_key=True)
    second: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)


class ThingRepository(BaseRepository[Thing]):
    model = Thing


JOINED, OTHER = aliased(Shelf), aliased(Shelf)
MODELS: list[type[Columns]] = [Thing, Thing, Thing, ByUuid, ByWord, ByPair]
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ["", "a", "A", "b", "é", "É", "ß", "it's", "%", "_", "\\", '"', "\n", " ", "z\u0301", "😀", "\x7f"]
CLOSE = [
    "0.1",
    "0.3333333333333333",
    "0.33333333333333",
    "0.3",
    "0.30000000000000004",
    "7",
    "12345678901234.5",
]


def any_word(chance: Random) -> str:
    """One of a few, so that there are ties, or any characters: no half of a surrogate pair, and no NUL, which
    PostgreSQL refuses."""
    if chance.randrange(4):
        return chance.choice(WORDS)
    return "".join(
        chr(chance.choice((1, 0xE000)) + chance.randrange(0xD7FF)) for _ in range(chance.randrange(3))
    )


def or_none(value: Callable[[Random], object]) -> Callable[[Random], object]:
    return lambda chance: value(chance) if chance.randrange(3) else None


def any_moment(chance: Random) -> datetime:
    return MOMENT + timedelta(microseconds=chance.choice((0, 1, 1000, 10**9)))


VALUES: dict[str, Callable[[Random], Any]] = {
    "number": lambda chance: chance.choice((0, 1, -1, 2**30 - 1)),
    "big": or_none(lambda chance: chance.choice((0, 2**53, 2**53 + 1, -(2**63)))),
    "word": any_word,
    "note": or_none(any_word),
    "email": any_word,
    "price": lambda chance: Decimal(chance.choice(CLOSE)),
    "rate": or_none(lambda chance: Decimal(chance.choice(("0", "0.001", "0.01", "-7.125")))),
    "size": lambda chance: chance.choice((0.0, -0.0, 0.1, 0.1 + 0.2, 5e-324, 1e300, float("inf"))),
    "ratio": or_none(lambda chance: chance.choice((0.0, 1 / 3, 0.333333333333333, -1e-9))),
    "seen_at": any_moment,
    "read_at": or_none(lambda chance: any_moment(chance).replace(tzinfo=None)),
    "day": lambda chance: date(2026, 1, 1 + chance.randrange(3)),
    "hour": or_none(lambda chance: time(chance.randrange(2), 0, 0, chance.randrange(2))),
    "lasts": lambda chance: timedelta(days=chance.randrange(-1, 2), microseconds=chance.randrange(2)),
    "flag": lambda chance: chance.choice((False, True)),
    "doubt": or_none(lambda chance: chance.choice((False, True))),
    "state": lambda chance: chance.choice(list(State)),
    "past": or_none(lambda chance: chance.choice(list(State))),
    "code": lambda chance: UUID(int=chance.choice((0, 1, 2**127))),
    "told": or_none(lambda chance: str(UUID(int=chance.choice((0, 1, 2**127))))),
    "picture": lambda chance: chance.choice((b"", b"\x00\xff")),
    "said": lambda chance: {},
    "shelf_id": or_none(lambda chance: chance.randrange(1, 6)),
    "home_id": lambda chance: chance.randrange(1, 6),
}
KEYS = [*VALUES.keys() - {"picture", "said"}, "double"]
SHELVES = [
    {"id": 1, "name": "oak", "weight": Decimal("0.3"), "above_id": None},
    {"id": 2, "name": "OAK", "weight": Decimal("0.3333333333333333"), "above_id": 1},
    {"id": 3, "name": "", "weight": None, "above_id": 1},
    {"id": 4, "name": "elm", "weight": Decimal("0.33333333333333"), "above_id": None},
    {"id": 5, "name": "elm", "weight": None, "above_id": 4},
]


@dataclass
class Listing:
    """`statement` selects `entity` of `model`, without an order; `keys` are an order for it, and `used` the columns
    whose values matter. `spice` names what the library may refuse; without it, all has to be served."""

    model: type[Any]
    entity: Any
    statement: Select[Any]
    keys: list[Any]
    used: set[str]
    loads: list[str]
    spice: str = ""

    def __str__(self) -> str:
        order = ", ".join(map(str, self.keys))
        return (
            f"{self.spice or 'plain'}: {self.statement} with {self.statement.compile().params}, order {order}"
        )

    def row(self, chance: Random, mark: int) -> dict[str, Any]:
        """A new row; it has the place that chance gives it in what is used, and is like the others in all else."""
        same = Random(0)
        row = {name: value(chance if name in self.used else same) for name, value in VALUES.items()}
        own: dict[type[Any], dict[str, Any]] = {
            Thing: {"id": mark},
            ByUuid: {"key": UUID(int=mark * 7919 % 4096)},
            ByWord: {"key": f"{chance.choice(WORDS)}{mark}"},
            ByPair: {"first": chance.randrange(3), "second": MOMENT + timedelta(microseconds=mark)},
        }
        return row | own[self.model] | {"mark": mark}

    def in_order(self, order: list[Any]) -> Select[Any]:
        """The full list, for the database to sort."""
        whole = self.statement.order_by(None).order_by(*order, *primary_key(self.entity))
        return whole.execution_options(stream_results=False, yield_per=None)


def any_listing(chance: Random, *, spiced: bool) -> Listing:
    model = chance.choice(MODELS)
    named = aliased(model, name='we"ird; --')
    entity: Any = chance.choice([model, model, aliased(model), named])
    listing = Listing(model, entity, select(entity), [], set(), [])
    shelf = _join(listing, chance)
    _filter(listing, chance, shelf)
    _load(listing, chance, shelf)
    keys = chance.sample(KEYS, k=chance.randint(1, 3))
    columns = [getattr(entity, name) for name in keys]
    listing.used |= {"number" if name == "double" else name for name in keys}
    if not chance.randrange(3):
        columns.append(chance.choice(primary_key(entity)))
    for name, cased in (("word", func.lower), ("note", func.upper)):
        if not chance.randrange(4):
            listing.used.add(name)
            columns.insert(0, cased(getattr(entity, name)))
    if shelf is not None and chance.randrange(3):
        columns.insert(0, chance.choice([shelf.weight, func.lower(shelf.name), shelf.id, shelf.above_id]))
    listing.keys = [chance.choice([each, each.asc(), each.desc()]) for each in columns[:3]]
    if spiced:
        listing.spice = chance.choice([*SPICES, *KEY_SPICES])
        if listing.spice in SPICES:
            listing.statement = SPICES[listing.spice](listing)
        else:
            listing.keys.insert(chance.randrange(2), KEY_SPICES[listing.spice](entity))
    return listing


def _join(listing: Listing, chance: Random) -> Any:
    """The other table that was joined, if any, and perhaps one more behind it."""
    how = chance.choice(["", "", "shelf", "home"])
    if not how:
        return None
    listing.used.add(f"{how}_id")
    outer = bool(chance.randrange(2))
    shelf: Any = chance.choice((Shelf, JOINED))
    listing.statement = listing.statement.join(shelf, getattr(listing.entity, how), isouter=outer)
    if chance.randrange(3):
        return shelf
    above = aliased(Shelf)
    listing.statement = listing.statement.join(above, shelf.above, isouter=bool(chance.randrange(2)))
    return above


def _filter(listing: Listing, chance: Random, shelf: Any) -> None:
    entity, light = listing.entity, aliased(Shelf)
    conditions = {
        "number": entity.number > bindparam(chance.choice(["key_0", "wanted", "limit", "cap"]), -1),
        "note": or_(entity.note.is_(None), entity.note.not_in(["", "a"])),
        "shelf_id": entity.shelf.has(Shelf.name != "elm"),
        "home_id": entity.home_id.in_(select(light.id).where(light.weight > 0).order_by(light.id).limit(3)),
        "flag": text("1 = 1"),
        "doubt": entity.doubt.isnot(True),
    }
    if shelf is not None:
        conditions["mark"] = or_(shelf.id.is_(None), shelf.name != "oak")
    if listing.model is Thing:
        conditions["mark"] = entity.scraps.any(Scrap.kind == 1)
    for name in chance.sample(sorted(conditions), k=chance.choice((0, 0, 1, 2))):
        listing.used.add(name)
        listing.statement = listing.statement.where(conditions[name])


def _load(listing: Listing, chance: Random, shelf: Any) -> None:
    """Something to fetch along with each row."""
    entity = listing.entity
    options = {
        "home": [joinedload(entity.home, innerjoin=True), joinedload(entity.home), selectinload(entity.home)],
        "shelf": [joinedload(entity.shelf), selectinload(entity.shelf), subqueryload(entity.shelf)],
    }
    if listing.model is Thing:
        many = [joinedload(entity.scraps), selectinload(entity.scraps), subqueryload(entity.scraps)]
        options["scraps"] = many
    for name in chance.sample(sorted(options), k=chance.choice((0, 0, 1))):
        listing.loads.append(name)
        listing.statement = listing.statement.options(chance.choice(options[name]))


def _as(listing: Listing, source: Any) -> Select[Any]:
    listing.entity = aliased(listing.model, source)
    return select(listing.entity)


SPICES: dict[str, Callable[[Listing], Select[Any]]] = {
    "yield_per": lambda a: a.statement.execution_options(yield_per=2),
    "stream_results": lambda a: a.statement.execution_options(stream_results=True, max_row_buffer=1),
    "populate_existing": lambda a: a.statement.execution_options(populate_existing=True, autoflush=False),
    "prebuffer_rows": lambda a: a.statement.execution_options(prebuffer_rows=True, logging_token="x"),
    "for update": lambda a: a.statement.with_for_update(of=a.entity),
    "for update, all": lambda a: a.statement.with_for_update(skip_locked=True),
    "for share": lambda a: a.statement.with_for_update(read=True, key_share=True, of=a.entity),
    "distinct": lambda a: a.statement.distinct(),
    "distinct on": lambda a: a.statement.ext(distinct_on(a.entity.flag)),
    "distinct on, as before": lambda a: a.statement.ext(distinct_on(a.entity.mark)),
    "limit": lambda a: a.statement.limit(3),
    "offset": lambda a: a.statement.offset(2),
    "slice": lambda a: a.statement.slice(1, 4),
    "group by": lambda a: a.statement.group_by(*primary_key(a.entity)),
    "having": lambda a: a.statement.having(a.entity.mark > 1),
    "prefix": lambda a: a.statement.prefix_with("DISTINCT"),
    "suffix": lambda a: a.statement.suffix_with("LIMIT 2"),
    "hint": lambda a: a.statement.with_statement_hint("LIMIT 2"),
    "table hint": lambda a: a.statement.with_hint(a.entity, "ONLY", "postgresql"),
    "cte": lambda a: a.statement.where(a.entity.home_id.in_(select(select(OTHER.id).cte().c.id))),
    "cte beside": lambda a: a.statement.add_cte(select(Shelf.id).cte()),
    "cte that deletes": lambda a: a.statement.add_cte(delete(Scrap).returning(Scrap.id).cte()),
    "of a union": lambda a: _as(a, union_all(select(a.model), select(a.model)).subquery()),
    "of a subquery": lambda a: _as(a, select(a.model).join(Shelf, a.model.home).subquery()),
    "of a cte": lambda a: _as(a, select(a.model).limit(4).cte()),
    "lateral": lambda a: a.statement.join(select(Shelf.id).lateral(), text("1 = 1")),
    "two tables": lambda a: a.statement.where(Shelf.id > 3),
    "join to many": lambda a: a.statement.join(Scrap, Scrap.kind == a.entity.number),
    "join to all": lambda a: a.statement.join(aliased(Shelf), text("1 = 1")),
    "full join": lambda a: a.statement.join(aliased(Shelf), a.entity.shelf, full=True),
    "exists": lambda a: a.statement.where(select(OTHER.id).where(OTHER.id == a.entity.shelf_id).exists()),
    "loaded from no join": lambda a: a.statement.options(contains_eager(a.entity.home)),
    "loaded by an inner join": lambda a: a.statement.options(joinedload(a.entity.shelf, innerjoin=True)),
    "loaded by a narrowed join": lambda a: a.statement.options(
        joinedload(a.entity.home.and_(Shelf.id > 3), innerjoin=True)
    ),
    "criteria": lambda a: a.statement.options(with_loader_criteria(a.model, a.model.flag.is_(False))),
    "criteria of the other": lambda a: a.statement.options(
        joinedload(a.entity.home, innerjoin=True), with_loader_criteria(Shelf, Shelf.id > 3)
    ),
    "two of a kind": lambda a: a.statement.add_columns(a.entity),
    "a column more": lambda a: a.statement.add_columns(a.entity.mark),
    "counted": lambda a: a.statement.add_columns(func.count().over()),
    "correlated": lambda a: a.statement.correlate(Shelf),
}
"""What a statement can carry. Of some of it no listing can be made."""

KEY_SPICES: dict[str, Callable[[Any], Any]] = {
    "by bytes": lambda entity: entity.picture,
    "by JSON": lambda entity: entity.said,
    "by a negative": lambda entity: -entity.number,
    "by a sum": lambda entity: (entity.number + entity.mark).desc(),
    "by a length": lambda entity: func.length(entity.word),
    "by coalesce": lambda entity: func.coalesce(entity.note, entity.word),
    "by a case": lambda entity: case((entity.flag, 1), else_=0),
    "by lower of lower": lambda entity: func.lower(func.lower(entity.word)),
    "by lower of a sum": lambda entity: func.lower(entity.word + entity.email).desc(),
    "by nulls first": lambda entity: entity.note.nulls_first(),
    "by nulls last": lambda entity: entity.note.desc().nulls_last(),
    "by text": lambda entity: text("number"),
    "by a label": lambda entity: entity.number.label("mark"),
    "by the other": lambda entity: Shelf.name,
    "by a subquery": lambda entity: select(OTHER.name).where(OTHER.id == entity.home_id).scalar_subquery(),
    "by an aggregate": lambda entity: func.max(entity.number),
    "by chance": lambda entity: func.random(),
}
"""What an order can be. By some of it no page can begin."""


def nulls_last(order: Any) -> Any:
    """As pages by key sort, unless the order says where NULLs stand."""
    modified = getattr(order, "modifier", None)
    if modified is not None and "nulls" in modified.__name__:
        return order
    return sort_nulls_last(order if modified is not None else asc(order))


def told_of(listing: Listing, row: Any) -> tuple[Any, ...]:
    """The row by its mark, and what was to be loaded with it."""
    if row is None:  # a full join gives a model that is not there
        return (None,)
    found = [getattr(row, name) for name in listing.loads]
    keys = [
        sorted(inspect(each).identity for each in (one if isinstance(one, list) else [one]) if each)
        for one in found
    ]
    return (row.mark, *map(str, keys))
