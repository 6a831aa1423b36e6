"""Passwords are kept as Argon2 hashes, made in a thread: that is slow on purpose, and
the event loop must not wait.

Each takes 64 MiB while it is made, and asyncio's pool of threads bounds how many are
made at once."""

import asyncio

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

ARGON2 = PasswordHash((Argon2Hasher(),))


async def hash_password(password: str) -> str:
    return await asyncio.to_thread(ARGON2.hash, password)


async def verify_password(password: str, hashed_password: str) -> bool:
    return await asyncio.to_thread(ARGON2.verify, password, hashed_password)
