"""Exercise 04.1, A draft for an import: a draft is flushed, and its caller decides what becomes of it."""

from contextlib import suppress
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from course_lib.models import Post, Tag, User
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.judges.l04_repositories.callers_rows import MISHAPS, require_model, require_open
from course_lib.school.judges.registry import judge
from course_lib.school.stages.callers_work import OF_THE_CALLER, callers_session
from course_lib.school.stages.races import without_patience
from course_lib.school.stages.returned_lists import shown

REFUSALS = (*MISHAPS, ValueError, LookupError, RuntimeError)
"""What a function may make of an error of the database."""


@judge("04.1")
async def the_caller_decides(attempt: Attempt) -> None:
    author, title = (
        await attempt.key("yuki"),
        f"Don't move: Part {attempt.chance.randrange(10, 99)} of a long winter",
    )
    await without_patience(attempt)
    async with callers_session(attempt) as session:
        post = await attempt.call(session, author, title)
        require_model(attempt, post, Post)
        key = vars(post).get("id")  # before the next statement flushes what the function did not
        await require_open(attempt, session)
        attempt.require(
            key,
            "not flushed",
            f"The post that `{attempt.name}` returned has no id, and the caller needs it for the next row.",
        )
        await session.commit()
    await _require_row(attempt, key, (author, title, False))
    attempt.sent_at_most(1, "too many statements", "The INSERT brings the id back.")
    await _refuse(attempt, title)


async def _require_row(attempt: Attempt, key: Any, wanted: tuple[Any, ...]) -> None:
    same = (Post.id == key) | (Post.title == wanted[1])
    found = select(Post.author_id, Post.title, Post.published).where(same)
    rows = [tuple(row) for row in await attempt.rows(found)]
    attempt.require(
        rows == [wanted],
        "wrong row",
        f"After the caller's commit, the rows with its id or title, as (author, title, published), are {rows}; "
        f"{wanted} was asked for.",
    )


async def _refuse(attempt: Attempt, title: str) -> None:
    """A post that the database refuses: the caller hears of it, and goes back to a savepoint of its own."""
    await attempt.change(delete(Tag).where(Tag.name == OF_THE_CALLER))
    nobody = await attempt.scalar(select(func.max(User.id))) + 1
    async with callers_session(attempt) as session:
        savepoint = await session.begin_nested()
        outcome = await attempt.call(session, nobody, title, expected=REFUSALS)
        with suppress(SQLAlchemyError):  # where the function has ended it
            await savepoint.rollback()
            await session.commit()
    called = f"No user has the id {nobody}, so the database refuses `{attempt.name}(session, {nobody}, {title!r})`."
    attempt.require(
        isinstance(outcome, REFUSALS),
        "error swallowed",
        f"{called} It returned {shown(outcome)} and raised nothing: the caller takes the import for whole.",
    )
    attempt.require(
        await attempt.scalar(count_of(select(Tag).where(Tag.name == OF_THE_CALLER))),
        "rollback too wide",
        f"{called} The caller had a savepoint for that, and went back to it. But by then all was rolled back, with "
        "what the caller had done before. How much is taken back is for the caller to say.",
    )
