"""Exercise 13.5, Fill in small steps: each step is committed, reads its own rows alone, and leaves what is there."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import await_

from course_lib.lab.engine_events import listening
from course_lib.lab.faults import power_cut
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.time_limit import Stopped
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l13_live_changes.many_posts import write_posts
from course_lib.school.judges.l13_live_changes.statements_seen import Seen, seeing
from course_lib.school.judges.registry import POSTGRES, judge
from course_lib.school.stages.callers_work import sent_something
from course_lib.school.stages.races import usual_engine
from course_lib.school.stages.unchanged import picture, require_rest

STEPS = 15
OWN = "by hand"
OF_SMALL_TABLES = ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")
"""Ways of a plan that read all rows, to have a few of them."""
A_STEP, A_ROW = 6, 2
"""Statements that an answer may send for each step of several rows, or for each row where it goes row by row."""
OFTEN = 4
"""How often an answer may read each row: to find it, to change it, and once more for each."""
CHANGES = re.compile(r"\bUPDATE\s+posts\b", re.IGNORECASE)
BEHIND_THE_COLON = re.compile(": (.+)", re.DOTALL)
FILLED = "SELECT id FROM posts WHERE subtitle IS NOT NULL ORDER BY id"


@judge("13.5", on=(POSTGRES,))
async def filled_in_small_steps(attempt: Attempt) -> None:
    size = attempt.chance.choice((20, 24))
    table = await _an_empty_column(attempt, size)
    own = await _filled_by_hand(attempt, "SELECT id FROM posts ORDER BY id OFFSET 30 LIMIT 1")
    before = await picture(attempt)
    seen = await _to_its_end(attempt, table, size)
    attempt.require(attempt.left_open() == 0, "leaked session", f"`{attempt.name}` left a connection open.")
    await _require_commit(attempt, seen, len(own))
    _require_steps(attempt, seen, size)
    _require_one_walk(attempt, seen, len(before.values["posts.id"]))
    await _require_subtitles(attempt, own, f"`{attempt.name}(sessions, {size})` came to its end.")
    after = await picture(attempt)
    before.values["posts.subtitle"] = after.values["posts.subtitle"]
    require_rest(attempt, before, after)
    await _killed_and_called_again(attempt, size)
    await _beside_a_colleague(attempt, size)


async def _an_empty_column(attempt: Attempt, size: int) -> int:
    """Posts with gaps among their keys. One of fifteen has no colon, or nothing behind it; another one has two."""
    await attempt.change(
        text("ALTER TABLE posts SET (fillfactor = 30, autovacuum_enabled = off)")
    )  # rows stay in place
    table = await write_posts(attempt, STEPS * size)
    await attempt.change(
        text("ALTER TABLE posts ADD COLUMN subtitle TEXT"),
        text("DELETE FROM posts WHERE title LIKE 'Post %' AND id % 16 = 7"),
        text("UPDATE posts SET title = 'The first: of all' WHERE id = (SELECT min(id) FROM posts)"),
        text("UPDATE posts SET title = title || ': part ' || id WHERE title LIKE 'Post %' AND id % 15 <> 3"),
        text(
            "UPDATE posts SET title = title || ': and more' WHERE title LIKE 'Post %: part %' AND id % 15 = 4"
        ),
        text(
            "UPDATE posts SET title = title || ': ' WHERE title LIKE 'Post %' AND title NOT LIKE '%: %' AND id % 2 = 1"
        ),
        text("ANALYZE posts"),
        *(
            text(f"ALTER DATABASE {attempt.engine.url.database} SET enable_{way} = off")
            for way in OF_SMALL_TABLES
        ),
    )
    await attempt.engine.dispose()  # from now on a plan is as for a million rows
    return table


async def _filled_by_hand(attempt: Attempt, which: str) -> dict[int, str]:
    keys = [key for (key,) in await attempt.rows(text(which))]
    change = text("UPDATE posts SET subtitle = :own WHERE id = ANY(:keys)")
    await attempt.change(change.bindparams(own=OWN, keys=keys))
    return dict.fromkeys(keys, OWN)


async def _empty(attempt: Attempt) -> None:
    await attempt.change(text("UPDATE posts SET subtitle = NULL"))


async def _to_its_end(attempt: Attempt, table: int, size: int) -> list[Seen]:
    try:
        with seeing(attempt.engine, table) as seen, _ending(attempt.engine, size, seen):
            await attempt.call(attempt.sessions, size)
    except _Endless:
        raise _of_a_loop(attempt, len(seen)) from None
    sent_something(attempt, "sessions")
    return seen


class _Endless(Stopped):
    """Ends a loop that goes on sending statements."""


@contextmanager
def _ending(engine: AsyncEngine, size: int, seen: Sequence[Seen] = ()) -> Iterator[None]:
    """Ends what sends many more statements than there are steps, or than there are rows."""
    sent = 0

    def count(*_: object) -> None:
        nonlocal sent
        sent += 1
        in_steps = any(each.changed > 1 for each in seen)
        if sent > 100 + STEPS * (A_STEP if in_steps else A_ROW * size):
            raise _Endless

    with listening(engine, before_cursor_execute=count):
        yield


def _of_a_loop(attempt: Attempt, sent: int) -> NotYet:
    return attempt.not_yet(
        "loops for ever",
        f"`{attempt.name}` had sent {sent} statements, and was stopped. Some posts have nothing behind a colon in "
        "their title: their subtitle is NULL before, and after. Who looks for NULL finds them again and again.",
    )


async def _require_commit(attempt: Attempt, seen: Sequence[Seen], before: int) -> None:
    filled = len(await attempt.rows(text(FILLED)))
    attempt.require(
        filled > before or not any(each.changed for each in seen),
        "commit missing",
        f"`{attempt.name}` changed posts, and in another session they have no subtitle: it was not committed.",
    )


def _require_steps(attempt: Attempt, seen: Sequence[Seen], size: int) -> None:
    transactions: dict[str, list[int]] = {}
    for each in seen:
        if each.changed:
            transactions.setdefault(each.transaction, []).append(each.changed)
    largest = max(transactions.values(), key=sum, default=[])
    if sum(largest) <= size:
        return
    told = (
        f"`{attempt.name}(sessions, {size})` changed {sum(largest)} posts in one transaction. It locks each of them to "
        "its end, and whoever wants to write one of them waits."
    )
    if sum(largest) < STEPS * size // 2:
        raise attempt.not_yet("step too large", told)
    several = len(largest) > 1 and max(largest) <= size
    if several:
        told = f"{told} The {len(largest)} statements are small; the transaction around them is not."
    raise attempt.not_yet("one transaction around all" if several else "one statement", told)


def _require_one_walk(attempt: Attempt, seen: Sequence[Seen], rows: int) -> None:
    read = sum(each.read for each in seen)
    attempt.require(
        read <= OFTEN * rows,
        "reads from the start each time",
        f"There are {rows} posts, and `{attempt.name}` read {read}: each step walks again past all that is filled "
        "already, and a table of twice the size costs four times as much. Begin each step behind the last one.",
    )


async def _require_subtitles(attempt: Attempt, own: dict[int, str], told_before: str) -> None:
    rows = await attempt.rows(text("SELECT id, title, subtitle FROM posts ORDER BY id"))
    wanted = {key: own.get(key) or _subtitle(title) for key, title, _ in rows}
    wrong = [(key, found) for key, _, found in rows if found != wanted[key]]
    if not wrong:
        return
    key, found = next((each for each in wrong if each[0] in own), wrong[0])
    title = next(title for each, title, _ in rows if each == key)
    told = f"{told_before} Post {key}, {title!r:.60}, has the subtitle {found!r:.40}"
    attempt.require(
        key not in own,
        "overwrites what is newer",
        f"{told}. A colleague had written {OWN!r}. The condition has to stand in the UPDATE itself: what was NULL when "
        "it was read may be filled when it is written.",
    )
    if found is None:
        left = sum(each is None for _, each in wrong)
        raise attempt.not_yet(
            "rows left out", f"{told}; {wanted[key]!r} was asked for. So it is with {left} posts."
        )
    raise attempt.not_yet("wrong values", f"{told}; {wanted[key]!r} was asked for.")


def _subtitle(title: str) -> str | None:
    found = BEHIND_THE_COLON.search(title)
    return found[1] if found else None


async def _killed_and_called_again(attempt: Attempt, size: int) -> None:
    """Killed in the third commit. Somebody corrects the first subtitle that it wrote; then it is called again."""
    await _empty(attempt)
    with power_cut(attempt.engine, "COMMIT", times=3):
        got = await attempt.call(attempt.sessions, size, expected=(Exception,))
    killed = f"`{attempt.name}` was killed when it committed for the third time"
    attempt.require(
        isinstance(got, Exception), "error swallowed", f"{killed}, and it ended as if all were well."
    )
    own = await _filled_by_hand(attempt, f"{FILLED} LIMIT 1")
    with suppress(_Endless), _ending(attempt.engine, size):
        await attempt.call(attempt.sessions, size)
    await _require_subtitles(attempt, own, f"{killed}, and called again.")


async def _beside_a_colleague(attempt: Attempt, size: int) -> None:
    """In the moment before the first UPDATE a colleague fills the first and the last of the posts."""
    await _empty(attempt)
    ends = (await attempt.rows(text("SELECT min(id), max(id) FROM posts WHERE title LIKE '%: _%'")))[0]
    filled: list[int] = []
    async with usual_engine(attempt) as colleague:

        def meet(connection: Connection, cursor: object, sent: str, *_: Any) -> None:
            if CHANGES.search(sent) and not filled:
                for key in ends:
                    filled.extend(await_(_fills(colleague, key)))

        with listening(attempt.engine, before_cursor_execute=meet):
            await attempt.call(attempt.sessions, size)
    await _require_subtitles(
        attempt,
        dict.fromkeys(filled, OWN),
        "A colleague filled two posts in the moment before the first UPDATE.",
    )


async def _fills(engine: AsyncEngine, key: int) -> list[int]:
    """The key, where nobody made the colleague wait."""
    change = text("UPDATE posts SET subtitle = :own WHERE id = :key")
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = 20"))  # milliseconds
            await connection.execute(change.bindparams(own=OWN, key=key))
    except DBAPIError:
        return []
    return [key]
