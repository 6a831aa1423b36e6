"""Passwords are kept as Argon2 hashes, made in a thread: that is slow on purpose, and
the event loop must not wait.

Each takes 64 MiB while it is made, and asyncio's pool of threads bounds how many are
made at once."""

import asyncio

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

ARGON2 = PasswordHash((Argon2Hasher(),))

NOBODYS_HASH = f"$argon2id$v=19$m=65536,t=3,p=4${'A' * 22}${'A' * 43}"
"""Costs as much to check as a hash of today, and fits no password that anybody knows.
"""


async def hash_password(password: str) -> str:
    return await asyncio.to_thread(ARGON2.hash, password)


async def verify_password(password: str, hashed_password: str) -> bool:
    return await asyncio.to_thread(ARGON2.verify, password, hashed_password)


async def verify_and_renew(password: str, known: str | None) -> tuple[bool, str | None]:
    """Whether it fits, and a better hash where `known` is weaker than what is made
    today.

    One check also where nobody has a hash (None): an unknown user must not be answered
    sooner. Source: OWASP, Authentication Cheat Sheet, "Authentication Responses"."""
    hashed = known or NOBODYS_HASH
    return await asyncio.to_thread(ARGON2.verify_and_update, password, hashed)
