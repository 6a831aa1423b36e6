"""Where the queries live: one class per model, holding a session it was given; it flushes and never commits.

The general methods take a `Select` where a caller wants another query, instead of a parameter for every wish.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar, cast

from sqlalchemy import CursorResult, Select, delete, exists, func, insert, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.db import Base
from course_lib.eager_loading import author_and_tags
from course_lib.errors import OutOfRange, ProtectedField, UnknownField
from course_lib.models import MAX_ID, Account, Post, Tag, User, post_tags
from course_lib.statements import count_of, in_total_order

M = TypeVar("M", bound=Base)

MAX_LIMIT = 1_000
MAX_SKIP = 2**31 - 1


def _insert_unless_there(session: AsyncSession, table: Any) -> Any:
    """INSERT … ON CONFLICT DO NOTHING: both databases have it, SQLAlchemy has no common word for it."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


class BaseRepository(Generic[M]):
    """Find, add, change and remove rows of one model. A whole number that no row can have finds nothing;
    a key that is no whole number raises OutOfRange.

    Costs in statements: `get` 0 for an object already loaded, else 1; every other method 1.
    """

    model: type[M]
    protected: ClassVar[frozenset[str]] = frozenset({"id", "created_at", "updated_at"})

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def get(self, key: int) -> M | None:
        return await self.session.get(self.model, key) if self._possible(key) else None

    async def get_multi(
        self, statement: Select[M] | None = None, *, skip: int = 0, limit: int = 100
    ) -> list[M]:
        """Rows of `statement` (default: of the whole table), in its order and then by key.

        Raises OutOfRange, and StatementRefused for a statement that may give a row several times.
        """
        OutOfRange.check("skip", skip, 0, MAX_SKIP)
        OutOfRange.check("limit", limit, 0, MAX_LIMIT)
        rows = in_total_order(self._rows(statement)).offset(skip).limit(limit)
        return list((await self.session.scalars(rows)).unique())

    async def create(self, fields: Mapping[str, Any]) -> M:
        """A new row, with the values that the database filled in. Raises UnknownField, ProtectedField."""
        self._check(fields)
        row = self.model(**fields)
        self.session.add(row)
        await self.session.flush()
        return row

    async def create_many(self, rows: Sequence[Mapping[str, Any]]) -> list[M]:
        """New rows in the order of their keys; each mapping has the same fields. Raises like `create`.

        One statement for up to 32,700 values (rows times fields), which the drivers can take; more of them for more.
        """
        for fields in rows:
            self._check(fields)
        if not rows:
            return []
        found = await self.session.scalars(
            insert(self.model).returning(self.model),
            [dict(fields) for fields in rows],
            execution_options={"insertmanyvalues_page_size": len(rows)},
        )
        return sorted(found, key=lambda row: cast(Any, row).id)

    async def update(self, key: int, fields: Mapping[str, Any]) -> M | None:
        """The changed row, read back from the database, or None. Raises UnknownField, ProtectedField."""
        self._check(fields)
        if not fields or not self._possible(key):
            return await self.get(key)
        change = update(self.model).where(self._is(key)).values(dict(fields)).returning(self.model)
        return await self.session.scalar(change, execution_options={"populate_existing": True})

    async def delete(self, key: int) -> bool:
        """Whether there was such a row. Rows that the database deletes along with it stay in the session, stale."""
        if not self._possible(key):
            return False
        result = await self.session.execute(delete(self.model).where(self._is(key)))
        return cast(CursorResult[Any], result).rowcount > 0

    async def exists(self, statement: Select[M] | None = None) -> bool:
        return bool(await self.session.scalar(select(exists(self._rows(statement)))))

    async def count(self, statement: Select[M] | None = None) -> int:
        """How many rows `get_multi` has to give. Raises StatementRefused."""
        every = select(func.count()).select_from(self.model)
        return await self.session.scalar(every if statement is None else count_of(statement)) or 0

    def _rows(self, statement: Select[M] | None) -> Select[M]:
        return select(self.model) if statement is None else statement

    def _is(self, key: int) -> Any:
        return inspect(self.model).primary_key[0] == key

    def _possible(self, key: int) -> bool:
        if type(key) is not int:
            raise OutOfRange("id", key, 1, MAX_ID)
        return 1 <= key <= MAX_ID

    def _check(self, fields: Mapping[str, Any]) -> None:
        known = set(inspect(self.model).column_attrs.keys())
        if unknown := fields.keys() - known:
            raise UnknownField(self.model.__name__, unknown, known - self.protected)
        if protected := fields.keys() & self.protected:
            raise ProtectedField(self.model.__name__, protected)


class UserRepository(BaseRepository[User]):
    model = User
    protected = BaseRepository.protected | {"is_admin"}

    async def get_by_email(self, email: str) -> User | None:
        return await self.session.scalar(select(User).where(User.email == email))

    async def get_by_username(self, username: str) -> User | None:
        return await self.session.scalar(select(User).where(User.username == username))

    async def get_active_users(self, *, skip: int = 0, limit: int = 100) -> list[User]:
        return await self.get_multi(select(User).where(User.is_active), skip=skip, limit=limit)


class PostRepository(BaseRepository[Post]):
    model = Post

    @staticmethod
    def published() -> Select[Post]:
        """The query for a listing: published posts, each with its author and its tags."""
        return select(Post).where(Post.published).options(*author_and_tags())

    async def add_tag(self, post: Post, tag: Tag) -> None:
        """Also right when the post has the tag already, or gets it from somebody else at this moment."""
        link = _insert_unless_there(self.session, post_tags)
        await self.session.execute(link.values(post_id=post.id, tag_id=tag.id))


class TagRepository(BaseRepository[Tag]):
    model = Tag

    async def get_or_create(self, name: str) -> Tag:
        """The tag of this name. Two statements; two callers at once get the same row."""
        await self.session.execute(_insert_unless_there(self.session, Tag).values(name=name))
        return (await self.session.scalars(select(Tag).where(Tag.name == name))).one()


class AccountRepository(BaseRepository[Account]):
    """A balance changes by a transfer alone."""

    model = Account
    protected = BaseRepository.protected | {"balance"}

    async def lock(self, *keys: int) -> dict[int, Account]:
        """The accounts by key, as they are now, and nobody else's to change until this transaction ends.

        Rows are locked in the order of their keys, so that two transfers never wait for each other. SQLite has no
        locks on rows: there the whole transaction has to begin with the write lock.
        """
        possible = [key for key in keys if self._possible(key)]
        rows = select(Account).where(Account.id.in_(possible)).order_by(Account.id).with_for_update()
        found = await self.session.scalars(rows, execution_options={"populate_existing": True})
        return {account.id: account for account in found}
