"""Lesson 07: how many statements, how many rows, and whether everything is there that somebody will touch."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from course_lib.lab.judging.attempts import Attempt, count_of, judge
from course_lib.lab.judging.listings import a_list, all_of, forget_order, shown
from course_lib.lab.judging.sandbox import NotYet, told
from course_lib.models import Account, Post, User, post_tags

ROWS_OF_A_BUSY_PERSON = 71


@judge("07.1")
async def posts_and_their_tags(attempt: Attempt) -> None:
    silent = {"email": "silent@example.org", "username": "silent", "hashed_password": ""}
    await attempt.change(insert(User).values(silent))
    await forget_order(attempt)
    async with attempt.sessions() as session:
        users = a_list(attempt, await _call(attempt, session), of="users")
        all_of(attempt, users, User, of="users")
        tags = _touched(attempt, lambda: sum(len(post.tags) for user in users for post in user.posts))
        names = _touched(attempt, lambda: [user.username for user in users])
    wanted = [name for (name,) in await attempt.rows(select(User.username).order_by(User.id))]
    _everybody_in_order(attempt, names, wanted)
    attempt.sent_at_most(
        3, "N+1", "A statement for each post is one too many, however short the list is today."
    )
    links = await attempt.scalar(count_of(select(post_tags)))
    attempt.require(
        tags == links,
        "tags missing",
        f"The posts of `{attempt.name}` have {tags} tags in all; the database has {links}.",
    )


def _everybody_in_order(attempt: Attempt, names: Sequence[str], wanted: Sequence[str]) -> None:
    _nobody_twice(attempt, names)
    missing = [name for name in wanted if name not in names]
    attempt.require(
        not missing,
        "people left out",
        f"`{attempt.name}` returned {len(names)} of {len(wanted)} users; missing: {', '.join(missing)}.",
    )
    attempt.require(
        names == wanted,
        "order lost",
        f"`{attempt.name}` returned {', '.join(names[:3])} …; in the order of their keys they are "
        f"{', '.join(wanted[:3])} …",
    )


def _nobody_twice(attempt: Attempt, names: Sequence[str]) -> None:
    name, times = next(iter(Counter(names).most_common(1)), ("nobody", 0))
    attempt.require(
        times <= 1,
        "people repeated",
        f"`{attempt.name}` returned {name} {times} times: a join has a row for each post.",
    )


@judge("07.2")
async def headlines_with_names(attempt: Attempt) -> None:
    published = select(Post.title, User.username).join(Post.author).where(Post.published)
    newest = published.order_by(Post.created_at.desc(), Post.id.desc())
    wanted = [tuple(row) for row in await attempt.rows(newest)]
    async with attempt.sessions() as session:
        got = _pairs(attempt, await _call(attempt, session), f"`{attempt.name}`")
    if attempt.sent.repeated():
        attempt.sent_at_most(1, "N+1", "The names can come along with the posts.")
    strangers = [pair for pair in got if pair not in wanted]
    attempt.require(
        len(got) == len(wanted) and not strangers,
        "wrong posts",
        f"`{attempt.name}` returned {len(got)} headlines; {len(wanted)} posts are published."
        + "".join(f" {pair} is none of them." for pair in strangers[:1]),
    )
    _newest_first(attempt, got, wanted)
    attempt.sent_at_most(1, "too many statements", "A post has one author: that is a join.")


def _newest_first(attempt: Attempt, got: Sequence[Any], wanted: Sequence[Any]) -> None:
    place = next((place for place, pair in enumerate(wanted) if got[place] != pair), 0)
    attempt.require(
        got == wanted,
        "order lost",
        f"Headline {place + 1} is {wanted[place]}; `{attempt.name}` puts {got[place]} there.",
    )


@judge("07.3")
async def people_with_published_posts(attempt: Attempt) -> None:
    await _people_of_all_kinds(attempt)
    for limit in (4, attempt.chance.choice((5, 6))):
        wanted = await _first_people(attempt, limit)
        async with attempt.sessions() as session:
            got = await _call(attempt, session, limit)
        called = f"`{attempt.name}(session, {limit})`"
        page = _pairs(attempt, got, called)
        all_of(attempt, [name for name, _ in page], str, of="usernames", called=called)
        for _, titles in page:
            all_of(
                attempt, a_list(attempt, titles, of="titles", called=called), str, of="titles", called=called
            )
        await _no_draft(attempt, called, page)
        _right_people(attempt, called, [name for name, _ in page], wanted)
        _right_titles(attempt, called, page, wanted)
        _no_row_too_many(attempt, called, limit + sum(map(len, wanted.values())))


async def _first_people(attempt: Attempt, limit: int) -> dict[str, list[str]]:
    """Their published titles by their names."""
    people = await attempt.rows(select(User.id, User.username).order_by(User.id).limit(limit))
    return {name: [title for (title,) in await attempt.rows(_published_titles(key))] for key, name in people}


async def _no_draft(attempt: Attempt, called: str, page: Sequence[tuple[Any, Any]]) -> None:
    drafts = {title for (title,) in await attempt.rows(select(Post.title).where(~Post.published))}
    found = [title for _, titles in page for title in titles if title in drafts]
    attempt.require(
        not found, "collection not filtered", f"{called} shows {''.join(found[:1])!r}, which is a draft."
    )


def _right_people(
    attempt: Attempt, called: str, names: Sequence[str], wanted: Mapping[str, Sequence[str]]
) -> None:
    first, limit = list(wanted), len(wanted)
    returned = f"{called} returned {len(names)} people; {limit} were asked for."
    attempt.require(len(names) <= limit, "LIMIT unused", returned)
    _nobody_twice(attempt, names)
    few = names == first[: len(names)] and any(sent.rows == limit for sent in attempt.sent)
    attempt.require(names == first or not few, "LIMIT counts rows", returned)
    loud = [name for name in first if wanted[name]]
    attempt.require(
        names == first or names[: len(loud)] != loud,
        "people left out",
        f"{called} returned {', '.join(names)}. The first {limit} by their keys are {', '.join(first)}: "
        "who has published nothing stands on the page, too.",
    )
    attempt.require(
        names == first,
        "wrong people",
        f"{called} returned {', '.join(names) or 'nobody'}. The first {limit} by their keys are "
        f"{', '.join(first)}.",
    )


def _right_titles(
    attempt: Attempt, called: str, page: Sequence[tuple[Any, Any]], wanted: Mapping[str, Sequence[str]]
) -> None:
    for name, titles in page:
        attempt.require(
            sorted(titles) == sorted(wanted[name]),
            "wrong titles",
            f"{called} shows {list(titles)} for {name}; published are {wanted[name]}.",
        )


def _no_row_too_many(attempt: Attempt, called: str, needed: int) -> None:
    attempt.sent_at_most(2, "N+1", "One for the people, one for all their posts.")
    rows = _rows(attempt)
    attempt.require(
        rows <= needed, "rows thrown away", f"{called} fetched {rows} rows, and {needed} are on the page."
    )


@judge("07.4")
async def posts_and_accounts(attempt: Attempt) -> None:
    key = await attempt.key("mira")
    more = [{"title": "More", "content": "…", "author_id": key}] * 47
    await attempt.change(insert(Post).values(more), insert(Account).values([{"owner_id": key}] * 19))
    letter = attempt.choice(await attempt.call())
    names = {
        "select": select,
        "joinedload": joinedload,
        "selectinload": selectinload,
        "User": User,
        "key": key,
    }
    lines = [
        f"statement = {attempt.blocks[letter]}",
        "return (await session.scalars(statement)).unique().one()",
    ]
    load = attempt.program(lines, first="async def load(session):", names=names)
    async with attempt.sessions() as session:
        user = await attempt.call(session, function=load)
        _touched(attempt, lambda: (len(user.posts), len(user.accounts)), what=f"Option {letter}")
    rows = _rows(attempt)
    attempt.require(
        rows <= ROWS_OF_A_BUSY_PERSON,
        "every pair fetched",
        f"Option {letter} fetched {rows} rows for 50 posts and 20 accounts.",
    )


@judge("07.5")
async def asked_again(attempt: Attempt) -> None:
    key = await attempt.key("yuki")
    before = await attempt.scalar(count_of(select(Post).where(Post.author_id == key)))
    letters = attempt.order(await attempt.call(), every=True)
    count_again = attempt.program(
        [attempt.blocks[letter] for letter in letters],
        first="async def count_again(session, key):",
        names={"select": select, "selectinload": selectinload, "User": User, "Post": Post},
    )
    async with attempt.sessions() as session:
        counted = await attempt.call(session, key, function=count_again)
    told = f"`count_again` counted {counted}; yuki has {before} posts, and then {before + 1}."
    if not isinstance(counted, tuple) or len(counted) != 2:
        raise NotYet(
            "nothing returned", "The line with `return` has to be reached, and everything before it."
        )
    attempt.require(counted[0] == before, "counted too late", told)
    attempt.require(counted[1] == before + 1, "stale collection", told)


async def _people_of_all_kinds(attempt: Attempt) -> None:
    """By their keys: an inactive one whose name comes last, one with drafts alone, one without posts, and a gap."""
    inactive, drafting, silent, gone = [
        key for (key,) in await attempt.rows(select(User.id).order_by(User.id).limit(4))
    ]
    await attempt.change(
        update(User).where(User.id == inactive).values(is_active=False, username="zoe"),
        update(Post).where(Post.author_id == drafting).values(published=False),
        delete(Post).where(Post.author_id.in_([silent, gone])),
        delete(Account).where(Account.owner_id == gone),
        delete(User).where(User.id == gone),
    )
    await forget_order(attempt)


def _published_titles(key: int) -> Any:
    return select(Post.title).where(Post.author_id == key, Post.published)


async def _call(attempt: Attempt, session: AsyncSession, *arguments: object) -> Any:
    """Call the answer; two mistakes that SQLAlchemy refuses in its own words get a name."""
    try:
        return await attempt.call(session, *arguments)
    except NotYet as fault:
        line, _, error = fault.told.partition(" raises ")
        if error.startswith("ArgumentError") and "root entities" in error:
            raise attempt.not_yet(
                "options side by side",
                f"{line} has options side by side, and each begins at what is selected. Users are selected, and one "
                "option begins at a post. What could it go on from?",
            ) from None
        if error.startswith("InvalidRequestError") and "unique()" in error:
            raise attempt.not_yet(
                "unique missing",
                f"{line} fetches a join, which has a row for each post, so a user comes many times. SQLAlchemy wants "
                "to be told to make one of them.",
            ) from None
        raise


def _touched(attempt: Attempt, touch: Callable[[], Any], *, what: str = "") -> Any:
    """What a touch of the loaded objects gives; raises NotYet where it would have to ask the database."""
    try:
        return touch()
    except InvalidRequestError as error:
        raise attempt.not_yet(
            "not loaded",
            f"{what or f'`{attempt.name}`'} left something out: {told(error).partition(': ')[2].rstrip('.')}.",
        ) from None


def _pairs(attempt: Attempt, got: object, called: str) -> list[tuple[Any, Any]]:
    rows = a_list(attempt, got, of="pairs", called=called)
    odd = [row for row in rows if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 2]
    if odd:
        raise attempt.not_yet(
            "not a list of pairs",
            f"{called} returned {shown(odd[0])} in its list; pairs of two values were asked for.",
        )
    return [(first, second) for first, second in rows]


def _rows(attempt: Attempt) -> int:
    return sum(statement.rows or 0 for statement in attempt.sent)
