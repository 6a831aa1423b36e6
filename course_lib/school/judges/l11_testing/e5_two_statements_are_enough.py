"""Exercise 11.5, Two statements are enough: a budget that notices what goes beyond it, and refuses nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.models import Post, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.written_tests import Function, Versions, put_to_the_test

Headlines = list[tuple[str, str]]
NEWEST = 12


@judge("11.5", on=BOTH)
async def two_statements_are_enough(attempt: Attempt) -> None:
    @asynccontextmanager
    async def arranged(function: Function) -> AsyncIterator[tuple[Any, ...]]:
        yield attempt.engine, attempt.sessions, function

    async def nobody_writes() -> None: ...

    await put_to_the_test(
        attempt,
        Versions(headlines, _in_two_statements, BROKEN),
        arranged,
        other_rows="It sends one statement.",
        before_the_second=nobody_writes,
    )


def _newest(what: Any) -> Any:
    """By eight authors, also among the hidden rows: strangers wrote earlier."""
    return what.where(Post.published).order_by(Post.created_at.desc(), Post.id.desc()).limit(NEWEST)


async def _titles(session: AsyncSession) -> list[tuple[str, int]]:
    """Each with the key of its author."""
    found = await session.execute(_newest(select(Post.title, Post.author_id)))
    return [(title, author) for title, author in found]


async def headlines(session: AsyncSession) -> Headlines:
    found = await session.execute(_newest(select(Post.title, User.username).join(Post.author)))
    return [(title, author) for title, author in found]


async def _in_two_statements(session: AsyncSession) -> Headlines:
    posts = await _titles(session)
    wanted = select(User.id, User.username).where(User.id.in_({author for _, author in posts}))
    names = dict((await session.execute(wanted)).tuples().all())
    return [(title, names[author]) for title, author in posts]


async def _a_get_for_each(session: AsyncSession) -> Headlines:
    """The session holds its users weakly: each is forgotten when its name is written down."""
    shown = []
    for title, author in await _titles(session):
        user = await session.get_one(User, author)
        shown.append((title, user.username))
        del user
    return shown


async def _one_for_each_author(session: AsyncSession) -> Headlines:
    """Its session remembers the names: only the first call sends them all."""
    posts = await _titles(session)
    names: dict[int, str] = session.info.setdefault("names of authors", {})
    for key in dict.fromkeys(author for _, author in posts if author not in names):
        names[key] = (await session.scalars(select(User.username).where(User.id == key))).one()
    return [(title, names[author]) for title, author in posts]


async def _one_for_each_post(session: AsyncSession) -> Headlines:
    shown = []
    for title, author in await _titles(session):
        name = await session.scalar(select(User.username).where(User.id == author))
        shown.append((title, str(name)))
    return shown


async def _one_too_many(session: AsyncSession) -> Headlines:
    """Counts the posts besides, as a page would that nobody asked for."""
    await session.scalar(select(func.count(Post.id)))
    return await _in_two_statements(session)


BROKEN = {
    "a get for each": _a_get_for_each,
    "one for each author": _one_for_each_author,
    "one for each post": _one_for_each_post,
    "one too many": _one_too_many,
}
