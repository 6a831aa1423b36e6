"""Exercise 08.5, Deep down: the next page begins at the bookmark, in both directions, by the index."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from course_lib.lab.engine_events import listening
from course_lib.lab.people import FIRST_POST_AT
from course_lib.lab.plan_words import SCAN, WALK, Step, from_sqlite
from course_lib.lab.sql import MARK
from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l08_pagination.more_posts import write
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import a_list, all_of, limited_in_order, most_rows, shown


@judge("08.5")
async def the_next_page_deep_down(attempt: Attempt) -> None:
    await write(attempt, [{"created_at": FIRST_POST_AT - timedelta(days=n)} for n in range(1, 7)])
    await write(attempt, [{"created_at": FIRST_POST_AT + timedelta(days=100 + n // 3)} for n in range(9)])
    order = select(Post.id, Post.created_at).order_by(Post.created_at.desc(), Post.id)
    times = dict(map(tuple, await attempt.rows(order)))
    every = list(times)
    middle = every.index(max(every) - 4)  # the second of three posts with the same time
    await attempt.change(text("CREATE INDEX by_time ON posts (created_at)"))  # equal times come back to front
    await _next(attempt, times, middle, limit=6)
    await attempt.change(
        text("DROP INDEX by_time"), text("CREATE INDEX newest ON posts (created_at DESC, id)")
    )
    for place in (middle, *attempt.chance.sample(range(len(every)), 5), len(every) - 1):
        driven = await _next(attempt, times, place, limit=attempt.chance.randint(2, 6))
        await _searched(attempt, driven)


async def _next(
    attempt: Attempt, times: dict[int, datetime], place: int, *, limit: int
) -> list[tuple[str, Any]]:
    """Judge the page behind a place, and return what was sent for it. `times` has every post in its place."""
    every = list(times)
    async with attempt.sessions() as session:
        last = await session.get_one(Post, every[place])
        with _as_driven(attempt) as driven:
            got = a_list(attempt, await attempt.call(session, last, limit), of="keys")
    all_of(attempt, got, int, of="keys")
    keys, wanted = list(got), every[place + 1 : place + 1 + limit]
    same_time = [key for key in every if times[key] == times[every[place]]]
    called = (
        f"The page ended with post {every[place]}. Behind it come {wanted}; "
        f"`{attempt.name}` returned {shown(keys)}."
    )
    attempt.sent_at_most(1, "too many statements", "One condition finds the whole page.")
    _ordered(attempt, keys, called, wanted=wanted, times=times)
    _none_again(attempt, keys, called, before=every[: place + 1], behind=wanted)
    attempt.require(
        keys == wanted or (keys[:limit] != wanted and keys != wanted[: limit - 1]),
        "page of another length",
        f"{called} Of the {limit} that were asked for there are {len(keys)}.",
    )
    _none_missed(attempt, keys, called, behind=wanted, same_time=same_time)
    attempt.require(keys == wanted, "wrong posts", called)
    _no_row_in_vain(attempt, called, limit)
    return driven


def _ordered(
    attempt: Attempt,
    keys: Sequence[int],
    called: str,
    *,
    wanted: Sequence[int],
    times: dict[int, datetime],
) -> None:
    limited_in_order(attempt, f"`{attempt.name}`")
    found = [times[key] for key in keys if key in times]
    attempt.require(
        found == sorted(found, reverse=True),
        "order lost",
        f"{called} Their times go up; the newest post comes first.",
    )
    attempt.require(
        keys == wanted or sorted(keys) != sorted(wanted),
        "ties undecided",
        f"{called} These are the right posts. Which one of the same time comes first?",
    )


def _none_again(
    attempt: Attempt, keys: Sequence[int], called: str, *, before: Sequence[int], behind: Sequence[int]
) -> None:
    again = set(keys) & set(before)
    attempt.require(
        not (again and behind and behind[0] not in keys),
        "pair of mixed order",
        f"{called} Of posts with the same time the *lower* id comes first. Which id does the condition ask for?",
    )
    attempt.require(not again, "rows repeated", f"{called} The reader has seen {sorted(again)}.")


def _none_missed(
    attempt: Attempt, keys: Sequence[int], called: str, *, behind: Sequence[int], same_time: Sequence[int]
) -> None:
    missed = next((key for key in behind[: len(keys) + 1] if key not in keys), None)
    attempt.require(
        missed not in same_time,
        "ties lost",
        f"{called} {missed} is missing. Compare its time with that of the last post.",
    )
    attempt.require(
        missed is None,
        "earlier posts lost",
        f"{called} {missed} is missing. Its time is earlier than that of the last post: which condition keeps it out?",
    )


def _no_row_in_vain(attempt: Attempt, called: str, limit: int) -> None:
    """One row more is a good way to see whether another page follows."""
    rows = most_rows(attempt)
    attempt.require(
        rows <= limit + 1,
        "all rows fetched",
        f"{called} Right, but the database sent {rows} rows for a page of {limit}: who should cut it off?",
    )


@contextmanager
def _as_driven(attempt: Attempt) -> Iterator[list[tuple[str, Any]]]:
    """Each statement with its values, as the driver gets them."""
    driven: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        driven.append((statement, values))

    with listening(attempt.engine, before_cursor_execute=note):
        yield driven


async def _searched(attempt: Attempt, driven: Sequence[tuple[str, Any]]) -> None:
    """Each plan leads to the bookmark, so the posts before it are not read."""
    async with attempt.engine.connect() as connection:
        for sent, values in driven:
            if MARK.match(sent):
                continue
            plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sent}", values)).all()
            walked = _walked(from_sqlite(plan, sent))
            attempt.require(
                not walked,
                "index walked",
                f"`{attempt.name}` finds the right posts. But by its plan the database reads {' and '.join(walked)} "
                "from the beginning: all the posts before the bookmark, and it tests each. It should search the "
                "index and begin at the bookmark. `explain` shows the plan.",
            )


def _walked(steps: Sequence[Step]) -> list[str]:
    """What is read from its beginning on; a subquery may be read so."""
    every = [inner for step in steps for _, inner in step.every()]
    return [f"the index `{step.index}`" for step in every if step.kind == WALK] + [
        f"the table `{step.table}`" for step in every if step.kind == SCAN
    ]
