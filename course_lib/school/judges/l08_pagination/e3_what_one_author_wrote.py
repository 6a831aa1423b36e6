"""Exercise 08.3, What one author wrote: pages and their number agree, in a certain order."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import func, select, text

from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.judges.l08_pagination.more_posts import write
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import a_list, all_of, limited_in_order, most_rows, shown


@judge("08.3")
async def what_one_author_wrote(attempt: Attempt) -> None:
    author = await attempt.key(attempt.chance.choice(("yuki", "amara", "juno")))
    await write(attempt, list(_an_import()), author=author)
    published = select(Post.title, Post.created_at).where(Post.author_id == author, Post.published)
    times = dict(map(tuple, await attempt.rows(published)))
    pages = -(-len(times) // 5)
    seen = await _walk(attempt, author, range(1, pages + 1), pages=pages)
    _newest_first(attempt, seen, times)
    _each_once(attempt, seen, times)
    await _empty(attempt, author, pages + 1, pages=pages)
    await attempt.change(text("CREATE INDEX by_author ON posts (author_id, published, created_at)"))
    _ties_decided(attempt, seen[:5] + await _walk(attempt, author, range(2, pages + 1), pages=pages))
    await _titles_that_are_the_same(attempt)
    [nobody] = await attempt.rows(select(func.max(Post.author_id) + 100))
    await _empty(attempt, nobody[0], 1, pages=0)


async def _walk(attempt: Attempt, author: int, numbers: Iterable[int], *, pages: int) -> list[str]:
    """The titles on all these pages."""
    return [title for page in numbers for title in await _page_of(attempt, author, page, pages=pages)]


def _an_import() -> Iterator[dict[str, object]]:
    """Thirteen posts in two moments, the later moment first, and behind them five drafts.

    With the two that the author has they fill three pages, to the last place.
    """
    for number in range(18):
        time = FIRST_POST_AT + timedelta(days=300 - number // 7)
        yield {"title": f"Imported {number}", "created_at": time, "published": number < 13}


async def _titles_that_are_the_same(attempt: Attempt) -> None:
    """Six posts are one more than fits on a page, and four of them have one title."""
    sam = await attempt.key("sam")
    await write(attempt, [{}] * 4, author=sam)
    titles = await _page_of(attempt, sam, 1, pages=2)
    attempt.require(
        len(titles) == 5,
        "rows missing",
        f"`{attempt.name}(session, {sam}, 1)` shows {len(titles)} titles of 6 published posts, four of "
        "which have the same title; 5 fit on a page.",
    )


async def _empty(attempt: Attempt, author: int, page: int, *, pages: int) -> None:
    titles = await _page_of(attempt, author, page, pages=pages)
    attempt.require(
        not titles,
        "page behind the last",
        f"`{attempt.name}(session, {author}, {page})` shows {len(titles)} titles; of this author there are "
        f"{pages} pages, and a page behind the last is empty.",
    )


async def _page_of(attempt: Attempt, author: int, page: int, *, pages: int) -> list[str]:
    async with attempt.sessions() as session:
        got = await attempt.call(session, author, page)
    called = f"`{attempt.name}(session, {author}, {page})`"
    attempt.require(got is not None, "nothing returned", f"{called} returned None.")
    if not isinstance(got, tuple | list) or len(got) != 2 or isinstance(got[1], Sequence):
        swapped = isinstance(got, tuple | list) and isinstance(got[0], int)
        raise attempt.not_yet(
            "pair the wrong way round" if swapped else "not a pair",
            f"{called} returned {shown(got)}; a list of titles and a number of pages was asked for.",
        )
    titles = list(a_list(attempt, got[0], of="titles", called=called))
    all_of(attempt, titles, str, of="titles", called=called)
    _cheap_enough(attempt, called)
    if got[1] != pages:
        posts = await attempt.scalar(count_of(select(Post).where(Post.author_id == author, Post.published)))
        raise attempt.not_yet(
            "wrong total",
            f"{called} gives {shown(got[1])} as the number of pages. The author has {posts} published posts, and five "
            f"fit on a page: that makes {pages}.",
        )
    return titles


def _cheap_enough(attempt: Attempt, called: str) -> None:
    rows = most_rows(attempt)
    attempt.require(
        rows <= 5, "all rows fetched", f"{called} fetched {rows} rows, and 5 fit on a page: who should count?"
    )
    limited_in_order(attempt, called)
    attempt.sent_at_most(2, "too many statements", "One for the rows, one for their number.")


def _newest_first(attempt: Attempt, seen: Sequence[str], times: dict[str, datetime]) -> None:
    stranger = next((title for title in seen if title not in times), None)
    attempt.require(
        stranger is None, "wrong posts", f"`{attempt.name}` shows {stranger!r}, which does not belong there."
    )
    for before, after in pairwise(seen):
        attempt.require(
            times[before] >= times[after],
            "order lost",
            f"`{attempt.name}` shows {before!r}, of {times[before]:%d %B %Y}, and behind it {after!r}, of "
            f"{times[after]:%d %B %Y}. The newest post comes first, and no page goes back in time.",
        )


def _each_once(attempt: Attempt, seen: Sequence[str], times: dict[str, datetime]) -> None:
    twice, never = len(seen) - len(set(seen)), len(times.keys() - set(seen))
    attempt.require(
        not twice and not never,
        "rows missing",
        f"On all pages of `{attempt.name}` together, {twice} posts stand twice and {never} nowhere. Which row "
        "does page 1 begin with, and which one page 2?",
    )


def _ties_decided(attempt: Attempt, seen: Sequence[str]) -> None:
    twice = len(seen) - len(set(seen))
    attempt.require(
        not twice,
        "ties undecided",
        f"Behind page 1 of `{attempt.name}` the database got a new index, and from then on it put posts of "
        f"the same time into another order: {twice} posts stand on two pages, and as many on none. What "
        "decides between posts of the same time?",
    )
