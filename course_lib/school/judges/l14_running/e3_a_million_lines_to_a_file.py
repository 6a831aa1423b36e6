"""Exercise 14.3, A million lines to a file: a few rows at a time, however many there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import insert

from course_lib.lab.engine_events import listening
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.callers_work import add_own_tag, own_tag, sees_own_tag
from course_lib.school.stages.returned_lists import most_rows
from course_lib.school.stages.shop_tables import Sale, Seen, open_shop, titles_counted

SALES, MOST_AT_ONCE, MOST_STATEMENTS = 20_000, 2_000, 400
SPARE = 100
"""Of titles that the driver and SQLAlchemy have in hand besides."""


class DiskFull(OSError):
    """What `write` raises in the middle."""


class File:
    """What was written, and how many rows had been read and not written yet, at most."""

    def __init__(self, seen: Seen, *, room: int = SALES * 2) -> None:
        self.seen, self.room = seen, room
        self.text: list[str] = []
        self.lines = self.most_in_hand = 0

    def write(self, text: str) -> None:
        if self.lines >= self.room:
            raise DiskFull("no space left on the disk")
        self.most_in_hand = max(self.most_in_hand, self.seen.read - self.lines)
        self.lines += text.count("\n")
        self.text.append(text)


@judge("14.3", on=BOTH)
async def a_few_rows_at_a_time(attempt: Attempt) -> None:
    await open_shop(attempt)
    first = attempt.chance.randint(1, 500)
    keys = range(first, first + SALES)
    rows = [{"id": key, "title": f"sale of lot {key * 7 % 1_000}"} for key in reversed(keys)]
    async with attempt.engine.begin() as connection:
        await connection.execute(insert(Sale), rows)
    await _exported(attempt, [f"{row['id']};{row['title']}\n" for row in reversed(rows)])
    await _disk_full(attempt)


@contextmanager
def _streams(attempt: Attempt) -> Iterator[set[str]]:
    """How rows were fetched: 'stream' from the database's side, 'pages' of so many at a time."""
    ways: set[str] = set()

    def note(connection: Any, cursor: Any, sent: str, values: Any, context: Any, many: bool) -> None:
        options = context.execution_options
        if getattr(cursor, "server_side", False):
            ways.add("stream")
            if options.get("yield_per") or options.get("max_row_buffer"):
                ways.add("pages")

    with listening(attempt.engine, after_cursor_execute=note):
        yield ways


async def _exported(attempt: Attempt, lines: list[str]) -> None:
    with titles_counted() as seen, _streams(attempt) as ways:
        file = File(seen)
        async with attempt.sessions() as session:
            await add_own_tag(session)
            await attempt.call(session, file.write)
            kept = await sees_own_tag(session)
            await session.rollback()
    told = f"`{attempt.name}` was called for {SALES} sales."
    marks = [each.text for each in attempt.sent.everything if each.is_mark]
    attempt.require(
        kept and not await own_tag(attempt) and "COMMIT" not in marks,
        "commits in the loop",
        f"{told} It ended the caller's transaction. On PostgreSQL a stream ends with its transaction, and the caller "
        "opened the session, and says commit.",
    )
    attempt.require(file.text, "nothing written", f"{told} It wrote nothing.")
    in_hand = max(file.most_in_hand, seen.most_alive, most_rows(attempt))
    if in_hand > MOST_AT_ONCE + SPARE:
        raise attempt.not_yet(
            _name(ways), f"{told} At one moment it had {in_hand} rows in hand. {_why(ways)}"
        )
    written = "".join(file.text).splitlines(keepends=True)
    attempt.require(
        written == lines,
        "order lost" if sorted(written) == sorted(lines) else "wrong lines",
        f"{told} It wrote {len(written)} lines, first {written[0]!r:.40}. {lines[0]!r} was wanted, and so on, by id.",
    )
    attempt.sent_at_most(MOST_STATEMENTS, "too many statements", "A page of a thousand rows costs one.")


def _name(ways: set[str]) -> str:
    if "pages" in ways:
        return "a list of the stream"
    return "a stream that holds all" if ways else "all at once"


def _why(ways: set[str]) -> str:
    if "pages" in ways:
        return "They came in pages, and each was kept: in a list, for example."
    if ways:
        return "A stream of the ORM fetches all of them before the first comes out, unless `yield_per` says how many."
    return "They were all fetched before the first line was written."


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
