"""Lesson 07: how many statements, how many rows, and whether everything is there that somebody will touch."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import joinedload, selectinload

from course_lib.lab.checks.judging import Attempt, count_of, judge
from course_lib.lab.checks.sandbox import NotYet
from course_lib.models import Account, Post, User, post_tags

ROWS_OF_A_BUSY_PERSON = 71


@judge("07.1")
async def posts_and_their_tags(attempt: Attempt) -> None:
    async with attempt.sessions() as session:
        users = await attempt.call(session)
        shown = _touched(attempt, lambda: [[len(post.tags) for post in user.posts] for user in users])
    attempt.sent_at_most(
        3, "N+1", "A statement for each post is one too many, however short the list is today."
    )
    links = await attempt.scalar(count_of(select(post_tags)))
    found = sum(map(sum, shown))
    attempt.require(
        found == links,
        "tags missing",
        f"The posts of `{attempt.name}` have {found} tags in all; the database has {links}.",
    )


@judge("07.2")
async def headlines_with_names(attempt: Attempt) -> None:
    published = select(Post.title, User.username).join(Post.author).where(Post.published)
    wanted = [
        tuple(row) for row in await attempt.rows(published.order_by(Post.created_at.desc(), Post.id.desc()))
    ]
    async with attempt.sessions() as session:
        got = await attempt.call(session)
    _pairs(attempt, got)
    attempt.sent_at_most(1, "N+1", "The names can come along with the posts.") if _repeats(attempt) else None
    attempt.require(
        sorted(got) == sorted(wanted),
        "wrong posts",
        f"`{attempt.name}` returned {len(got)} headlines; {len(wanted)} posts are published.",
    )
    attempt.require(
        got == wanted,
        "order lost",
        f"The newest headline is {wanted[0]}; `{attempt.name}` puts {got[0]} first.",
    )
    attempt.sent_at_most(1, "too many statements", "A post has one author: that is a join.")


@judge("07.3")
async def people_with_published_posts(attempt: Attempt) -> None:
    limit = attempt.chance.choice((5, 6))
    people = (await attempt.rows(select(User.id, User.username).order_by(User.id)))[:limit]
    titles = {key: [title for (title,) in await attempt.rows(_published_titles(key))] for key, _ in people}
    wanted = [(name, titles[key]) for key, name in people]
    async with attempt.sessions() as session:
        got = await attempt.call(session, limit)
    _pairs(attempt, got)
    attempt.require(
        len(got) == limit,
        "LIMIT counts rows",
        f"`{attempt.name}(session, {limit})` returned {len(got)} people; {limit} were asked for.",
    )
    drafts = {title for (title,) in await attempt.rows(select(Post.title).where(~Post.published))}
    shown = next((title for _, some in got for title in some if title in drafts), None)
    attempt.require(not shown, "collection not filtered", f"{shown!r} is a draft, and it is shown.")
    attempt.require(
        [(name, sorted(some)) for name, some in got] == [(name, sorted(some)) for name, some in wanted],
        "wrong people",
        f"The page begins with {wanted[0]}; `{attempt.name}` begins with {got[0]}.",
    )
    attempt.sent_at_most(2, "N+1", "One for the people, one for all their posts.")
    rows, needed = _rows(attempt), limit + sum(map(len, titles.values()))
    attempt.require(
        rows <= needed, "rows thrown away", f"{rows} rows were fetched, and {needed} are on the page."
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
    letters = attempt.order(await attempt.call())
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


def _published_titles(key: int) -> Any:
    return select(Post.title).where(Post.author_id == key, Post.published)


def _touched(attempt: Attempt, touch: Any, *, what: str = "") -> Any:
    """What a touch of the loaded objects gives; raises NotYet where it would have to ask the database."""
    try:
        return touch()
    except (InvalidRequestError, AttributeError, TypeError) as error:
        raise attempt.not_yet(
            "not loaded", f"{what or f'`{attempt.name}`'} left something out: {error}."
        ) from None


def _pairs(attempt: Attempt, got: object) -> None:
    is_list = isinstance(got, Sequence) and not isinstance(got, str)
    fits = is_list and all(isinstance(each, tuple) and len(each) == 2 for each in got)  # type: ignore[attr-defined]
    attempt.require(
        fits and got,
        "not a list of pairs",
        f"`{attempt.name}` returned {got!r:.80}; a list of pairs was asked for.",
    )


def _repeats(attempt: Attempt) -> bool:
    return bool(attempt.sent.repeated())


def _rows(attempt: Attempt) -> int:
    return sum(statement.rows or 0 for statement in attempt.sent)
