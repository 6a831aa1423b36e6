"""Milestone 17.5, What is on: each show once, however many arrive meanwhile, and no page reads what it skips."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from inspect import signature
from typing import Any

from sqlalchemy import delete, insert, select, text

from course_lib.errors import InvalidCursor
from course_lib.lab.engine_events import listening
from course_lib.lab.plan_words import SCAN, WALK, from_sqlite
from course_lib.lab.sql import MARK
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l17_capstone.known_good import Show
from course_lib.school.judges.l17_capstone.theatre import FIRST_SHOW, opened
from course_lib.school.judges.registry import BOTH, judge

TITLES = ("CARMEN", "CARMEN", "HAMLET", None, None)
PLAIN = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off"
MANY, A_PAGE = 600, 5
ORDER = "By time, then by title, those without one last, then by id."
JUNK = ("not a cursor", "WyJhIl0", "")


@judge("17.5", on=BOTH)
async def each_show_once(attempt: Attempt) -> None:
    await opened(attempt, seats=0, shows=1)
    await attempt.change(delete(Show))
    await _add(attempt, evenings=8)
    await _walked(attempt, limit=attempt.chance.choice((1, 2)))
    await _while_shows_arrive(attempt)
    await _any_cursor(attempt)
    await _cost_of_a_page(attempt)


async def _add(attempt: Attempt, *, evenings: int) -> None:
    """Five shows an evening: two pairs of them differ in nothing but their id. The keys come in no order."""
    shows: list[dict[str, Any]] = [
        {"starts_at": FIRST_SHOW + timedelta(days=evening), "title": title}
        for evening in range(evenings)
        for title in TITLES
    ]
    attempt.chance.shuffle(shows)
    for number, each in enumerate(shows):
        each["id"] = 100 + number
    await attempt.change(insert(Show).values(shows))


async def _in_order(attempt: Attempt) -> list[int]:
    order = "SELECT id FROM shows ORDER BY starts_at, title IS NULL, title, id"
    return [key for (key,) in await attempt.rows(text(order))]


async def _page(attempt: Attempt, limit: int, cursor: object, **options: Any) -> tuple[list[int], Any]:
    async with attempt.sessions() as session:
        got = await attempt.call(session, function=_page_of(attempt, limit, cursor), **options)
    if isinstance(got, Exception):
        return [], got
    asked = "A list of shows and a cursor were asked for."
    attempt.require(got is not None, "nothing returned", f"`{attempt.name}` returned None. {asked}")
    attempt.require(
        isinstance(got, tuple | list) and len(got) == 2 and isinstance(got[0], Sequence),
        "not a page",
        f"`{attempt.name}` returned {got!r:.80}. {asked}",
    )
    shows, following = got
    attempt.require(
        following is None or isinstance(following, str),
        "cursor is no text",
        f"A cursor travels in an address: it is text, or None at the end. This one is {following!r:.60}.",
    )
    return [show.id for show in shows], following


def _page_of(attempt: Attempt, limit: int, cursor: object) -> Any:
    """The learner's function with the names of its arguments; an error in it is still in the learner's lines."""
    program: Any = partial(attempt.answer, limit=limit, cursor=cursor)
    try:
        program.__signature__ = signature(program)
    except ValueError as error:
        raise attempt.not_yet("wrong signature", f"{error}. Keep the first line as it was given.") from None
    program.__name__, program.__wrapped__ = attempt.name, attempt.answer
    return program


async def _walked(attempt: Attempt, *, limit: int) -> None:
    wanted, seen, cursor = await _in_order(attempt), list[int](), None
    titles = dict(map(tuple, await attempt.rows(select(Show.id, Show.title))))
    for place in range(0, len(wanted), limit):
        keys, cursor = await _page(attempt, limit, cursor)
        page = wanted[place : place + limit]
        missed = [key for key in page if key not in keys]
        if missed and seen and not set(keys) & set(seen) and not any(titles[key] for key in missed):
            raise attempt.not_yet(
                "shows without a title lost",
                f"Behind {len(seen)} shows come {page}; `{attempt.name}` gave {keys}. Left out were shows whose title "
                "is NULL: no comparison with NULL is true.",
            )
        _as_wanted(attempt, keys, page, seen, wanted)
        seen += keys
        attempt.require(
            (cursor is None) == (len(seen) >= len(wanted)),
            "no end" if cursor else "ends too early",
            f"{len(seen)} of {len(wanted)} shows were seen, and the cursor of the next page is {cursor!r:.30}.",
        )


def _as_wanted(
    attempt: Attempt, keys: list[int], page: list[int], seen: list[int], wanted: list[int]
) -> None:
    if keys == page:
        return
    found = f"Behind {len(seen)} shows come {page}; `{attempt.name}` gave {keys}."
    attempt.require(
        not set(keys) & set(seen) and len(set(keys)) == len(keys),
        "repeats at the border",
        f"{found} Some of them were on an earlier page.",
    )
    attempt.require(len(keys) <= len(page), "page of another length", f"{found} {len(page)} were asked for.")
    skipped = [key for key in wanted if key not in seen and key not in keys]
    attempt.require(
        not keys or not skipped or wanted.index(skipped[0]) > max(map(wanted.index, keys)),
        "loses ties" if seen else "order lost",
        f"{found} "
        + (
            "Left out were shows that start at the same time as the last one, or have the same title, or none."
            if seen
            else ORDER
        ),
    )
    attempt.require(
        len(keys) == len(page), "loses ties", f"{found} The others have the same time, or no title."
    )
    raise attempt.not_yet("order lost", f"{found} {ORDER}")


async def _while_shows_arrive(attempt: Attempt) -> None:
    """One is added before the reader's place, and one behind it."""
    wanted = await _in_order(attempt)
    first, cursor = await _page(attempt, 6, None)
    new = [
        {"id": 9_001, "starts_at": FIRST_SHOW - timedelta(days=1), "title": "MEDEA"},
        {"id": 9_002, "starts_at": FIRST_SHOW + timedelta(days=1, minutes=1), "title": "MEDEA"},
    ]
    await attempt.change(insert(Show).values(new))
    second, _ = await _page(attempt, 6, cursor)
    behind = [key for key in await _in_order(attempt) if key not in wanted[:6] and key != 9_001]
    repeated = set(first) & set(second)
    attempt.require(
        not repeated,
        "repeats at the border",
        f"A show was added in front while somebody read. The next page shows {sorted(repeated)} once more.",
    )
    attempt.require(
        second == behind[:6],
        "loses ties",
        f"Shows were added. {behind[:6]} were to come, and came: {second}.",
    )


async def _any_cursor(attempt: Attempt) -> None:
    for cursor in JUNK:
        _, got = await _page(attempt, 6, cursor, expected=(InvalidCursor,))
        attempt.require(
            isinstance(got, InvalidCursor),
            "any cursor will do",
            f"Nobody has given out the cursor {cursor!r}, and `{attempt.name}` took it. InvalidCursor was asked for.",
        )


async def _cost_of_a_page(attempt: Attempt) -> None:
    """The rows that a page in the middle reads."""
    evenings = [
        {"id": 10_000 + day, "starts_at": FIRST_SHOW + timedelta(days=20 + day), "title": "FAUST"}
        for day in range(MANY)
    ]
    await attempt.change(insert(Show).values(evenings), text("ANALYZE shows"))
    _, cursor = await _page(attempt, 100, None)
    for _ in range(2):
        _, cursor = await _page(attempt, 100, cursor)
    with _as_driven(attempt) as driven:
        await _page(attempt, A_PAGE, cursor)
    if attempt.database == "sqlite":
        await _searched(attempt, driven)
    else:
        await _few_rows(attempt, driven)


@contextmanager
def _as_driven(attempt: Attempt) -> Iterator[list[tuple[str, Any]]]:
    """Each statement with its values, as the driver gets them."""
    driven: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if not MARK.match(statement):
            driven.append((statement, values))

    with listening(attempt.engine, before_cursor_execute=note):
        yield driven


async def _searched(attempt: Attempt, driven: list[tuple[str, Any]]) -> None:
    async with attempt.engine.connect() as connection:
        for sent, values in driven:
            plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sent}", values)).all()
            steps = [inner for step in from_sqlite(plan, sent) for _, inner in step.every()]
            attempt.require(
                not any(step.kind in (SCAN, WALK) for step in steps),
                "reads all it skips",
                f"`{attempt.name}` finds the right shows. By its plan the database reads all shows from the first on, "
                "also those of the pages before. It is to search the index, and to begin at the cursor.",
            )


async def _few_rows(attempt: Attempt, driven: list[tuple[str, Any]]) -> None:
    read = 0
    async with attempt.engine.connect() as connection:
        for setting in PLAIN.split("; "):
            await connection.execute(text(setting))
        for sent, values in driven:
            explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {sent}"
            plan = (await connection.exec_driver_sql(explained, values)).scalar_one()
            read += _rows_read((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    attempt.require(
        read <= 3 * A_PAGE + len(TITLES),
        "reads all it skips",
        f"For {A_PAGE} shows behind 300 others the database read {read}. It is to begin at the cursor, and to stop "
        "where the page ends: a condition that holds for every row, at an AND, and the index's own order.",
    )


def _rows_read(node: Any) -> int:
    inner: int = sum(map(_rows_read, node.get("Plans", [])))
    if "Relation Name" not in node:
        return inner
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return inner + int(rows * node["Actual Loops"])
