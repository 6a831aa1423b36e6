"""What the database itself refuses, keeps and fills in, the same on both databases."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Insert, delete, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from course_lib.db import Base, violated_constraint
from course_lib.lab.sql import watch
from course_lib.models import MAX_ID, Account, Post, Tag, Transfer, User, post_tags

RELATIONSHIPS = [
    (mapper.class_, relationship.key)
    for mapper in sorted(Base.registry.mappers, key=str)
    for relationship in mapper.relationships
]
CAPITALS = "MIRA@EXAMPLE.ORG"
EVE = {"email": "eve@example.org", "username": "eve", "hashed_password": "hash"}
REFUSED = {
    "a username of 51 letters": insert(User).values(EVE | {"username": "x" * 51}),
    "an e-mail of 256 letters": insert(User).values(EVE | {"email": "x" * 256}),
    "no e-mail": insert(User).values(EVE | {"email": None}),
    "a taken username": insert(User).values(EVE | {"username": "mira"}),
    "a taken e-mail": insert(User).values(EVE | {"email": CAPITALS}),
    "a title of 201 letters": insert(Post).values(title="x" * 201, content="", author_id=1),
    "a post by nobody": insert(Post).values(title="x", content="", author_id=999),
    "a tag of 51 letters": insert(Tag).values(name="x" * 51),
    "a taken tag": insert(Tag).values(name="bread"),
    "a debt": insert(Account).values(owner_id=1, balance=-1),
    "a transfer of nothing": insert(Transfer).values(from_account_id=1, to_account_id=2, amount=0),
    "a transfer to itself": insert(Transfer).values(from_account_id=1, to_account_id=1, amount=1),
    "a transfer from nowhere": insert(Transfer).values(from_account_id=999, to_account_id=1, amount=1),
    "a key of 65 letters": insert(Transfer).values(
        from_account_id=1, to_account_id=2, amount=1, idempotency_key="x" * 65
    ),
    "a link to no post": insert(post_tags).values(post_id=999, tag_id=1),
    "half a link": insert(post_tags).values(post_id=1, tag_id=None),
}

pytestmark = pytest.mark.usefixtures("people")


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
async def test_the_database_refuses(session: AsyncSession, statement: Insert) -> None:
    with pytest.raises(DBAPIError):
        await session.execute(statement)


async def test_too_long_is_refused_by_a_check_and_not_by_a_type_alone(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        checks = await connection.run_sync(lambda sync: inspect(sync).get_check_constraints("users"))

    assert {check["name"] for check in checks} == {
        "ck_users_email_length",
        "ck_users_username_length",
        "ck_users_email_lower_case",
        "ck_users_username_lower_case",
    }


@pytest.mark.parametrize(("model", "name"), RELATIONSHIPS)
async def test_a_relationship_that_was_not_asked_for_raises(
    session: AsyncSession, model: type[Base], name: str
) -> None:
    row = (await session.scalars(select(model).limit(1))).first()
    assert row is not None

    with pytest.raises(InvalidRequestError, match="lazy='raise'"):
        getattr(row, name)


async def test_an_object_shows_itself_without_asking_the_database(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    mira = await session.get_one(User, 1)
    session.expire(mira)

    with watch(engine) as sent:
        assert (repr(mira), repr(Tag(name="new"))) == ("<User 1>", "<Tag (not saved)>")
    assert len(sent) == 0


async def test_a_user_shows_no_hash(session: AsyncSession) -> None:
    assert "argon2" not in repr(await session.get_one(User, 1))


async def test_a_second_user_with_the_same_address_in_capitals_is_refused_by_a_flush(
    session: AsyncSession,
) -> None:
    session.add(User(**EVE | {"email": CAPITALS}))

    with pytest.raises(IntegrityError, match="email"):
        await session.flush()


async def test_an_address_in_capitals_is_refused_from_an_update_in_bulk(session: AsyncSession) -> None:
    with pytest.raises(IntegrityError, match="email"):
        await session.execute(update(User).where(User.id == 2).values(email=CAPITALS))


@pytest.mark.parametrize("address", [CAPITALS, "Somebody.Else@example.org"])
async def test_an_address_with_capitals_is_refused_from_raw_sql(session: AsyncSession, address: str) -> None:
    with pytest.raises(IntegrityError, match="email"):
        await session.execute(text("UPDATE users SET email = :email WHERE id = 2"), {"email": address})


SPELLINGS = {
    "É": ("é", "É", "E\u0301", "e\u0301"),
    "ß": ("ß", "ẞ", "ss", "SS", "ſs"),
    "İ": ("İ", "i\u0307", "I\u0307"),
    "Σ": ("ΑΣ", "ας", "ασ", "Ας"),
    "full-width": ("Ｍｉｒａ2", "mira2", "MIRA２"),
    "ᾷ": ("ᾷ", "ᾷ".upper(), "ᾷ".title()),
    "Å": ("å", "Å", "\u212b", "A\u030a"),
    "ligatures": ("ﬁﬂ", "FIFL", "fifl"),
    "Cherokee": ("Ꭰ", "ꭰ"),
    "titles": ("ǆ", "ǅ", "Ǆ", "DŽ"),
}
"""Ways to type one name."""
TWO_WAYS = [
    pytest.param(one, other, id=name)
    for name, ways in SPELLINGS.items()
    for one, other in zip(ways, ways[::-1], strict=True)
]


@pytest.mark.parametrize(("one", "other"), TWO_WAYS)
async def test_an_address_is_found_again_in_every_spelling(
    session: AsyncSession, one: str, other: str
) -> None:
    session.add(User(**EVE | {"email": f"{one}@x.org"}))
    await session.flush()

    for typed in (one, other):
        assert await session.scalar(select(User.username).where(User.email == f"{typed}@x.org")) == "eve"
    with pytest.raises(IntegrityError, match="email"):
        await session.execute(insert(User).values(EVE | {"email": f"{other}@x.org", "username": "eve2"}))


@pytest.mark.parametrize("pose", ["Tomas", "TOMAS", "ｔｏｍａｓ"])
async def test_no_username_can_pose_as_another(session: AsyncSession, pose: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        await session.execute(insert(User).values(EVE | {"username": pose}))
    assert violated_constraint(caught.value) == "uq_users_username"


async def test_a_username_with_capitals_is_refused_from_raw_sql(session: AsyncSession) -> None:
    pose = "INSERT INTO users (email, username, hashed_password) VALUES ('t@x.org', 'Tomas', '?')"
    with pytest.raises(IntegrityError) as caught:
        await session.execute(text(pose))
    assert violated_constraint(caught.value) == "ck_users_username_lower_case"


async def test_an_update_in_plain_sql_leaves_the_time_of_the_last_change(session: AsyncSession) -> None:
    before = await session.scalar(select(User.updated_at).where(User.id == 1))
    await session.execute(text("UPDATE users SET is_active = false WHERE id = 1"))
    assert await session.scalar(select(User.updated_at).where(User.id == 1)) == before

    await session.execute(update(User).where(User.id == 1).values(is_active=True))
    after = await session.scalar(select(User.updated_at).where(User.id == 1))
    assert before is not None
    assert after is not None
    assert after > before


async def test_what_has_one_spelling_reads_as_the_database_holds_it_before_and_after_a_flush(
    session: AsyncSession,
) -> None:
    eve = User(**EVE | {"email": "Eve@Example.org", "username": "Eve"})
    before = eve.email, eve.username
    session.add(eve)
    await session.flush()

    assert before == (eve.email, eve.username) == ("eve@example.org", "eve")
    assert (await session.execute(select(User.email, User.username).where(User.id == eve.id))).one() == before


async def test_a_user_is_found_by_the_address_in_capitals(session: AsyncSession) -> None:
    assert await session.scalar(select(User.username).where(User.email == CAPITALS)) == "mira"
    assert await session.scalar(select(User.username).where(User.email.in_([CAPITALS]))) == "mira"


async def test_times_and_defaults_are_readable_after_an_insert_of_one_statement(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    session.add(eve := User(**EVE))
    with watch(engine) as sent:
        await session.flush()
        values = (eve.created_at.tzinfo, eve.updated_at == eve.created_at, eve.is_active, eve.is_admin)

    assert values == (UTC, True, True, False)
    assert len(sent) == 1


async def test_times_are_readable_after_an_update_of_one_statement(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    mira = await session.get_one(User, 1)
    mira.username = "mira2"
    with watch(engine) as sent:
        await session.flush()
        assert mira.updated_at > mira.created_at

    assert len(sent) == 1


async def test_a_row_that_was_written_by_sql_alone_has_every_default(session: AsyncSession) -> None:
    await session.execute(
        text("INSERT INTO users (email, username, hashed_password) VALUES ('e@x.org', 'e', 'h')")
    )

    eve = (await session.scalars(select(User).where(User.username == "e"))).one()
    assert (eve.is_active, eve.is_admin) == (True, False)
    assert abs((datetime.now(UTC) - eve.created_at).total_seconds()) < 60


async def test_the_id_of_a_deleted_row_is_never_given_again(session: AsyncSession) -> None:
    for name in ("first", "second"):
        session.add(tag := Tag(name=name))
        await session.flush()
        await session.execute(delete(Tag).where(Tag.id == tag.id))

    assert tag.id == 8


async def test_an_id_that_was_never_committed_may_be_given_again(session: AsyncSession) -> None:
    ids = []
    for name in ("first", "second"):
        session.add(tag := Tag(name=name))
        await session.flush()
        ids.append(tag.id)
        await session.rollback()

    assert ids == ([7, 7] if session.get_bind().dialect.name == "sqlite" else [7, 8])


async def test_a_user_takes_posts_and_their_tags_along_in_one_statement(
    engine: AsyncEngine, session: AsyncSession
) -> None:
    await session.execute(delete(Account))
    mira = await session.get_one(User, 1)
    with watch(engine) as sent:
        await session.delete(mira)
        await session.flush()

    assert len(sent) == 1
    posts = select(Post.id).where(Post.author_id == 1)
    links = select(post_tags.c.post_id).where(post_tags.c.post_id.not_in(select(Post.id)))
    assert [*await session.scalars(posts), *await session.scalars(links)] == []


@pytest.mark.parametrize("model", [Post, Tag])
async def test_links_go_with_either_end_in_one_statement(
    engine: AsyncEngine, session: AsyncSession, model: type[Post | Tag]
) -> None:
    row = await session.get_one(model, 1)
    with watch(engine) as sent:
        await session.delete(row)
        await session.flush()

    assert len(sent) == 1
    assert (
        await session.scalar(select(post_tags).where(post_tags.c[f"{model.__name__.lower()}_id"] == 1))
        is None
    )


async def test_nobody_deletes_a_user_who_holds_an_account(session: AsyncSession) -> None:
    mira = await session.get_one(User, 1)
    await session.delete(mira)

    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        await session.flush()


async def test_a_post_cannot_have_the_same_tag_twice(session: AsyncSession) -> None:
    await session.execute(delete(post_tags))
    await session.execute(insert(post_tags).values(post_id=1, tag_id=1))

    with pytest.raises(IntegrityError):
        await session.execute(insert(post_tags).values(post_id=1, tag_id=1))


async def test_the_largest_key_is_the_largest_that_the_column_takes(session: AsyncSession) -> None:
    await session.execute(insert(Tag).values(id=MAX_ID, name="last"))

    assert await session.scalar(select(Tag.name).where(Tag.id == MAX_ID)) == "last"
