"""Exercise 09.1, A list of newcomers: the loop turns while a hash is being made."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from traceback import walk_stack

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.whose_frame import code_of, is_theirs
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import shown

STANDS_STILL = 20
"""Looks in a row, each a moment after the last, at which the loop stood in the learner's code: it waits there."""


@judge("09.1")
async def hashing_beside_the_loop(attempt: Attempt) -> None:
    passwords = [f"{word}-train-{attempt.chance.randrange(10, 99)}" for word in ("night", "day", "slow")]
    passwords.insert(2, passwords[0])  # two people have the same
    async with _slow_hash(attempt, passwords[0]) as slow:
        turns = slow.turns
        got = await attempt.call(slow.hash_one, passwords)
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
    await _tells_of_a_failure(attempt)


async def _tells_of_a_failure(attempt: Attempt) -> None:
    def hash_one(password: str) -> str:
        raise MemoryError("no memory for this hash")

    got = await attempt.call(hash_one, ["night-train"], expected=(Exception,))
    attempt.require(
        isinstance(got, Exception),
        "error swallowed",
        f"`hash_one` raised an error, and `{attempt.name}` returned {shown(got)}, as if all were well. Let it out.",
    )


def _hashes(attempt: Attempt, got: object, wanted: list[str], *, calls: int) -> None:
    called = f"`{attempt.name}` called `hash_one` {calls} time{'s' * (calls != 1)}"
    told = f"{called} and returned {shown(got)}; {wanted} was asked for."
    attempt.require(got is not None, "nothing returned", told)
    attempt.require(isinstance(got, list | tuple), "not a list", told)
    attempt.require(calls, "hash_one not called", told)
    found = list(got) if isinstance(got, list | tuple) else []
    attempt.require(found == wanted or sorted(map(str, found)) != sorted(wanted), "order lost", told)
    attempt.require(found == wanted, "wrong hashes", told)


class _SlowHash:
    """Stands for Argon2. A hash is done when the loop has turned meanwhile; `alone` counts those where it did not."""

    def __init__(self, attempt: Attempt, slowest: str) -> None:
        self.code, self.slowest = code_of(attempt.answer), slowest
        self.loop, self.thread = asyncio.get_running_loop(), threading.get_ident()
        self.calls = self.alone = self.turns = 0
        self.over = False

    def hash_one(self, password: str) -> str:
        self.calls += 1
        others = 100 if password == self.slowest else 1
        if threading.get_ident() == self.thread or not self._turned(others):
            self.alone += 1
        return _hashed(password)

    def _turned(self, times: int) -> bool:
        """Wait until the loop has turned so often. False when the learner's code keeps it from turning."""
        done = threading.Event()

        def turn(left: int) -> None:
            done.set() if left == 0 else self.loop.call_soon(turn, left - 1)

        self.loop.call_soon_threadsafe(turn, times)
        stood = 0
        while stood < STANDS_STILL and not (self.alone or self.over or done.wait(0.05)):
            stood = stood + 1 if self._stands_in_their_code() else 0
        return done.is_set()

    def _stands_in_their_code(self) -> bool:
        frame = sys._current_frames().get(self.thread)
        return any(is_theirs(each, self.code) for each, _ in walk_stack(frame))

    async def take_turns(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)


@asynccontextmanager
async def _slow_hash(attempt: Attempt, slowest: str) -> AsyncIterator[_SlowHash]:
    slow = _SlowHash(attempt, slowest)
    other = asyncio.create_task(slow.take_turns())
    await asyncio.sleep(0)  # the other task starts
    try:
        yield slow
    finally:
        other.cancel()
        slow.over = True


def _hashed(password: str) -> str:
    return f"hash of {password[::-1]}"
