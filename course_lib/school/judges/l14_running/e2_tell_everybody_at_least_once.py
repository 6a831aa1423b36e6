"""Exercise 14.2, Tell everybody at least once: a worker may die, and no letter is lost; none waits for another."""

import asyncio
from collections import Counter
from typing import Any

from sqlalchemy import delete, insert, select, text

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.sandbox import finished
from course_lib.school.attempts.time_limit import Stopped
from course_lib.school.judges.registry import POSTGRES, judge
from course_lib.school.stages.shop_tables import Letter, Undeliverable, open_shop

LETTERS = 6
MOST = 60
WAITS = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
)


class Dies(Stopped):
    """The end of a worker: no `except Exception` of theirs catches this one."""


class Enough(Stopped):
    """Ends a worker that never stops sending."""


class Post:
    """`sent` are the letters that have gone out, `tried` how many were handed to `send`."""

    def __init__(self, *, bad: int = 0, dies_at: int = 0) -> None:
        self.bad, self.dies_at = bad, dies_at
        self.sent: list[int] = []
        self.tried: list[int] = []
        self.begun, self.goes_on = asyncio.Event(), asyncio.Event()
        self.goes_on.set()

    async def send(self, letter: Letter) -> None:
        key = letter.id
        self.tried.append(key)
        self.begun.set()
        await self.goes_on.wait()
        if len(self.tried) > MOST:
            raise Enough
        if len(self.tried) == self.dies_at:
            raise Dies
        if key == self.bad:
            raise Undeliverable(f"letter {key} has no address")
        self.sent.append(key)


@judge("14.2", on=(POSTGRES,))
async def everybody_is_told(attempt: Attempt) -> None:
    await open_shop(attempt)
    await _all_are_sent(attempt)
    await _a_bad_letter(attempt)
    await _two_workers(attempt)
    await _a_worker_dies(attempt)


async def _letters(attempt: Attempt) -> list[int]:
    """So many that wait, and no others; they lie in the table the other way round."""
    first = attempt.chance.randint(10, 90)
    keys = list(range(first, first + LETTERS))
    rows = [{"id": key, "words": f"order {key} is on its way"} for key in reversed(keys)]
    await attempt.change(delete(Letter), insert(Letter).values(rows))
    return keys


async def _call(attempt: Attempt, post: Post, told: str, *expected: type[Exception]) -> Any:
    try:
        return await attempt.call(attempt.sessions, post.send, expected=expected)
    except Enough:
        raise attempt.not_yet(
            "never stops", f"{told} `{attempt.name}` sent more than {MOST} times, and went on."
        ) from None


async def _marked(attempt: Attempt) -> list[int]:
    return [key for (key,) in await attempt.rows(select(Letter.id).where(Letter.sent).order_by(Letter.id))]


async def _all_are_sent(attempt: Attempt) -> None:
    keys, post = await _letters(attempt), Post()
    told = f"{LETTERS} letters waited."
    got = await _call(attempt, post, told)
    attempt.require(post.sent, "nothing sent", f"{told} `{attempt.name}` sent none.")
    times = Counter(post.sent)
    attempt.require(
        set(times) == set(keys),
        "letters left",
        f"{told} `{attempt.name}` sent {len(times)} of them, and returned.",
    )
    attempt.require(
        max(times.values()) == 1, "sent twice", f"{told} `{attempt.name}` sent one of them twice."
    )
    left = await attempt.scalar(select(Letter.id).limit(1))
    attempt.require(
        left is not None, "letter deleted", f"{told} Behind `{attempt.name}` their rows are gone."
    )
    marked = await _marked(attempt)
    attempt.require(
        marked == keys,
        "not marked",
        f"{told} `{attempt.name}` sent all, and {len(marked)} are marked: the next worker sends the others again.",
    )
    attempt.require(got == LETTERS, "wrong number", f"{told} It sent all of them, and returned {got!r:.40}.")
    post = Post()
    got = await _call(attempt, post, told)
    attempt.require(
        not post.sent, "sent letter again", f"All were marked, and `{attempt.name}` sent {post.sent}."
    )
    attempt.require(got == 0, "wrong number", f"No letter waited, and `{attempt.name}` returned {got!r:.40}.")


async def _a_bad_letter(attempt: Attempt) -> None:
    keys = await _letters(attempt)
    bad = keys[1]
    told = f"Of {LETTERS} letters, letter {bad} cannot be delivered: `send` raises Undeliverable."
    post = Post(bad=bad)
    got = await _call(attempt, post, told, Undeliverable)
    marked = await _marked(attempt)
    good = [key for key in keys if key != bad]
    attempt.require(
        bad not in marked, "bad letter marked", f"{told} It is marked as sent, so nobody will try it again."
    )
    attempt.require(
        not isinstance(got, Exception) and marked == good,
        "one bad letter stops all",
        f"{told} Behind `{attempt.name}`, {len(marked)} of the other {len(good)} are marked: what was rolled back or "
        "not reached comes again, and fails again, for ever.",
    )
    attempt.require(got == len(good), "wrong number", f"{told} `{attempt.name}` returned {got!r:.40}.")
    post = Post(bad=bad)
    await _call(attempt, post, told, Undeliverable)
    attempt.require(
        post.tried == [bad],
        "bad letter forgotten",
        f"{told} The next call did not try it, and it alone, again.",
    )


async def _two_workers(attempt: Attempt) -> None:
    keys = await _letters(attempt)
    slow, quick = Post(), Post()
    slow.goes_on.clear()
    waited = False
    async with attempt.running():
        one = asyncio.ensure_future(_awaited(attempt.answer(attempt.sessions, slow.send)))
        try:
            await _first_of(one, asyncio.ensure_future(slow.begun.wait()))
            other = asyncio.ensure_future(_awaited(attempt.answer(attempt.sessions, quick.send)))
            try:
                while not other.done() and not waited:
                    await asyncio.wait([other], timeout=0.02)
                    waited = not other.done() and bool(await attempt.scalar(WAITS))
                slow.goes_on.set()
                await asyncio.gather(one, other)
            finally:
                other.cancel()
        finally:
            one.cancel()
    told = "One worker had a letter in its hand and took its time. A second one"
    times = Counter([*slow.sent, *quick.sent])
    twice = [key for key, count in times.items() if count > 1]
    attempt.require(
        not twice,
        "takes what others hold",
        f"{told} sent {len(quick.sent)} letters. {len(twice)} of the {LETTERS} were sent by both.",
    )
    attempt.require(
        not waited, "queues behind others", f"{told} waited in the database until the first one was ready."
    )
    attempt.require(
        set(times) == set(keys),
        "letters left",
        f"{told} came, and in the end {len(times)} of {LETTERS} were sent.",
    )


async def _awaited(work: Any) -> Any:
    return await finished(work)


async def _first_of(*tasks: asyncio.Future[Any]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    tasks[1].cancel()


async def _a_worker_dies(attempt: Attempt) -> None:
    for place in (1, 3, LETTERS):
        keys = await _letters(attempt)
        post, later = Post(dies_at=place), Post()
        told = f"A worker died while it sent its letter number {place}, before that had gone out."
        try:
            await _call(attempt, post, told)
        except Dies:
            await attempt.close()  # its connections die with it
        await _call(attempt, later, told)
        lost = set(keys) - {*post.sent, *later.sent}
        attempt.require(
            not lost,
            "marked before it is sent",
            f"{told} Another one sent all that it found. {len(lost)} of {LETTERS} letters have never gone out: they "
            "were marked already.",
        )
