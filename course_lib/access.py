"""Who is there, and may they: a password buys a token for some days, and every request
looks it up anew.

So a login ends when its row does, at once. OWASP's cheat sheets on Authentication,
Session Management and Authorization ask for more than is here: a limit on tries, a
second factor, proof of the address, the old password for a new one. Where you need
them, take a library or a provider."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.db import READ_ONLY, utc_now
from course_lib.errors import LoginRefused, NotAllowed, NotFound, NotLoggedIn
from course_lib.models import LoginToken, User
from course_lib.repositories import UserRepository
from course_lib.security import verify_and_renew
from course_lib.transactions import unit_of_work

LOGIN_LASTS = timedelta(days=7)


async def log_in(
    sessions: Callable[..., AsyncSession], email: str, password: str
) -> str:
    """A new token, which is kept nowhere; it is good for LOGIN_LASTS. Raises
    LoginRefused.

    Takes the session factory: no connection is lent while the password is checked, once
    for everybody. A user who was changed meanwhile is refused. Keeps a better hash."""
    async with sessions(execution_options=READ_ONLY) as session:
        user = await UserRepository(session).get_by_email(email)
    known = user.hashed_password if user else None
    fits, better = await verify_and_renew(password, known)
    if user is None or not fits:
        raise LoginRefused
    unchanged = select(User).where(User.id == user.id, User.hashed_password == known)
    # Locked, so that no change of the password misses the login made here.
    locked = unchanged.where(User.is_active).with_for_update(key_share=True)
    async with unit_of_work(sessions) as session:
        if (user := await session.scalar(locked)) is None:
            raise LoginRefused
        user.hashed_password = better or user.hashed_password
        token, end = secrets.token_urlsafe(32), datetime.now(UTC) + LOGIN_LASTS
        login = LoginToken(user_id=user.id, token_hash=_hash(token), expires_at=end)
        session.add(login)
    return token


async def user_of(session: AsyncSession, token: str) -> User:
    """Whoever logged in with it, if active still. One statement. Raises NotLoggedIn."""
    whose = select(User).join(LoginToken).where(LoginToken.token_hash == _hash(token))
    in_time = LoginToken.expires_at > utc_now()
    if (user := await session.scalar(whose.where(in_time, User.is_active))) is None:
        raise NotLoggedIn
    return user


async def log_out(session: AsyncSession, token: str) -> None:
    login = delete(LoginToken).where(LoginToken.token_hash == _hash(token))
    await session.execute(login)


async def log_out_everywhere(
    session: AsyncSession, user_id: int, *, but: str | None = None
) -> None:
    """Ends every login of this user, `but` the one with that token."""
    logins = delete(LoginToken).where(LoginToken.user_id == user_id)
    await session.execute(logins.where(LoginToken.token_hash != _hash(but or "")))


def own(me: User, user_id: int) -> int:
    """`user_id`, if it is mine, or I am an administrator. Raises NotFound: for all
    others it is as if nobody were there."""
    if not (user_id == me.id or me.is_admin):
        raise NotFound("User", user_id)
    return user_id


def administrator(me: User) -> User:
    """`me`. Raises NotAllowed."""
    if not me.is_admin:
        raise NotAllowed
    return me


def _hash(token: str) -> str:
    # Fast, as no password may be: a token of 32 random bytes cannot be guessed.
    return sha256(token.encode("utf-8", "replace")).hexdigest()
