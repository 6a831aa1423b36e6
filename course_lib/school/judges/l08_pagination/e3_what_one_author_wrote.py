"""Exercise 08.3, What one author wrote: pages and their number agree, in a certain order."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, text

from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
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
    seen: list[str] = []
    for page in range(1, pages + 2):
        seen += await _page_of(attempt, author, page, pages=pages)
        if page == 1:
            await attempt.change(text("CREATE INDEX by_author ON posts (author_id, published, created_at)"))
    _newest_first(attempt, seen, times)
    _each_once(attempt, seen, times)
    [nobody] = await attempt.rows(select(func.max(Post.author_id) + 100))
    await _page_of(attempt, nobody[0], 1, pages=0)


def _an_import() -> Iterator[dict[str, object]]:
    """Twelve posts in two moments, the later moment first, and behind them four drafts."""
    for number in range(16):
        time = FIRST_POST_AT + timedelta(days=300 - number // 7)
        yield {"title": f"Imported {number}", "created_at": time, "published": number < 12}


async def _page_of(attempt: Attempt, author: int, page: int, *, pages: int) -> list[str]:
    async with attempt.sessions() as session:
        got = await attempt.call(session, author, page)
    called = f"`{attempt.name}(session, {author}, {page})`"
    if not isinstance(got, tuple | list) or len(got) != 2 or isinstance(got[1], Sequence):
        raise attempt.not_yet(
            "not a pair",
            f"{called} returned {shown(got)}; a list of titles and a number of pages was asked for.",
        )
    titles = list(a_list(attempt, got[0], of="titles", called=called))
    all_of(attempt, titles, str, of="titles", called=called)
    _cheap_enough(attempt, called)
    attempt.require(
        got[1] == pages,
        "wrong total",
        f"{called} gives {shown(got[1])} as the number of pages; for the published posts of this author it is "
        f"{pages}.",
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
    found = [times[title] for title in seen]
    first = f"{found[0]:%d %B}" if found else "none"
    attempt.require(
        found == sorted(found, reverse=True),
        "order lost",
        f"The pages of `{attempt.name}` begin with a post of {first}, and go on to one of {max(found):%d %B}. "
        "The newest post comes first, and no page goes back in time.",
    )


def _each_once(attempt: Attempt, seen: Sequence[str], times: dict[str, datetime]) -> None:
    twice, never = len(seen) - len(set(seen)), len(times.keys() - set(seen))
    together = f"On all pages of `{attempt.name}` together, {twice} posts stand twice and {never} nowhere."
    attempt.require(
        twice == never, "rows missing", f"{together} Which row does page 1 begin with, and which one page 2?"
    )
    attempt.require(
        not twice,
        "ties undecided",
        f"{together} Behind page 1 the database got a new index, and from then on it put posts of one time into "
        "another order.",
    )
