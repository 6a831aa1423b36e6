"""Exercise 08.4, Is there more? one row more tells whether a page follows, and is not shown."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l08_pagination.more_posts import MOST_PAGES
from course_lib.school.judges.registry import judge
from course_lib.school.stages.lines_in_order import returns_last
from course_lib.school.stages.returned_lists import most_rows


@judge("08.4")
async def one_row_more(attempt: Attempt) -> None:
    letters = returns_last(attempt, attempt.order(await attempt.call()))
    attempt.require(
        len(letters) < len(attempt.blocks),
        "line too many",
        f"`{attempt.name}` returned all {len(letters)} lines, and one is left over: which one undoes another?",
    )
    page = attempt.program(
        [attempt.blocks[letter] for letter in letters],
        first="async def page(session, limit, last):",
        names={"select": select, "Post": Post},
    )
    every = [key for (key,) in await attempt.rows(select(Post.id).order_by(Post.id.desc()))]
    for limit in (attempt.chance.choice((5, 7)), len(every) // 2, len(every) // 2 + 1, len(every)):
        await _walk(attempt, page, limit, every)


async def _walk(attempt: Attempt, page: Any, limit: int, every: Sequence[int]) -> None:
    seen: list[int] = []
    pages, last = 0, None
    async with attempt.sessions() as session:
        while pages == 0 or last is not None:
            got = await attempt.call(session, limit, last, function=page)
            keys, last = _one_page(attempt, got, limit)
            pages, seen = pages + 1, seen + keys
            _goes_on(attempt, seen, pages=pages)
    _all_met(attempt, seen, every, limit=limit)
    full = -(-len(every) // limit)
    attempt.require(
        pages == full,
        "empty page",
        f"{len(every)} posts are {full} pages of {limit}; the reader turned {pages}.",
    )


def _one_page(attempt: Attempt, got: object, limit: int) -> tuple[list[int], Any]:
    assert isinstance(got, tuple)
    keys, called = list(got[0]), f"`page` was called with limit={limit}, and"
    attempt.require(len(keys) <= limit, "one row too many", f"{called} returned {len(keys)} keys.")
    rows = most_rows(attempt)
    attempt.require(
        rows <= limit + 1,
        "all rows fetched",
        f"{called} fetched {rows} rows. Which limit did the statement have when it was sent?",
    )
    return keys, got[1]


def _goes_on(attempt: Attempt, seen: Sequence[int], *, pages: int) -> None:
    twice = len(seen) - len(set(seen))
    attempt.require(
        not twice,
        "bookmark unused",
        f"Page {pages} has {twice} keys that stood on the page before. What does it know of `last`?",
    )
    attempt.require(pages < MOST_PAGES, "bookmark unused", f"After {pages} pages there is still no end.")


def _all_met(attempt: Attempt, seen: Sequence[int], every: Sequence[int], *, limit: int) -> None:
    read = f"A reader turned pages of {limit}, until there was no bookmark, and met {len(seen)} of {len(every)} posts."
    attempt.require(
        list(seen) != list(every[: len(seen)]) or len(seen) == len(every),
        "ends too early",
        f"{read} The last page fetched {most_rows(attempt)} rows, and gave no bookmark: `len(keys) > limit` was false. "
        "How many keys were there when it was asked?",
    )
    lost = next((key for key in every if key not in set(seen)), None)
    attempt.require(
        lost is None,
        "row skipped",
        f"{read} Post {lost} stood on no page: it belongs right behind a page, and the next page begins behind it.",
    )
    attempt.require(list(seen) == list(every), "order lost", f"{read} They came as {list(seen)[:6]} …")
