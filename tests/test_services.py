"""The rules: a collision names its field, and a service never commits."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.errors import AlreadyExists, InUse, InvalidCursor, NotFound, OutOfRange
from course_lib.lab.people import PASSWORD
from course_lib.lab.sql import watch
from course_lib.models import Account, Post, Transfer, User
from course_lib.schemas import TransferCreate, UserCreate, UserUpdate
from course_lib.security import verify_password
from course_lib.services import PostService, TransferService, UserService, feed
from course_lib.transactions import unit_of_work

Sessions = async_sessionmaker[AsyncSession]

pytestmark = pytest.mark.usefixtures("people", "quick_hashes")


def sign_up(name: str = "eve", **fields: Any) -> UserCreate:
    return UserCreate.model_validate(
        {"email": f"{name}@example.org", "username": name, "password": "correct horse"} | fields
    )


def change(**fields: Any) -> UserUpdate:
    return UserUpdate.model_validate(fields)


async def test_a_new_user_has_a_hash_and_no_rights(session: AsyncSession) -> None:
    eve = await UserService(session).create_user(sign_up(email="Eve@Example.org"))

    assert (eve.id, eve.email, eve.is_active, eve.is_admin) == (9, "eve@example.org", True, False)
    assert await verify_password("correct horse", eve.hashed_password)
    assert eve.hashed_password not in repr(eve)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (sign_up("eve", email="mira@example.org"), "email"),
        (sign_up("eve", email="MIRA@example.org"), "email"),
        (sign_up("mira", email="eve@example.org"), "username"),
        (sign_up("Mira", email="eve@example.org"), "username"),
    ],
)
async def test_a_collision_on_sign_up_names_the_field_and_leaves_the_session_usable(
    session: AsyncSession, wanted: UserCreate, field: str
) -> None:
    users = UserService(session)
    with pytest.raises(AlreadyExists) as caught:
        await users.create_user(wanted)

    assert (caught.value.thing, caught.value.field) == ("User", field)
    assert caught.value.value == wanted.model_dump()[field]
    assert (await users.create_user(sign_up("eve2"))).username == "eve2"


@pytest.mark.parametrize(
    ("wanted", "field"), [(change(email="Mira@example.org"), "email"), (change(username="Mira"), "username")]
)
async def test_a_collision_on_update_names_the_field_and_leaves_the_session_usable(
    session: AsyncSession, wanted: UserUpdate, field: str
) -> None:
    users = UserService(session)
    with pytest.raises(AlreadyExists) as caught:
        await users.update_user(2, wanted)

    assert caught.value.field == field
    assert (await users.get_user(2)).username == "tomas"


async def test_what_was_done_before_a_collision_is_kept(sessions: Sessions) -> None:
    async with unit_of_work(sessions) as session:
        await UserService(session).create_user(sign_up("eve"))
        with pytest.raises(AlreadyExists):
            await UserService(session).create_user(sign_up("eve", email="other@example.org"))

    async with sessions() as other:
        assert (await UserService(other).get_user_by_username("eve")).email == "eve@example.org"


async def test_of_ten_who_sign_up_at_once_one_wins_and_nine_are_told_why(sessions: Sessions) -> None:
    async def one() -> str:
        async with unit_of_work(sessions) as session:
            await UserService(session).create_user(sign_up())
        return "welcome"

    outcomes = await asyncio.gather(*[one() for _ in range(10)], return_exceptions=True)
    assert outcomes.count("welcome") == 1
    assert sum(isinstance(each, AlreadyExists) for each in outcomes) == 9


async def test_an_update_changes_what_was_sent_and_nothing_else(session: AsyncSession) -> None:
    mira = await UserService(session).update_user(1, change(username="mira2", is_active=False))

    assert (mira.username, mira.is_active, mira.email) == ("mira2", False, "mira@example.org")
    assert await verify_password(PASSWORD, mira.hashed_password)


async def test_an_update_of_a_password_keeps_a_hash(session: AsyncSession) -> None:
    mira = await UserService(session).update_user(1, change(password="another horse"))

    assert await verify_password("another horse", mira.hashed_password)


async def test_an_update_to_the_same_values_collides_with_nobody(session: AsyncSession) -> None:
    mira = await UserService(session).update_user(1, change(email="MIRA@example.org", username="mira"))

    assert mira.id == 1


async def test_an_update_of_nothing_gives_the_user_as_it_is(session: AsyncSession) -> None:
    mira = await UserService(session).update_user(1, change())

    assert mira.updated_at == mira.created_at


async def test_a_user_is_found_by_id_address_and_name(session: AsyncSession) -> None:
    users = UserService(session)
    found = [
        await users.get_user(1),
        await users.get_user_by_email("Mira@example.org"),
        await users.get_user_by_username("mira"),
    ]

    assert [user.id for user in found] == [1, 1, 1]


async def test_a_user_whom_nobody_knows_is_named(session: AsyncSession) -> None:
    users = UserService(session)
    missing: list[tuple[Awaitable[Any], object]] = [
        (users.get_user(999), 999),
        (users.get_user(2**63), 2**63),
        (users.update_user(0, change(username="x")), 0),
        (users.update_user(999, change()), 999),
        (users.delete_user(-1), -1),
        (users.get_user_by_email("no@x.org"), "no@x.org"),
        (users.get_user_by_username("no"), "no"),
    ]
    for asked, key in missing:
        with pytest.raises(NotFound) as caught:
            await asked
        assert (caught.value.thing, caught.value.key) == ("User", key)


async def test_a_deleted_user_takes_the_posts_along(session: AsyncSession) -> None:
    await session.execute(delete(Account).where(Account.owner_id == 1))
    await UserService(session).delete_user(1)

    assert await session.scalar(select(func.count()).where(Post.author_id == 1)) == 0
    assert await session.get(User, 1) is None


async def test_a_user_with_an_account_stays_and_the_session_is_usable(session: AsyncSession) -> None:
    with pytest.raises(InUse, match="User 1 is still in use"):
        await UserService(session).delete_user(1)

    assert (await UserService(session).get_user(1)).username == "mira"


async def test_users_are_listed_by_page(session: AsyncSession) -> None:
    found = await UserService(session).get_users(page=2, per_page=3)

    assert ([user.id for user in found.items], found.total, found.pages) == ([4, 5, 6], 8, 3)
    with pytest.raises(OutOfRange, match="per_page"):
        await UserService(session).get_users(per_page=101)


async def test_the_feed_is_walked_by_cursor_with_the_newest_first(session: AsyncSession) -> None:
    service = PostService(session, feed=feed("s"))
    page = await service.get_feed(limit=9)
    rest = await service.get_feed(limit=9, cursor=page.next_cursor)

    posts = [*page.items, *rest.items]
    assert [post.id for post in posts] == list(range(16, 0, -1))
    assert all(post.published and post.author.username and post.tags for post in posts)
    assert rest.next_cursor is None


async def test_a_cursor_that_another_secret_signed_is_refused(session: AsyncSession) -> None:
    page = await PostService(session, feed=feed("s")).get_feed(limit=1)

    with pytest.raises(InvalidCursor):
        await PostService(session, feed=feed("t")).get_feed(cursor=page.next_cursor)


async def test_a_transfer_is_what_was_asked_for(session: AsyncSession) -> None:
    wanted = TransferCreate(from_account_id=1, to_account_id=2, amount=5)
    first, again = [await TransferService(session).transfer(wanted, key="k") for _ in range(2)]

    assert (first.from_account_id, first.to_account_id, first.amount) == (1, 2, 5)
    assert again.id == first.id


async def test_a_service_inside_a_transaction_commits_nothing(
    engine: AsyncEngine, session: AsyncSession, sessions: Sessions
) -> None:
    with watch(engine) as sent:
        async with session.begin() as transaction:
            await UserService(session).create_user(sign_up())
            await UserService(session).update_user(2, change(username="tomas2"))
            await TransferService(session).transfer(
                TransferCreate(from_account_id=1, to_account_id=2, amount=5)
            )
            await session.execute(delete(Account).where(Account.owner_id == 8))
            await UserService(session).delete_user(8)
            await transaction.rollback()

    assert "COMMIT" not in [statement.text for statement in sent.everything]
    async with sessions() as other:
        counts = [await other.scalar(select(func.count()).select_from(model)) for model in (User, Transfer)]
    assert counts == [8, 0]


async def test_another_violated_rule_is_not_called_a_collision(session: AsyncSession) -> None:
    unchecked = UserCreate.model_construct(**dict(sign_up()) | {"username": "x" * 60})

    with pytest.raises(DBAPIError, match=r"username_length|too long"):
        await UserService(session).create_user(unchecked)
