"""Exercise 14.3, A million lines to a file: a few rows at a time, however many there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from course_lib.lab.engine_events import listening
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.callers_work import add_own_tag, own_tag, sees_own_tag, takes_change_of
from course_lib.school.stages.returned_lists import most_rows
from course_lib.school.stages.shop_tables import Seen, open_shop, titles_counted

SALES, MOST_AT_ONCE, MOST_STATEMENTS = 20_000, 2_000, 400
GLANCE = 1_000
"""Lines from one look at the memory to the next."""
SPARE = 100
"""Of titles that the driver and SQLAlchemy have in hand besides."""


WRITTEN = (
    "INSERT INTO shop_sales (id, title) "
    "WITH RECURSIVE lots(id) AS (SELECT CAST(:sales AS INTEGER) UNION ALL SELECT id - 1 FROM lots WHERE id > 1) "
    "SELECT id, 'sale of lot ' || (id * CAST(:step AS INTEGER) % 1000) FROM lots"
)
"""The last key first: who reads without an order does not get them in the order of the keys."""


class DiskFull(OSError):
    """What `write` raises in the middle."""


class File:
    """What was written, and how many rows had been read and not written yet, at most."""

    def __init__(self, seen: Seen, *, room: int = SALES * 2) -> None:
        self.seen, self.room = seen, room
        self.text: list[str] = []
        self.lines = self.most_in_hand = self.most_alive = 0

    def write(self, text: str) -> None:
        if self.lines >= self.room:
            raise DiskFull("no space left on the disk")
        self.most_in_hand = max(self.most_in_hand, self.seen.read - self.lines)
        before, self.lines = self.lines, self.lines + max(1, text.count("\n"))
        if before // GLANCE < self.lines // GLANCE:
            self.most_alive = max(self.most_alive, self.seen.alive)
        self.text.append(text)


@judge("14.3", on=BOTH)
async def a_few_rows_at_a_time(attempt: Attempt) -> None:
    await open_shop(attempt)
    step = attempt.chance.choice((7, 11, 13))
    await attempt.change(text(WRITTEN).bindparams(sales=SALES, step=step))
    await _exported(attempt, [f"{key};sale of lot {key * step % 1_000}\n" for key in range(1, SALES + 1)])
    await _disk_full(attempt)


@contextmanager
def _streams(attempt: Attempt) -> Iterator[list[int]]:
    """For each stream of the database's own, how many rows of it were to come at a time; 0 where nobody said."""
    pages: list[int] = []

    def note(connection: Any, cursor: Any, sent: str, values: Any, context: Any, many: bool) -> None:
        if getattr(cursor, "server_side", False):
            pages.append(context.execution_options.get("yield_per") or 0)

    with listening(attempt.engine, after_cursor_execute=note):
        yield pages


async def _exported(attempt: Attempt, lines: list[str]) -> None:
    with titles_counted() as seen, _streams(attempt) as pages:
        file = File(seen)
        async with attempt.sessions() as session:
            own = await add_own_tag(session)
            await attempt.call(session, file.write)
            kept = await sees_own_tag(session)
            held = kept and await takes_change_of(session, own)
            await session.rollback()
    told = f"`{attempt.name}` was called for {SALES} sales."
    marks = [each.text for each in attempt.sent.everything if each.is_mark]
    attempt.require(
        kept and not await own_tag(attempt) and "COMMIT" not in marks,
        "commits in the loop" if "COMMIT" in marks else "transaction ended",
        f"{told} It ended the caller's transaction. On PostgreSQL a stream ends with its transaction, and the caller "
        "opened the session, and says commit.",
    )
    attempt.require(
        held,
        "caller's objects let go",
        f"{told} The caller had an object of its own in the session, and it is not there any more: what the caller "
        "changes of it is never written. A session forgets by itself the sales that nobody holds.",
    )
    attempt.require(file.text, "nothing written", f"{told} It wrote nothing.")
    in_hand = max(file.most_in_hand, most_rows(attempt))
    if in_hand > MOST_AT_ONCE + SPARE:
        name, why = _of_a_hoard(pages)
        raise attempt.not_yet(name, f"{told} At one moment it had {in_hand} rows in hand. {why}")
    attempt.require(
        file.most_alive <= MOST_AT_ONCE + SPARE,
        "written and kept",
        f"{told} Behind the last line, {file.most_alive} rows were still in memory: something holds what is written.",
    )
    written = "".join(file.text).splitlines(keepends=True)
    differs = next(
        (n for n, pair in enumerate(zip(written, lines, strict=False)) if len(set(pair)) > 1), len(written)
    )
    attempt.require(
        written == lines,
        "order lost" if sorted(written) == sorted(lines) else "wrong lines",
        f"{told} It wrote {len(written)} lines. Line {differs + 1} is {[*written, ''][differs]!r:.60}, and "
        f"{[*lines, ''][differs]!r} was wanted.",
    )
    attempt.sent_at_most(MOST_STATEMENTS, "too many statements", "A page of a thousand rows costs one.")


def _of_a_hoard(pages: list[int]) -> tuple[str, str]:
    if not pages:
        return "all at once", "They were all fetched before the first line was written."
    if not any(pages):
        why = "A stream of the ORM fetches all of them before the first comes out, unless `yield_per` says how many."
        return "a stream that holds all", why
    if max(pages) > MOST_AT_ONCE:
        return "page too large", f"`yield_per` said {max(pages)} at a time."
    return (
        "a list of the stream",
        "They came in pages, and all were kept, in a list or in one long text, before a write.",
    )


async def _disk_full(attempt: Attempt) -> None:
    with titles_counted() as seen:
        file = File(seen, room=3_000)
        async with attempt.sessions() as session:
            await add_own_tag(session)
            got = await attempt.call(session, file.write, expected=(DiskFull,))
            attempt.require(
                isinstance(got, DiskFull),
                "error swallowed",
                f"`write` raised an error in line {file.lines + 1}: the disk was full. `{attempt.name}` returned "
                f"{got!r:.40}, as if all were well.",
            )
            await session.rollback()
    attempt.require(
        not attempt.left_open(),
        "connection not given back",
        f"`write` raised an error, the caller closed its session, and {attempt.left_open()} connections are in use.",
    )
