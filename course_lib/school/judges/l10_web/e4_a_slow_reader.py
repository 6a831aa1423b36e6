"""Exercise 10.4, A slow reader: no connection is in use while a name is on its way."""

from collections.abc import Callable
from inspect import isasyncgenfunction
from typing import Any

from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError

from course_lib.lab.serving_in_this_loop import served
from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.registry import judge
from course_lib.school.stages.web_requests import (
    ask,
)


@judge("10.4")
async def name_by_name(attempt: Attempt) -> None:
    letters = attempt.order(await attempt.call())
    lines = attempt.program(
        [attempt.blocks[letter] for letter in letters],
        first="async def lines():",
        names={"sessions": attempt.sessions, "by_key": select(User.username).order_by(User.id)},
    )
    attempt.require(
        isasyncgenfunction(lines), "nothing sent", "No line sends a name: one with `yield` has to be there."
    )
    got, lent = await _streamed(attempt, lines)
    names = [name for (name,) in await attempt.rows(select(User.username).order_by(User.id))]
    attempt.require(
        got == names, "wrong lines", f"The reader got {_some(got)}; the database has {_some(names)}."
    )
    attempt.require(
        not any(lent),
        "connection held",
        f"{len(lent)} names were sent, and while {sum(map(bool, lent))} of them left, a connection was in use. "
        "A slow reader keeps it for as long as the reading takes.",
    )


async def _streamed(attempt: Attempt, lines: Callable[..., Any]) -> tuple[list[str], list[int]]:
    """The lines that a client gets, and how many connections were in use as each of them left."""
    lent: list[int] = []
    async with served(attempt.sessions) as site:

        @site.app.get("/names")
        async def names() -> StreamingResponse:
            return StreamingResponse(lines())

        site.on_part = lambda: lent.append(attempt.left_open())
        reply = await ask(attempt, site, "GET /names", function=lines, expected=(InvalidRequestError,))
    for error in site.errors:
        raise attempt.not_yet(
            "session gone", f"The stream broke off with {told(error)} Who asks it, and when was it closed?"
        )
    return reply.text.split(), lent


def _some(lines: list[str]) -> str:
    """The first of them, and how many there are."""
    return f"{len(lines)} lines: {' '.join(lines[:10])}{' …' * (len(lines) > 10)}" if lines else "nothing"
