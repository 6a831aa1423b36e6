"""Where the rules live, without a word of HTTP; a service never commits, because
whoever opened the session does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.access import log_out_everywhere
from course_lib.db import violated_constraint
from course_lib.errors import AlreadyExists, InUse, NotFound
from course_lib.models import Post, Transfer, User
from course_lib.pagination import CursorPage, Keyset, PaginatedResponse, get_paginated
from course_lib.repositories import PostRepository, UserRepository
from course_lib.schemas import TransferCreate, UserCreate, UserUpdate
from course_lib.security import hash_password
from course_lib.transactions import transfer_funds


class UserService:
    """Every method that takes an id raises NotFound for one that no user has."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.repository = UserRepository(session)

    async def get_user(self, user_id: int) -> User:
        return _found(await self.repository.get(user_id), user_id)

    async def get_user_by_email(self, email: str) -> User:
        return _found(await self.repository.get_by_email(email), email)

    async def get_user_by_username(self, username: str) -> User:
        return _found(await self.repository.get_by_username(username), username)

    async def get_users(
        self, *, page: int = 1, per_page: int = 20
    ) -> PaginatedResponse[User]:
        return await get_paginated(
            self.session, select(User), page=page, per_page=per_page
        )

    async def create_user(self, wanted: UserCreate) -> User:
        """Raises AlreadyExists, which names the field."""
        fields = await _columns(wanted)
        async with self._unique(fields):
            return await self.repository.create(fields)

    async def update_user(
        self, user_id: int, wanted: UserUpdate, *, token: str | None = None
    ) -> User:
        """Changes the fields that were sent, and no others. Raises AlreadyExists. A new
        password ends the user's logins but that of `token`; so does `is_active`."""
        fields = await _columns(wanted)
        async with self._unique(fields):
            user = _found(await self.repository.update(user_id, fields), user_id)
        if fields.keys() & {"hashed_password", "is_active"}:
            await log_out_everywhere(self.session, user_id, but=token)
        return user

    async def delete_user(self, user_id: int) -> None:
        """Deletes the user's posts too. Raises InUse while they hold an account."""
        try:
            async with self.session.begin_nested():
                found = await self.repository.delete(user_id)
        except IntegrityError as error:
            raise InUse("User", user_id) from error
        if not found:
            raise NotFound("User", user_id)

    @asynccontextmanager
    async def _unique(self, fields: dict[str, object]) -> AsyncIterator[None]:
        """Try it and see: to look first and write then leaves a moment in which
        somebody else takes the name.

        The savepoint keeps the caller's transaction usable after a collision."""
        try:
            async with self.session.begin_nested():
                yield
        except IntegrityError as error:
            for field in ("email", "username"):
                if violated_constraint(error) == f"uq_users_{field}":
                    raise AlreadyExists("User", field, fields[field]) from error
            raise


def feed(secret: str) -> Keyset[Post]:
    """Published posts, the newest first, with author and tags. Made once for an
    application."""
    return Keyset(
        PostRepository.published(),
        Post.created_at.desc(),
        Post.id.desc(),
        secret=secret,
    )


class PostService:
    def __init__(self, session: AsyncSession, *, feed: Keyset[Post]) -> None:
        self.session, self.feed = session, feed

    async def get_feed(
        self, *, limit: int = 20, cursor: str | None = None
    ) -> CursorPage[Post]:
        """A page of the feed. Raises OutOfRange, InvalidCursor."""
        return await self.feed.get_page(self.session, limit=limit, cursor=cursor)


class TransferService:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def transfer(
        self, wanted: TransferCreate, *, key: str | None = None, by: int | None = None
    ) -> Transfer:
        """`by` is the user who pays. Raises what `transfer_funds` raises."""
        terms = wanted.model_dump() | {"key": key, "owner_id": by}
        return await transfer_funds(self.session, **terms)


def _found(user: User | None, key: object) -> User:
    if user is None:
        raise NotFound("User", key)
    return user


async def _columns(wanted: UserCreate | UserUpdate) -> dict[str, object]:
    """The fields that were sent, with a hash in the password's place; made before the
    first statement takes a lock."""
    fields = wanted.model_dump(exclude_unset=True, exclude={"password"})
    if "password" in wanted.model_fields_set:
        fields["hashed_password"] = await hash_password(
            wanted.password.get_secret_value()
        )
    return fields
