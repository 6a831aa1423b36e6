"""Exercise 10.2, No more tags: a refusal reaches the client, and nothing of it is stored."""

from collections.abc import Callable
from textwrap import indent
from typing import Any

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from sqlalchemy import func, select

from course_lib.lab.serving_in_this_loop import served
from course_lib.models import Tag
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.judges.registry import judge
from course_lib.school.stages.web_requests import (
    ask,
    body_of,
)


@judge("10.2")
async def one_tag_too_many(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    most = await attempt.scalar(count_of(select(Tag))) + 1
    async with served(attempt.sessions) as site:
        add_tag = _with_the_refusal(attempt, letter, database=site.database, most=most)
        site.app.post("/tags", status_code=201)(add_tag)
        await ask(attempt, site, "POST /tags?name=owls", function=add_tag)
        reply = await ask(attempt, site, "POST /tags?name=rain", function=add_tag)
    answered = f"There were {most} tags, and {most} is the most. Option {letter} answered one more with"
    attempt.require(
        reply.status_code == 409,
        "success status",
        f"{answered} status {reply.status_code} and the body {body_of(reply)}. The client reads the status first.",
    )
    attempt.require(
        await attempt.scalar(count_of(select(Tag))) == most,
        "error returned",
        f"{answered} 409, and the table has {most + 1} tags now. What did the dependency see of the refusal?",
    )


def _with_the_refusal(attempt: Attempt, letter: str, **names: Any) -> Callable[..., Any]:
    """The route of the task, whose last lines are this option."""
    lines = [
        "session.add(Tag(name=name))",
        "await session.flush()",
        "if await session.scalar(select(func.count(Tag.id))) > most:",
        indent(attempt.blocks[letter], "    "),
    ]
    names |= {"Tag": Tag, "select": select, "func": func}
    names |= {"HTTPException": HTTPException, "JSONResponse": JSONResponse}
    return attempt.program(lines, first="async def add_tag(name: str, session=database):", names=names)
