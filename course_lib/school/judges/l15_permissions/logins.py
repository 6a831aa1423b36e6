"""Logins as they stand in the table, and people whose passwords the check knows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import insert, select, update

from course_lib.models import LoginToken, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.stages.cheap_hashes import CHEAP

WEAK = Argon2Hasher(time_cost=1, memory_cost=16, parallelism=1)
"""A way to hash that the library would not choose, in the block of a judge or outside."""


def hash_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()


async def give_password(attempt: Attempt, username: str, password: str, *, weak: bool = False) -> None:
    hashed = WEAK.hash(password) if weak else CHEAP.hash(password)
    await attempt.change(update(User).where(User.username == username).values(hashed_password=hashed))


async def give_logins(attempt: Attempt, user: int, *tokens: str, days: int = 3) -> None:
    until = datetime.now(UTC) + timedelta(days=days)
    rows = [{"user_id": user, "token_hash": hash_of(each), "expires_at": until} for each in tokens]
    await attempt.change(insert(LoginToken).values(rows))


async def logins_of(attempt: Attempt, user: int) -> Sequence[Any]:
    """What is committed, the oldest first: each hash, and until when it lasts."""
    mine = select(LoginToken.token_hash, LoginToken.expires_at).where(LoginToken.user_id == user)
    return await attempt.rows(mine.order_by(LoginToken.id))


async def stored_hash(attempt: Attempt, user: int) -> str:
    return str(await attempt.scalar(select(User.hashed_password).where(User.id == user)))
