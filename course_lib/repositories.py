"""Where the queries live: one class per model, holding a session it was given; it
flushes and never commits.

Its methods take a `Select` instead of a parameter for every wish: so a caller is tested
with a database, not a fake."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter, index
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import BigInteger, Column, Integer, SmallInteger, Table, inspect, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapper
from sqlalchemy.sql import Insert, Select, bindparam, case, delete, exists, select

from course_lib.eager_loading import author_and_tags
from course_lib.errors import ModelRefused, OutOfRange, ProtectedField, UnknownField
from course_lib.models import Account, Post, Tag, Transfer, User, post_tags
from course_lib.statements import count_of, in_total_order

M = TypeVar("M", bound=DeclarativeBase)

MAX_LIMIT = 1_000
MAX_SKIP = 2**31 - 1


def _insert_unless_there(session: AsyncSession, table: Any) -> Insert:
    """INSERT … ON CONFLICT DO NOTHING, for which SQLAlchemy has no common word. It uses
    up an id in any case."""
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite.Insert if on_sqlite else postgresql.Insert
    return insert(table).on_conflict_do_nothing()


def _refusal(mapper: Any) -> str | None:
    """Why BaseRepository cannot serve a model truly, or None."""
    if not isinstance(mapper, Mapper) or not isinstance(mapper.local_table, Table):
        return "is no model with a table of its own"
    if mapper.inherits or mapper.polymorphic_on is not None:
        return "shares its rows with other models (inheritance)"
    if mapper.version_id_col is not None:
        return "counts the versions of its rows, and `update` would not"
    if len(mapper.primary_key) > 1:
        return "has a key of several columns"
    whole = isinstance(mapper.primary_key[0].type, Integer)
    return None if whole else "has a key that is no Integer, SmallInteger or BigInteger"


class BaseRepository(Generic[M]):
    """Rows of one model. A whole number that its key cannot hold finds nothing; any
    other key raises OutOfRange.

    The model has a table of its own and one key, SMALLINT, INTEGER or BIGINT under any
    name; a subclass for any other model raises ModelRefused where it is written.

    Costs in statements: `get` 0 for an object already loaded, else 1; `update` of no
    fields as much as `get`; every other method 1. What a statement's options load costs
    more: `selectinload` one per 500 rows."""

    model: type[M]
    protected: ClassVar[frozenset[str]] = frozenset({"created_at", "updated_at"})
    """Fields that callers cannot set. A subclass adds its own, and the key is added by
    itself."""

    _key_name: ClassVar[str]
    _key_bits: ClassVar[int]
    _fields: ClassVar[frozenset[str]]
    _deletion: ClassVar[Any]

    def __init_subclass__(cls) -> None:
        """What the model says of its key and its fields, read once."""
        super().__init_subclass__()
        if not hasattr(cls, "model"):
            return
        mapper: Any = inspect(cls.model, raiseerr=False)
        if refusal := _refusal(mapper):
            raise ModelRefused(getattr(cls.model, "__name__", str(cls.model)), refusal)
        key, columns = mapper.primary_key[0], mapper.columns.items()
        kind = key.type.dialect_impl(postgresql.dialect())
        cls._key_name = mapper.get_property_by_column(key).key
        big, small = isinstance(kind, BigInteger), isinstance(kind, SmallInteger)
        cls._key_bits = 63 if big else 15 if small else 31
        cls.protected = cls.protected | {cls._key_name}
        cls._fields = frozenset(
            name for name, c in columns if isinstance(c, Column) and not c.computed
        )
        row = getattr(cls.model, cls._key_name) == bindparam("key")
        cls._deletion = delete(cls.model).where(row)

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def get(self, key: int) -> M | None:
        if (possible := self._possible(key)) is None:
            return None
        return await self.session.get(self.model, possible)

    async def get_multi(
        self, statement: Select[M] | None = None, *, skip: int = 0, limit: int = 100
    ) -> list[M]:
        """Rows of `statement` (default: of the whole table), in its order and then by
        key.

        Raises OutOfRange, and StatementRefused for a statement that may give a row
        several times."""
        OutOfRange.check("skip", skip, 0, MAX_SKIP)
        OutOfRange.check("limit", limit, 0, MAX_LIMIT)
        rows = in_total_order(self._rows(statement)).offset(skip).limit(limit)
        return list((await self.session.scalars(rows)).unique())

    async def create(self, fields: Mapping[str, Any]) -> M:
        """A new row, with the values that the database filled in. Raises UnknownField,
        ProtectedField."""
        self._check(fields)
        row = self.model(**fields)
        self.session.add(row)
        await self.session.flush()
        return row

    async def create_many(self, rows: Sequence[Mapping[str, Any]]) -> list[M]:
        """New rows in the order of their keys; each mapping has the same fields. Raises
        like `create`.

        One statement for up to 32,700 values (rows times fields), which the drivers can
        take; more of them for more."""
        self._check(set().union(*rows))
        if not rows:
            return []
        new = Insert(self.model).returning(self.model)
        new = new.execution_options(insertmanyvalues_page_size=len(rows))
        found = await self.session.scalars(new, [dict(fields) for fields in rows])
        return sorted(found, key=attrgetter(self._key_name))

    async def update(self, key: int, fields: Mapping[str, Any]) -> M | None:
        """The changed row, read back from the database, or None. Raises UnknownField,
        ProtectedField."""
        self._check(fields)
        possible = self._possible(key)
        if not fields or possible is None:
            return await self.get(key)
        row = getattr(self.model, self._key_name) == possible
        change = update(self.model).where(row).values(dict(fields))
        options = {"populate_existing": True}
        return await self.session.scalar(
            change.returning(self.model), execution_options=options
        )

    async def delete(self, key: int) -> bool:
        """Whether there was such a row. Rows that the database deletes along with it
        stay in the session, stale."""
        if (possible := self._possible(key)) is None:
            return False
        identity = inspect(self.model).identity_key_from_primary_key((possible,))
        # To take an object out of the session costs as much as the rest, so only where
        # it may be there.
        held = identity in self.session.identity_map or self.session.new
        how = {"synchronize_session": "fetch" if held else False}
        deletion, given = self._deletion, {"key": possible}
        done: Any = await self.session.execute(deletion, given, execution_options=how)
        return bool(done.rowcount > 0)

    async def exists(self, statement: Select[M] | None = None) -> bool:
        return bool(await self.session.scalar(select(exists(self._rows(statement)))))

    async def count(self, statement: Select[M] | None = None) -> int:
        """How many rows `get_multi` has to give. Raises StatementRefused."""
        return await self.session.scalar(count_of(self._rows(statement))) or 0

    def _rows(self, statement: Select[M] | None) -> Select[M]:
        return select(self.model) if statement is None else statement

    def _possible(self, key: int) -> int | None:
        """The key as an int, or None for a number that its column cannot hold. Raises
        OutOfRange."""
        whole: Any = None if isinstance(key, bool) else key
        try:
            number = index(whole)
        except TypeError:
            raise OutOfRange(self._key_name, key, 1, 2**self._key_bits - 1) from None
        return number if number.bit_length() <= self._key_bits else None

    def _check(self, fields: Iterable[str]) -> None:
        if unknown := set(fields) - self._fields:
            known = self._fields - self.protected
            raise UnknownField(self.model.__name__, unknown, known)
        if protected := self.protected.intersection(fields):
            raise ProtectedField(self.model.__name__, protected)


class UserRepository(BaseRepository[User]):
    model = User
    protected = BaseRepository.protected | {"is_admin"}

    async def get_by_email(self, email: str) -> User | None:
        return await self.session.scalar(select(User).where(User.email == email))

    async def get_by_username(self, username: str) -> User | None:
        return await self.session.scalar(select(User).where(User.username == username))

    async def get_active_users(self, *, skip: int = 0, limit: int = 100) -> list[User]:
        active = select(User).where(User.is_active)
        return await self.get_multi(active, skip=skip, limit=limit)


class PostRepository(BaseRepository[Post]):
    model = Post

    @staticmethod
    def published() -> Select[Post]:
        """The query for a listing: published posts, each with author and tags."""
        return select(Post).where(Post.published).options(*author_and_tags())

    async def add_tag(self, post: Post, tag: Tag) -> None:
        """Also right when the post has the tag already, or gets it from somebody else
        at this moment."""
        link = _insert_unless_there(self.session, post_tags)
        await self.session.execute(link.values(post_id=post.id, tag_id=tag.id))


class TagRepository(BaseRepository[Tag]):
    model = Tag

    async def get_or_create(self, name: str) -> Tag:
        """The tag of this name. Two statements. At READ COMMITTED, two callers at once
        get the same row.

        A transaction whose view is older than the tag meets a conflict (`is_conflict`):
        above READ COMMITTED, and on SQLite where it has read before. NoResultFound
        where somebody deletes the tag between the two statements."""
        tag = _insert_unless_there(self.session, Tag).values(name=name)
        await self.session.execute(tag)
        return (await self.session.scalars(select(Tag).where(Tag.name == name))).one()


PAYER, PAYEE = bindparam("payer", type_=Integer), bindparam("payee", type_=Integer)
AMOUNT = bindparam("amount", type_=BigInteger)
CHANGE = case((Account.id == PAYER, -AMOUNT), else_=AMOUNT)
THE_TWO = update(Account).where(Account.id.in_((PAYER, PAYEE)))
MOVE = THE_TWO.values(balance=Account.balance + CHANGE).returning(Account)
"""Made once: to build such a statement takes as long as to send it."""


class AccountRepository(BaseRepository[Account]):
    """A balance changes by a transfer alone."""

    model = Account
    protected = BaseRepository.protected | {"balance"}

    async def lock(self, *keys: int) -> dict[int, Account]:
        """The accounts by key, as they are now, and nobody else's to change until this
        transaction ends.

        Rows are locked in the order of their keys, so that no two transfers by
        themselves wait in a circle. Several in one transaction can, unless one `lock`
        of all their accounts comes first. FOR NO KEY UPDATE: whoever adds a row that
        points to an account need not wait. SQLite has no locks on rows: there the whole
        transaction has to begin with the write lock."""
        possible = [key for key in map(self._possible, keys) if key is not None]
        rows = select(Account).where(Account.id.in_(possible)).order_by(Account.id)
        rows = rows.with_for_update(key_share=True)
        options = {"populate_existing": True}
        found = await self.session.scalars(rows, execution_options=options)
        return {account.id: account for account in found}

    async def move(self, payer: int, payee: int, amount: int) -> None:
        """Change both balances, which are locked, in one statement; accounts in the
        session show it."""
        values = {"payer": payer, "payee": payee, "amount": amount}
        options = {"populate_existing": True, "synchronize_session": False}
        await self.session.scalars(MOVE, values, execution_options=options)


class TransferRepository(BaseRepository[Transfer]):
    """The ledger: lines are added, and never changed."""

    model = Transfer

    async def add_once(
        self, terms: Mapping[str, int], key: str | None
    ) -> Transfer | None:
        """The new line; None where this payer has used the key before."""
        line = _insert_unless_there(self.session, Transfer)
        line = line.values(**terms, idempotency_key=key)
        return await self.session.scalar(line.returning(Transfer))

    async def get_by_key(self, payer: int, key: str) -> Transfer | None:
        line = select(Transfer).where(
            Transfer.from_account_id == payer, Transfer.idempotency_key == key
        )
        return await self.session.scalar(line)
