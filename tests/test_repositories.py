"""Repositories: how many statements each method sends, and which error answers which mistake."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import numpy
import pytest
from sqlalchemy import (
    BigInteger,
    Computed,
    ForeignKey,
    Integer,
    SmallInteger,
    event,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    column_property,
    mapped_column,
    relationship,
    selectinload,
)

from course_lib.db import create_session_factory, is_conflict
from course_lib.errors import CourseError, ModelRefused, OutOfRange, ProtectedField, UnknownField
from course_lib.lab.sql import watch
from course_lib.models import MAX_ID, Post, Tag, User, post_tags
from course_lib.repositories import (
    AccountRepository,
    BaseRepository,
    PostRepository,
    TagRepository,
    UserRepository,
)

EVE = {"email": "eve@example.org", "username": "eve", "hashed_password": "hash"}
NO_ROW = [0, -1, MAX_ID, MAX_ID + 1, 2**63, -(2**63), 10**30]
NO_KEY: list[Any] = ["1", True, 1.0, None, b"1", (1,), numpy.array([1, 2])]
UNBOUND = AsyncSession()
"""A session that could send nothing anywhere."""

with_people = pytest.mark.usefixtures("people")


def many(number: int) -> list[dict[str, str]]:
    return [
        {"email": f"{n}@example.org", "username": f"u{n}", "hashed_password": "hash"} for n in range(number)
    ]


async def test_create_is_one_statement_and_gives_all_that_the_database_filled_in(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    with watch(engine) as sent:
        eve = await UserRepository(session).create(EVE | {"email": "Eve@example.org"})
        values = (eve.id, eve.email, eve.is_active, eve.is_admin, eve.created_at.tzinfo)

    assert values == (1, "eve@example.org", True, False, UTC)
    assert len(sent) == 1


async def test_create_many_of_a_thousand_is_one_statement(engine: AsyncEngine, session: AsyncSession) -> None:
    with watch(engine) as sent:
        users = await UserRepository(session).create_many(many(1000))
        created = {user.created_at.tzinfo for user in users}

    assert ([user.id for user in users], created) == (list(range(1, 1001)), {UTC})
    assert len(sent) == 1


async def test_create_many_sends_a_second_statement_behind_the_drivers_limit(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    with watch(engine) as sent:
        tags = await TagRepository(session).create_many([{"name": str(n)} for n in range(33_000)])

    assert (len(sent), len(tags)) == (2, 33_000)


async def test_create_many_of_nothing_sends_nothing(engine: AsyncEngine, session: AsyncSession) -> None:
    with watch(engine) as sent:
        assert await UserRepository(session).create_many([]) == []

    assert len(sent) == 0


async def test_create_many_writes_addresses_in_lower_case(session: AsyncSession) -> None:
    (eve,) = await UserRepository(session).create_many([EVE | {"email": "EVE@example.org"}])

    assert eve.email == "eve@example.org"


@with_people
async def test_update_is_one_statement_and_gives_the_row_as_it_is_now(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    before = await UserRepository(session).get(1)
    with watch(engine) as sent:
        mira = await UserRepository(session).update(1, {"email": "MIRA@example.com"})
        assert mira is not None
        values = (mira.email, mira.username, mira.updated_at > mira.created_at)

    assert values == ("mira@example.com", "mira", True)
    assert (mira is before, len(sent)) == (True, 1)


@with_people
async def test_update_keeps_a_change_that_was_not_flushed_yet(session: AsyncSession) -> None:
    mira = await session.get_one(User, 1)
    mira.username = "mira2"
    await UserRepository(session).update(1, {"is_active": False})

    assert (mira.username, mira.is_active) == ("mira2", False)
    assert await session.scalar(select(User.username).where(User.id == 1)) == "mira2"


@with_people
async def test_update_sees_what_another_session_wrote(
    session: AsyncSession, sessions: async_sessionmaker[AsyncSession]
) -> None:
    stale = await session.get_one(User, 1)
    await session.commit()
    async with sessions.begin() as other:
        await UserRepository(other).update(1, {"username": "mira2"})

    await UserRepository(session).update(1, {"is_active": False})
    assert stale.username == "mira2"


@with_people
@pytest.mark.parametrize("repository", [UserRepository, TagRepository])
async def test_an_update_of_nothing_changes_nothing(
    engine: AsyncEngine, session: AsyncSession, repository: type[UserRepository | TagRepository]
) -> None:
    before = await repository(session).get(1)
    with watch(engine) as sent:
        after = await repository(session).update(1, {})

    assert after is before is not None
    assert len(sent) == 0


@with_people
async def test_delete_is_one_statement_and_tells_whether_there_was_such_a_row(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    await session.get(Tag, 1)
    with watch(engine) as sent:
        answers = [await TagRepository(session).delete(1), await TagRepository(session).delete(1)]

    assert (answers, len(sent)) == ([True, False], 2)
    assert await TagRepository(session).get(1) is None


@with_people
async def test_get_is_one_statement_and_none_for_an_object_already_loaded(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    repository = UserRepository(session)
    with watch(engine) as sent:
        first = await repository.get(1)
        again = await repository.get(1)

    assert first is again is not None
    assert len(sent) == 1


@with_people
async def test_every_reading_method_is_one_statement(engine: AsyncEngine, session: AsyncSession) -> None:
    users = UserRepository(session)
    reads = (
        users.get_multi,
        users.get_active_users,
        users.count,
        users.exists,
        lambda: users.get_by_email("MIRA@example.org"),
        lambda: users.get_by_username("mira"),
        lambda: AccountRepository(session).lock(1, 2),
    )
    for read in reads:
        with watch(engine) as sent:
            assert await read()
        assert len(sent) == 1


@with_people
async def test_a_user_is_found_by_address_and_name_in_any_case_or_is_none(session: AsyncSession) -> None:
    users = UserRepository(session)

    assert getattr(await users.get_by_email("Mira@Example.ORG"), "id", None) == 1
    assert getattr(await users.get_by_username("MIRA"), "id", None) == 1
    assert (await users.get_by_email("nobody@x.org"), await users.get_by_username("nobody")) == (None, None)


@with_people
async def test_a_listing_has_the_order_of_its_keys_also_after_updates(session: AsyncSession) -> None:
    users = UserRepository(session)
    await users.update(3, {"is_active": True})

    walked = [user.id for skip in range(0, 8, 3) for user in await users.get_multi(skip=skip, limit=3)]
    assert walked == list(range(1, 9))


@with_people
async def test_a_listing_keeps_its_own_order_and_breaks_ties_by_key(session: AsyncSession) -> None:
    posts = await PostRepository(session).get_multi(select(Post).order_by(Post.published.desc()), limit=1000)

    assert [post.id for post in posts] == [*range(1, 17), *range(17, 25)]


@with_people
async def test_a_listing_takes_an_alias_too(session: AsyncSession) -> None:
    reader = aliased(User)
    statement = select(reader).where(reader.username < "m")

    assert [user.username for user in await UserRepository(session).get_multi(statement)] == ["amara", "juno"]
    assert await UserRepository(session).count(statement) == 2


@with_people
async def test_a_statement_narrows_what_is_listed_counted_and_looked_for(session: AsyncSession) -> None:
    users, sleeping = UserRepository(session), select(User).where(~User.is_active).order_by(User.username)
    nobody = select(User).where(User.id < 0)

    assert [user.username for user in await users.get_multi(sleeping)] == ["sam"]
    assert (await users.count(sleeping), await users.count(), await users.count(nobody)) == (1, 8, 0)
    assert (await users.exists(sleeping), await users.exists(nobody)) == (True, False)


@with_people
async def test_active_users_leave_the_others_out(session: AsyncSession) -> None:
    users = UserRepository(session)

    assert [user.username for user in await users.get_active_users(skip=5, limit=9)] == ["olek", "priya"]


@with_people
async def test_a_limit_of_zero_finds_nothing(session: AsyncSession) -> None:
    assert await UserRepository(session).get_multi(limit=0) == []
    assert await UserRepository(session).get_multi(skip=2**31 - 1) == []


@pytest.mark.parametrize("bad", [-1, 2**31, 2**63, 10**20, True, "1", 1.5, None])
@pytest.mark.parametrize("name", ["skip", "limit"])
async def test_a_limit_out_of_range_is_refused_before_any_statement(name: str, bad: Any) -> None:
    with pytest.raises(OutOfRange) as caught:
        await UserRepository(UNBOUND).get_multi(**{name: bad})

    assert (caught.value.name, caught.value.value) == (name, bad)


async def test_a_limit_is_at_most_a_thousand() -> None:
    with pytest.raises(OutOfRange, match="limit is 1001; it must be a whole number from 0 to 1000"):
        await UserRepository(UNBOUND).get_multi(limit=1001)


@with_people
@pytest.mark.parametrize("key", NO_ROW)
async def test_a_number_that_no_row_has_finds_nothing(session: AsyncSession, key: int) -> None:
    tags = TagRepository(session)

    assert (await tags.get(key), await tags.update(key, {"name": "x"}), await tags.update(key, {})) == (
        None,
    ) * 3
    assert await tags.delete(key) is False
    assert await AccountRepository(session).lock(key) == {}


@pytest.mark.parametrize("key", NO_KEY)
async def test_a_key_that_is_no_whole_number_is_refused_before_any_statement(key: Any) -> None:
    tags = TagRepository(UNBOUND)

    for call in (tags.get(key), tags.delete(key), tags.update(key, {"name": "x"}), tags.update(key, {})):
        with pytest.raises(OutOfRange, match=f"id is .*; it must be a whole number from 1 to {MAX_ID}"):
            await call


WRONG_FIELDS: list[tuple[dict[str, Any], type[CourseError], list[str]]] = [
    ({"nickname": "e"}, UnknownField, ["nickname"]),
    ({"nickname": "e", "age": 3, "id": 7}, UnknownField, ["age", "nickname"]),
    ({"posts": []}, UnknownField, ["posts"]),
    ({"balance": 5}, UnknownField, ["balance"]),
    ({"__class__": Tag}, UnknownField, ["__class__"]),
    ({"id": 7}, ProtectedField, ["id"]),
    ({"is_admin": True, "id": 7}, ProtectedField, ["id", "is_admin"]),
    ({"created_at": datetime.now(UTC)}, ProtectedField, ["created_at"]),
    ({"updated_at": None}, ProtectedField, ["updated_at"]),
]


@pytest.mark.parametrize(("fields", "error", "named"), WRONG_FIELDS)
async def test_a_field_that_is_unknown_or_protected_is_named_before_any_statement(
    fields: dict[str, Any], error: type[UnknownField | ProtectedField], named: list[str]
) -> None:
    users = UserRepository(UNBOUND)
    wrong = EVE | fields

    for call in (users.create(wrong), users.create_many([EVE, wrong]), users.update(1, fields)):
        with pytest.raises(error) as caught:
            await call
        assert (vars(caught.value)["thing"], vars(caught.value)["fields"]) == ("User", named)


async def test_an_unknown_field_is_answered_with_the_fields_there_are() -> None:
    with pytest.raises(UnknownField, match=r"Tag has no field label; it has name$"):
        await TagRepository(UNBOUND).create({"label": "x"})


async def test_a_time_that_the_model_does_not_have_is_unknown_and_not_protected() -> None:
    with pytest.raises(UnknownField, match="Tag has no field created_at"):
        await TagRepository(UNBOUND).create({"created_at": datetime.now(UTC)})


async def test_nobody_sets_a_balance(session: AsyncSession) -> None:
    with pytest.raises(ProtectedField, match="balance of Account"):
        await AccountRepository(UNBOUND).create({"owner_id": 1, "balance": 100})


async def test_nothing_is_committed(engine: AsyncEngine, session: AsyncSession) -> None:
    with watch(engine) as sent:
        await TagRepository(session).get_or_create("x")
        await TagRepository(session).create({"name": "y"})
        await TagRepository(session).create_many([{"name": "z"}])
        await TagRepository(session).update(1, {"name": "a"})
        await TagRepository(session).delete(1)

    assert sent.transactions == 1
    assert "COMMIT" not in [statement.text for statement in sent.everything]


async def test_a_text_with_a_nul_is_refused_by_postgresql_alone(session: AsyncSession) -> None:
    made = TagRepository(session).create({"name": "a\0b"})
    if session.get_bind().dialect.name == "sqlite":
        assert (await made).name == "a\0b"
    else:
        with pytest.raises(DBAPIError, match="0x00"):
            await made


@with_people
async def test_published_posts_come_with_author_and_tags_and_without_drafts(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    posts = PostRepository(session)
    with watch(engine) as sent:
        found = await posts.get_multi(posts.published())

    assert (len(found), len(sent)) == (16, 2)
    assert all(post.author.username and post.tags for post in found)


@with_people
async def test_a_tag_is_added_once_however_often_it_is_added(session: AsyncSession) -> None:
    post, tag = (
        await PostRepository(session).create({"title": "x", "content": "", "author_id": 1}),
        Tag(name="new"),
    )
    session.add(tag)
    await session.flush()
    for _ in range(3):
        await PostRepository(session).add_tag(post, tag)

    links = select(func.count()).select_from(post_tags).where(post_tags.c.tag_id == tag.id)
    assert await session.scalar(links) == 1


@with_people
async def test_ten_who_tag_one_post_at_once_leave_one_link(engine: AsyncEngine) -> None:
    async def tag_it() -> int:
        async with create_session_factory(engine).begin() as session:
            tag = await TagRepository(session).get_or_create("brand new")
            await PostRepository(session).add_tag(Post(id=1), tag)
            return tag.id

    keys = await asyncio.gather(*[tag_it() for _ in range(10)])
    async with create_session_factory(engine)() as session:
        links = select(func.count()).select_from(post_tags).where(post_tags.c.tag_id == keys[0])
        assert (len(set(keys)), await session.scalar(links)) == (1, 1)


async def test_a_tag_is_got_or_created_in_two_statements(engine: AsyncEngine, session: AsyncSession) -> None:
    tags = TagRepository(session)
    with watch(engine) as sent:
        first, second = await tags.get_or_create("x"), await tags.get_or_create("x")

    assert first is second
    assert len(sent) == 4


@with_people
async def test_a_lock_reads_the_accounts_anew(
    session: AsyncSession, sessions: async_sessionmaker[AsyncSession]
) -> None:
    accounts = AccountRepository(session)
    stale = await accounts.get(1)
    await session.commit()
    async with sessions.begin() as other:
        await other.execute(text("UPDATE accounts SET balance = 5 WHERE id = 1"))

    locked = await accounts.lock(2, 1, 999)
    assert list(locked) == [1, 2]
    assert (locked[1] is stale, locked[1].balance) == (True, 5)


@with_people
async def test_a_lock_lets_others_add_rows_that_point_to_the_account(
    session: AsyncSession, sessions: async_sessionmaker[AsyncSession]
) -> None:
    if session.get_bind().dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    await AccountRepository(session).lock(1, 2)
    async with sessions() as other:
        await other.execute(text("SET LOCAL lock_timeout = '1ms'"))
        await other.execute(
            text("INSERT INTO transfers (from_account_id, to_account_id, amount) VALUES (1, 2, 5)")
        )
        with pytest.raises(DBAPIError, match="lock timeout"):
            await other.execute(text("UPDATE accounts SET balance = 0 WHERE id = 1"))


@with_people
async def test_a_tag_deleted_between_the_two_statements_is_missed(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def delete_it(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO tags"):
            connection.execute(text("DELETE FROM tags WHERE name = 'gone'"))

    with pytest.raises(NoResultFound):
        await TagRepository(session).get_or_create("gone")


async def test_a_tag_younger_than_the_view_of_a_transaction_is_a_conflict(
    session: AsyncSession, sessions: async_sessionmaker[AsyncSession]
) -> None:
    if session.get_bind().dialect.name == "postgresql":
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    await session.execute(select(Tag))
    async with sessions.begin() as other:
        await TagRepository(other).get_or_create("new")

    with pytest.raises(DBAPIError) as caught:
        await TagRepository(session).get_or_create("new")
    assert is_conflict(caught.value)


async def test_a_tag_that_is_there_uses_up_an_id(session: AsyncSession) -> None:
    tags = TagRepository(session)
    keys = [(await tags.get_or_create(name)).id for name in ("x", "x", "x", "y")]

    assert keys == [1, 1, 1, 4]


async def lock_in_turn(
    sessions: async_sessionmaker[AsyncSession], *calls: tuple[int, ...], everybody: asyncio.Barrier
) -> None:
    async with sessions() as session:
        if session.get_bind().dialect.name == "postgresql":
            await session.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
        for keys in calls:
            await AccountRepository(session).lock(*keys)
            await asyncio.wait_for(everybody.wait(), 30) if len(calls) > 1 and keys == calls[0] else None


@with_people
async def test_transactions_that_lock_once_never_wait_in_a_circle(
    sessions: async_sessionmaker[AsyncSession],
) -> None:
    alone = asyncio.Barrier(1)
    ways = [(1, 2, 3), (3, 2, 1), (2, 3, 1), (3, 1, 2)] * 5

    await asyncio.gather(*[lock_in_turn(sessions, keys, everybody=alone) for keys in ways])


@with_people
async def test_transactions_that_lock_twice_can_wait_in_a_circle(
    sessions: async_sessionmaker[AsyncSession],
) -> None:
    both = asyncio.Barrier(2)
    turns = [lock_in_turn(sessions, (a,), (b,), everybody=both) for a, b in [(1, 2), (2, 1)]]
    outcomes = await asyncio.gather(*turns, return_exceptions=True)

    conflicts = [isinstance(outcome, DBAPIError) and is_conflict(outcome) for outcome in outcomes]
    assert sum(conflicts) == (1 if sessions.kw["bind"].dialect.name == "postgresql" else 0)


# Models of other people


class Other(DeclarativeBase):
    """Models that are not the course's; their tables live in a transaction that nobody commits."""


class Parcel(Other):
    __tablename__ = "parcels"
    number: Mapped[int] = mapped_column(
        "parcel_no", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True
    )
    label: Mapped[str]
    letters: Mapped[int] = mapped_column(Computed("length(label)"))
    slips: Mapped[list["Slip"]] = relationship()


Parcel.shout = column_property(func.upper(Parcel.label))


class Slip(Other):
    __tablename__ = "slips"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    parcel_no: Mapped[int] = mapped_column(ForeignKey(Parcel.number))


class Crate(Other):
    __tablename__ = "crates"
    id: Mapped[int] = mapped_column(Integer().with_variant(BigInteger(), "postgresql"), primary_key=True)


class Pair(Other):
    __tablename__ = "pairs"
    a: Mapped[int] = mapped_column(primary_key=True)
    b: Mapped[int] = mapped_column(primary_key=True)


class Word(Other):
    __tablename__ = "words"
    word: Mapped[str] = mapped_column(primary_key=True)


class Vehicle(Other):
    __tablename__ = "vehicles"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]


class Tram(Vehicle):
    __tablename__ = "trams"
    __mapper_args__ = {"polymorphic_identity": "tram"}
    id: Mapped[int] = mapped_column(ForeignKey(Vehicle.id), primary_key=True)


class Ferry(Vehicle):
    __mapper_args__ = {"polymorphic_identity": "ferry"}


class Letter(Other):
    __tablename__ = "letters"
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class ParcelRepository(BaseRepository[Parcel]):
    model = Parcel


class SlipRepository(BaseRepository[Slip]):
    model = Slip


class CrateRepository(BaseRepository[Crate]):
    model = Crate


@pytest.fixture
async def others(session: AsyncSession) -> AsyncSession:
    connection = await session.connection()
    await connection.run_sync(Other.metadata.create_all)
    return session


REFUSED: list[tuple[Any, str]] = [
    (Pair, "Pair has a key of several columns"),
    (Word, "Word has a key that is no Integer, SmallInteger or BigInteger"),
    (Tram, "Tram shares its rows with other models"),
    (Ferry, "Ferry shares its rows with other models"),
    (Vehicle, "Vehicle shares its rows with other models"),
    (Letter, "Letter counts the versions of its rows"),
    (aliased(User), "is no model with a table of its own"),
    (post_tags, "is no model with a table of its own"),
    (dict, "dict is no model with a table of its own"),
]


@pytest.mark.parametrize(("model", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_a_model_that_cannot_be_served_is_refused_where_the_class_is_written(model: Any, reason: str) -> None:
    with pytest.raises(ModelRefused, match=reason):
        type("Repository", (BaseRepository,), {"model": model})


def test_a_repository_can_be_written_before_the_models_that_its_model_points_to() -> None:
    class Apart(DeclarativeBase): ...

    class Early(Apart):
        __tablename__ = "early"
        id: Mapped[int] = mapped_column(primary_key=True)
        later: Mapped[list["Later"]] = relationship()  # type: ignore[name-defined]  # noqa: F821

    assert type("Repository", (BaseRepository,), {"model": Early})


def test_a_class_between_needs_no_model() -> None:
    class Between(BaseRepository[Any]): ...

    class Below(Between):
        model = Parcel
        protected = Between.protected | {"label"}

    assert Below.protected == {"created_at", "updated_at", "label", "number"}


async def test_a_key_of_any_name_and_size_is_served_by_every_method(others: AsyncSession) -> None:
    parcels, big = ParcelRepository(others), 2**40
    others.add(Parcel(number=big, label="old"))
    changed = await parcels.update(big, {"label": "new"})
    made = await parcels.create({"label": "one"})
    several = await parcels.create_many([{"label": "two"}, {"label": "three"}])

    assert (changed and changed.label, await parcels.get(big) is changed) == ("new", True)
    numbers = [parcel.number for parcel in await parcels.get_multi()]
    assert numbers == sorted([big, made.number, *[parcel.number for parcel in several]])
    assert (await parcels.delete(big), await parcels.delete(big), await parcels.get(big)) == (
        True,
        False,
        None,
    )
    assert (await parcels.count(), await parcels.exists()) == (3, True)


@pytest.mark.parametrize("key", [0, -1, -(2**40), 2**63 - 1])
async def test_every_whole_number_that_the_column_holds_can_be_a_key(others: AsyncSession, key: int) -> None:
    await others.execute(insert(Parcel), {"number": key, "label": "x"})

    found = await ParcelRepository(others).get(key)
    assert found is not None
    assert found.number == key


async def test_a_type_that_is_wider_on_one_database_is_served_as_wide_as_it_is(others: AsyncSession) -> None:
    await others.execute(insert(Crate), {"id": 2**40})

    assert getattr(await CrateRepository(others).get(2**40), "id", None) == 2**40


@pytest.mark.parametrize("key", [2**15, 2**31, 2**63, -(2**63) - 1, pytest.param(10**5000, id="10**5000")])
async def test_a_number_that_the_column_cannot_hold_finds_nothing(others: AsyncSession, key: int) -> None:
    slips = SlipRepository(others)

    assert (await slips.get(key), await slips.update(key, {"parcel_no": 1}), await slips.delete(key)) == (
        None,
        None,
        False,
    )


class Int64:
    """A whole number that is no int, such as numpy's."""

    def __index__(self) -> int:
        return 1


@with_people
async def test_a_whole_number_of_another_type_is_a_key_too(session: AsyncSession) -> None:
    tags, one = TagRepository(session), cast(int, Int64())

    assert getattr(await tags.get(one), "id", None) == 1
    assert getattr(await tags.update(one, {"name": "x"}), "name", None) == "x"
    assert list(await AccountRepository(session).lock(one)) == [1]
    assert await tags.delete(one) is True


@pytest.mark.parametrize("fields", [{"number": 7}, {"number": 7, "label": "x"}])
async def test_a_key_is_protected_under_its_own_name(fields: dict[str, Any]) -> None:
    parcels = ParcelRepository(UNBOUND)

    for call in (parcels.create(fields), parcels.create_many([fields]), parcels.update(1, fields)):
        with pytest.raises(ProtectedField, match="number of Parcel"):
            await call


@pytest.mark.parametrize("name", ["shout", "letters", "parcel_no", "slips"])
async def test_what_the_database_computes_is_no_field_to_set(name: str) -> None:
    with pytest.raises(UnknownField, match=rf"Parcel has no field {name}; it has label$"):
        await ParcelRepository(UNBOUND).create({name: "x"})


@with_people
@pytest.mark.parametrize("loaded", [True, False])
async def test_a_deleted_row_leaves_the_session_and_comes_back_with_a_rollback(
    session: AsyncSession, loaded: bool
) -> None:
    tags = TagRepository(session)
    row = await tags.get(1) if loaded else None
    async with session.begin_nested() as savepoint:
        assert await tags.delete(1)
        assert await tags.get(1) is None
        await savepoint.rollback()

    again = await tags.get(1)
    assert again is not None
    assert again is row or not loaded


async def test_a_row_that_was_not_flushed_yet_is_deleted_too(session: AsyncSession) -> None:
    session.add(tag := Tag(id=5, name="x"))
    assert await TagRepository(session).delete(5)

    assert tag not in session
    assert await TagRepository(session).get(5) is None


@with_people
async def test_what_an_option_loads_is_a_statement_more(engine: AsyncEngine, session: AsyncSession) -> None:
    with watch(engine) as sent:
        await UserRepository(session).get_multi(select(User).options(selectinload(User.posts)))

    assert len(sent) == 2
