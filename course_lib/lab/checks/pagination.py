"""Lesson 08: bad numbers, rows that arrive, ties, the one row more, and what a page costs that lies deep down."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, event, func, insert, or_, select, text, tuple_
from sqlalchemy.exc import DBAPIError

from course_lib.errors import OutOfRange
from course_lib.lab.judging.attempts import Attempt, judge
from course_lib.lab.judging.listings import a_list, all_of, limited_in_order, most_rows, shown
from course_lib.lab.judging.sandbox import told
from course_lib.lab.people import FIRST_POST_AT
from course_lib.lab.plan_words import SCAN, WALK, Step, from_sqlite
from course_lib.lab.sql import MARK
from course_lib.models import Post

TOO_LOW = ((1, -1), (0, 5), (1, 0), (-3, 5))
TOO_HIGH = ((1, 101), (1, 10**6), (1_000_001, 5), (10**20, 5))
REFUSALS = (OutOfRange, DBAPIError, ArithmeticError, ValueError, AssertionError)
NEWEST = (Post.created_at.desc(), Post.id.desc())
MOST_PAGES, ARRIVALS = 60, 3


@judge("08.1")
async def what_a_visitor_types(attempt: Attempt) -> None:
    await _write(attempt, [{}] * 120)
    for page, per_page in TOO_LOW:
        await _refused(attempt, page, per_page, "bounds unchecked")
    for page, per_page in TOO_HIGH:
        await _refused(attempt, page, per_page, "upper bound missing")
    for page, per_page in ((1, 5), (2, 100), (1, 1), (1_000_000, 100)):
        await _shown(attempt, page, per_page)


async def _refused(attempt: Attempt, page: int, per_page: int, misconception: str) -> None:
    async with attempt.sessions() as session:
        got = await attempt.call(session, page, per_page, expected=REFUSALS)
    called = f"`{attempt.name}` was called with page={page} and per_page={per_page}, and"
    if isinstance(got, OutOfRange):
        attempt.require(
            len(attempt.sent) == 0, "checked too late", f"{called} asked the database before it refused them."
        )
    elif isinstance(got, DBAPIError | ArithmeticError):
        raise attempt.not_yet(misconception, f"{called} the driver ends it: {told(got)}")
    elif isinstance(got, Exception):
        raise attempt.not_yet("another error", f"{called} raises {told(got)}. OutOfRange was asked for.")
    else:
        _bad_number_taken(attempt, got, called, misconception=misconception)


def _bad_number_taken(attempt: Attempt, got: object, called: str, *, misconception: str) -> None:
    if got is None:
        raise attempt.not_yet("nothing returned", f"{called} returned None. OutOfRange was asked for.")
    posts = a_list(attempt, got, of="posts", called=called)
    count = f"{len(posts)} post{'s' * (len(posts) != 1)}"
    bent = len(attempt.sent) == 0 or (misconception == "bounds unchecked" and "per_page=-1" in called)
    attempt.require(
        not (bent and len(posts) <= 100),
        "number bent",
        f"{called} returned {count}. Whoever typed that gets an answer to another question, and is not told.",
    )
    raise attempt.not_yet(misconception, f"{called} returned {count}. OutOfRange was asked for.")


async def _shown(attempt: Attempt, page: int, per_page: int) -> None:
    rows = select(Post.id).order_by(Post.id).offset((page - 1) * per_page).limit(per_page)
    wanted = [key for (key,) in await attempt.rows(rows)]
    async with attempt.sessions() as session:
        got = await attempt.call(session, page, per_page, expected=(OutOfRange,))
    called = f"`{attempt.name}` was called with page={page} and per_page={per_page}, and"
    if isinstance(got, OutOfRange):
        raise attempt.not_yet(
            "bounds too narrow", f"{called} refused them: {got}. Both are within the bounds."
        )
    posts = a_list(attempt, got, of="posts", called=called)
    all_of(attempt, posts, Post, of="posts", called=called)
    fetched = most_rows(attempt)
    attempt.require(
        fetched <= per_page,
        "all rows fetched",
        f"{called} fetched {fetched} rows for a page of {per_page}.",
    )
    limited_in_order(attempt, called)
    keys = [post.id for post in posts]
    attempt.require(
        keys == wanted, "wrong posts", f"{called} returned the posts {keys[:5]}; they begin {wanted[:5]}."
    )


@judge("08.2")
async def while_posts_arrive(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    turn = attempt.program(
        [f"return (await session.scalars(\n{attempt.blocks[letter]}\n)).all()"],
        first="async def turn(session, newest, seen, last):",
        names={"Post": Post, "and_": and_, "or_": or_, "tuple_": tuple_},
    )
    every = {key for (key,) in await attempt.rows(select(Post.id))}
    seen = await _read_on(attempt, turn, attempt.chance.choice((3, 5)))
    twice, never = len(seen) - len(set(seen)), len(every - set(seen))
    attempt.require(
        not twice,
        "OFFSET while rows arrive",
        f"While a reader turned the pages of option {letter}, {ARRIVALS} posts arrived, one before each page. "
        f"The reader met {twice} posts twice.",
    )
    attempt.require(
        not never,
        "ties lost",
        f"A reader turned the pages of option {letter} to the end, and {never} of {len(every)} posts "
        "stood on none of them. Where a page ends between posts of one time, what does the next page begin with?",
    )


async def _read_on(attempt: Attempt, turn: Any, limit: int) -> list[int]:
    """The keys that a reader sees who turns page after page, while others write."""
    newest = select(Post).order_by(*NEWEST).limit(limit)
    async with attempt.sessions() as session:
        page = seen = list(await session.scalars(newest))
    for visit in range(MOST_PAGES):
        if not page:
            break
        if visit < ARRIVALS:
            await _write(attempt, [{"created_at": FIRST_POST_AT + timedelta(days=400 + visit)}])
        async with attempt.sessions() as session:
            page = await attempt.call(session, newest, seen, seen[-1], function=turn)
        seen = seen + list(page)
    return [post.id for post in seen]


@judge("08.3")
async def what_one_author_wrote(attempt: Attempt) -> None:
    author = await attempt.key(attempt.chance.choice(("yuki", "amara", "juno")))
    await _write(attempt, list(_an_import()), author=author)
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


@judge("08.4")
async def one_row_more(attempt: Attempt) -> None:
    letters = attempt.order(await attempt.call())
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
    if not isinstance(got, tuple) or len(got) != 2 or not isinstance(got[0], Sequence):
        raise attempt.not_yet(
            "nothing returned",
            "`page` returned nothing: the line with `return` has to be reached, at the end.",
        )
    keys, called = list(got[0]), f"`page` was called with limit={limit}, and"
    attempt.require(len(keys) <= limit, "one row too many", f"{called} returned {len(keys)} keys.")
    rows = most_rows(attempt)
    attempt.require(rows <= limit + 1, "all rows fetched", f"{called} fetched {rows} rows.")
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


@judge("08.5")
async def the_next_page_deep_down(attempt: Attempt) -> None:
    await _write(attempt, [{"created_at": FIRST_POST_AT + timedelta(days=100 + n // 3)} for n in range(9)])
    order = select(Post.id).order_by(Post.created_at.desc(), Post.id)
    every = [key for (key,) in await attempt.rows(order)]
    middle = every.index(max(every) - 4)  # of three posts of one time the second
    await attempt.change(text("CREATE INDEX by_time ON posts (created_at)"))  # equal times come back to front
    await _next(attempt, every, middle, limit=6)
    await attempt.change(
        text("DROP INDEX by_time"), text("CREATE INDEX newest ON posts (created_at DESC, id)")
    )
    for place in (middle, *attempt.chance.sample(range(len(every)), 5), len(every) - 1):
        driven = await _next(attempt, every, place, limit=attempt.chance.randint(2, 6))
        await _searched(attempt, driven)


async def _next(attempt: Attempt, every: Sequence[int], place: int, *, limit: int) -> list[tuple[str, Any]]:
    """Judge the page behind a place, and return what was sent for it."""
    async with attempt.sessions() as session:
        last = await session.get_one(Post, every[place])
        with _as_driven(attempt) as driven:
            got = a_list(attempt, await attempt.call(session, last, limit), of="keys")
        same_time = list(await session.scalars(select(Post.id).where(Post.created_at == last.created_at)))
    all_of(attempt, got, int, of="keys")
    keys, wanted = list(got), list(every[place + 1 : place + 1 + limit])
    called = (
        f"The page ended with post {every[place]}. Behind it come {wanted}; `{attempt.name}` returned {keys}."
    )
    attempt.sent_at_most(1, "too many statements", "One condition finds the whole page.")
    _ordered(attempt, keys, called, wanted=wanted)
    _none_again(attempt, keys, called, before=every[: place + 1], behind=wanted)
    _none_missed(attempt, keys, called, behind=wanted, same_time=same_time)
    attempt.require(keys == wanted, "wrong posts", called)
    _no_row_in_vain(attempt, called, limit)
    return driven


def _ordered(attempt: Attempt, keys: Sequence[int], called: str, *, wanted: Sequence[int]) -> None:
    limited_in_order(attempt, f"`{attempt.name}`")
    attempt.require(
        keys == wanted or sorted(keys) != sorted(wanted),
        "ties undecided",
        f"{called} These are the right posts. Of one time, which one comes first?",
    )


def _none_again(
    attempt: Attempt, keys: Sequence[int], called: str, *, before: Sequence[int], behind: Sequence[int]
) -> None:
    again = set(keys) & set(before)
    attempt.require(
        not (again and behind and behind[0] not in keys),
        "pair of mixed order",
        f"{called} Of one time the *lower* id comes first. Which id does the condition ask for?",
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

    event.listen(attempt.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield driven
    finally:
        event.remove(attempt.engine.sync_engine, "before_cursor_execute", note)


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
                f"`{attempt.name}` finds the right posts. But `explain` says that it {''.join(walked[:1])}: so the "
                "database reads all the posts before the bookmark, and tests each. It should search the index and "
                "begin at the bookmark.",
            )


def _walked(steps: Sequence[Step]) -> list[str]:
    """The steps that read a table or an index from its beginning on; a subquery may be read so."""
    return [inner.words for step in steps for _, inner in step.every() if inner.kind in (SCAN, WALK)]


async def _write(attempt: Attempt, posts: Sequence[dict[str, Any]], *, author: int | None = None) -> None:
    """Add posts; each mapping says what is special about one."""
    author = author or await attempt.key("mira")
    usual = {"title": "More", "content": "…", "published": True, "created_at": FIRST_POST_AT}
    rows = [usual | {"author_id": author} | post for post in posts]
    await attempt.change(insert(Post).values(rows))
