"""Exercise 09.1, A list of newcomers: the loop turns while a hash is being made."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import shown

NOT_PLAIN = (
    (
        ("await", "coroutine"),
        "nothing to await",
        "`hash_one` is a plain function: whoever calls it has the text when it is done, and nothing to wait for. "
        "Somebody else has to call it.",
    ),
    (
        ("pickle",),
        "another process",
        "Another process gets a copy of what it runs, and this `hash_one` cannot be copied. A thread needs no copy.",
    ),
)
"""Words of an error, and whom they show: somebody who took `hash_one` for another kind of function."""


@judge("09.1")
async def hashing_beside_the_loop(attempt: Attempt) -> None:
    passwords = [f"{word}-train-{attempt.chance.randrange(10, 99)}" for word in ("night", "day", "slow")]
    async with _slow_hash(passwords[0]) as slow:
        turns = slow.turns
        got = await _hash_all(attempt, slow, passwords)
        turns = slow.turns - turns
    worked = f"`{attempt.name}` hashed {slow.calls} passwords. While a hash was being made, another task got no turn"
    attempt.require(
        not slow.alone or turns > 0, "loop blocked", f"{worked}, and between two of them none either."
    )
    attempt.require(
        not slow.alone,
        "turns only between",
        f"{worked}. It got {turns} in all, before or between the hashes: the slow part still stands in the way.",
    )
    _hashes(attempt, got, [_hashed(password) for password in passwords], calls=slow.calls)


async def _hash_all(attempt: Attempt, slow: "_SlowHash", passwords: list[str]) -> Any:
    try:
        return await attempt.call(slow.hash_one, passwords)
    except NotYet as fault:
        line = fault.told.partition(". That was the call")[0]
        for words, misconception, why in NOT_PLAIN:
            if any(word in line.partition(" raises ")[2] for word in words):
                raise attempt.not_yet(misconception, f"{line}. {why}") from None
        raise


def _hashes(attempt: Attempt, got: object, wanted: list[str], *, calls: int) -> None:
    called = f"`{attempt.name}` called `hash_one` {calls} time{'s' * (calls != 1)}"
    told = f"{called} and returned {shown(got)}; {wanted} was asked for."
    attempt.require(isinstance(got, list | tuple), "not a list", told)
    found = list(got) if isinstance(got, list | tuple) else []
    attempt.require(found == wanted or sorted(map(str, found)) != sorted(wanted), "order lost", told)
    attempt.require(found == wanted, "wrong hashes", told)


class _SlowHash:
    """Stands for Argon2. A hash is done when the loop has turned meanwhile; `alone` counts those where it did not."""

    def __init__(self, slowest: str) -> None:
        self.slowest, self.loop, self.thread = slowest, asyncio.get_running_loop(), threading.get_ident()
        self.calls = self.alone = self.turns = 0

    def hash_one(self, password: str) -> str:
        self.calls += 1
        others = 100 if password == self.slowest else 1
        if threading.get_ident() == self.thread or not self._turned(others):
            self.alone += 1
        return _hashed(password)

    def _turned(self, times: int) -> bool:
        done = threading.Event()

        def turn(left: int) -> None:
            done.set() if left == 0 else self.loop.call_soon(turn, left - 1)

        self.loop.call_soon_threadsafe(turn, times)
        return not self.alone and done.wait(1)

    async def take_turns(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)


@asynccontextmanager
async def _slow_hash(slowest: str) -> AsyncIterator[_SlowHash]:
    slow = _SlowHash(slowest)
    other = asyncio.create_task(slow.take_turns())
    await asyncio.sleep(0)  # the other task starts
    try:
        yield slow
    finally:
        other.cancel()


def _hashed(password: str) -> str:
    return f"hash of {password[::-1]}"
