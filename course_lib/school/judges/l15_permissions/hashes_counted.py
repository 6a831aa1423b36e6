"""Argon2 counted, never timed: how often it ran, in which thread, and which connections were held meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from pwdlib.hashers.argon2 import Argon2Hasher

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.stages.cheap_hashes import CHEAP, cheap_hashes


class Hashes:
    """What was seen since the last `begin`."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt, self.loop = attempt, threading.get_ident()
        self.begin()

    def begin(self) -> None:
        self.count, self.held, self.in_the_loop = 0, 0, False

    def note(self) -> None:
        self.count += 1
        self.held = max(self.held, self.attempt.left_open())
        self.in_the_loop |= threading.get_ident() == self.loop


@contextmanager
def hashes_counted(attempt: Attempt) -> Iterator[Hashes]:
    """Hashes cost next to nothing in the block, and each is counted: one that is made, and one that is checked."""
    seen, make, check = Hashes(attempt), Argon2Hasher.hash, Argon2Hasher.verify

    def made(hasher: Argon2Hasher, *arguments: Any, **named: Any) -> str:
        seen.note()
        return make(hasher, *arguments, **named)

    def checked(hasher: Argon2Hasher, *arguments: Any, **named: Any) -> bool:
        seen.note()
        return check(hasher, *arguments, **named)

    with (
        cheap_hashes(),
        patch.object(Argon2Hasher, "hash", made),
        patch.object(Argon2Hasher, "verify", checked),
    ):
        yield seen


def nobody_waits(attempt: Attempt, seen: Hashes, called: str) -> None:
    """Of the last call: neither the loop nor a connection stands still while Argon2 works."""
    attempt.require(
        not seen.in_the_loop,
        "event loop waits",
        f"{called} ran Argon2 in the thread of the event loop: as long as it takes, the program answers nobody.",
    )
    attempt.require(
        not seen.held,
        "connection held",
        f"{called} held {seen.held} of the pool's connections while Argon2 was at work. On SQLite it may be the one "
        "that writes, and all others wait.",
    )


def is_hash_of(password: str, stored: str) -> bool:
    return stored.startswith("$argon2") and CHEAP.verify(password, stored)
