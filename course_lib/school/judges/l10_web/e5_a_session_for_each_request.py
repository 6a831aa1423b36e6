"""Exercise 10.5, A session for each request: committed before the reply, or rolled back."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from inspect import isasyncgen, isasyncgenfunction, isfunction, unwrap
from typing import Any

from fastapi import BackgroundTasks, HTTPException
from fastapi.params import Depends as Dependency
from httpx import Response
from sqlalchemy import event, insert, select, text
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from course_lib.lab.serving_in_this_loop import Site, served
from course_lib.models import MAX_ID, Post, Tag
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import shown
from course_lib.school.stages.web_requests import (
    ask,
    body_of,
    wants,
)

REFUSED, BROKEN, TOO_LATE = "refused", "broken", "too-late"
CLOSED = "closed already"
WORK, ASKED = "the route", "commit()"


class Fault(Exception):
    """What a route raises by mistake."""


@judge("10.5")
async def a_session_for_each_request(attempt: Attempt) -> None:
    dependency = await attempt.call(attempt.sessions)
    attempt.require(
        isinstance(dependency, Dependency) and callable(dependency.dependency),
        "not a dependency",
        f"`{attempt.name}` returned {_shown(dependency)}. A route writes it behind `session=`, so it has to be a "
        "`Depends(…)`, with a function in it: its name, without parentheses.",
    )
    attempt.require(
        dependency.scope in (None, "function", "request"),
        "unknown scope",
        f"`Depends` got the scope {dependency.scope!r}. It knows two, in small letters: 'request' and 'function'.",
    )
    async with served(attempt.sessions) as site:
        seen = _add_tags(attempt, site, dependency)
        with _commits(site):
            await _is_stored_before_the_reply(attempt, site, seen, dependency)
        await _keeps_nothing_of_a_refusal(attempt, site, seen)
        await _keeps_nothing_of_a_fault(attempt, site)
        await _tells_of_a_failed_commit(attempt, site)


def _add_tags(attempt: Attempt, site: Site, dependency: Any) -> list[object]:
    """A route that uses the dependency, as a colleague would write it. Returns the sessions that it will get."""
    seen: list[object] = []
    event.listen(attempt.engine.sync_engine, "commit", lambda _: site.happened.append("COMMIT"))

    async def mail() -> None:
        site.happened.append("mail")

    @site.app.post("/tags", status_code=201)
    async def add_tag(name: str, tasks: BackgroundTasks, session: Any = dependency) -> None:
        seen.append(session)
        site.happened.append(WORK)
        await _add(session, name, site)
        if name == REFUSED:
            raise HTTPException(409, "no such tag, please")
        if name == BROKEN:
            raise Fault("a mistake of the route")
        tasks.add_task(mail)

    return seen


@contextmanager
def _commits(site: Site) -> Iterator[None]:
    """Notes when a session is told to commit, also where it has nothing to send."""

    def asked(session: Session) -> None:
        site.happened.append(ASKED)

    event.listen(Session, "before_commit", asked)
    try:
        yield
    finally:
        event.remove(Session, "before_commit", asked)


async def _add(session: object, name: str, site: Site) -> None:
    if isinstance(session, AsyncSession):
        try:
            session.add(Tag(name=name))
            await session.flush()
            if name == TOO_LATE:
                await _spoil_the_commit(session)
        except InvalidRequestError:
            site.happened.append(CLOSED)


async def _spoil_the_commit(session: AsyncSession) -> None:
    """A post of nobody, which SQLite finds at COMMIT, as with the deferred key of the lesson."""
    await session.execute(text("PRAGMA defer_foreign_keys = ON"))
    await session.execute(insert(Post).values(title="?", content="?", published=False, author_id=MAX_ID))


async def _is_stored_before_the_reply(
    attempt: Attempt, site: Site, seen: list[object], dependency: Any
) -> None:
    reply = await _first_reply(attempt, site, dependency.dependency)
    attempt.require(
        seen,
        "route not reached",
        f"A client asked a route with your dependency, and was answered with {reply.status_code} {body_of(reply)}. "
        "FastAPI reads the parameters of the function in `Depends` from the request: does it have any?",
    )
    _is_a_session(attempt, seen[0], dependency.dependency)
    attempt.require(
        CLOSED not in site.happened,
        "session gone",
        "The route got its session, and it was closed already. When does the block end that opened it?",
    )
    wants(attempt, reply, "POST /tags?name=owls", 201)
    _in_order(attempt, site, stored=await _has(attempt, "owls"))


async def _first_reply(attempt: Attempt, site: Site, function: Any) -> Response:
    try:
        return await ask(attempt, site, "POST /tags?name=owls")
    except NotYet as fault:
        if "'State' object" in fault.told:
            fault.misconception = "not your sessions"
            fault.told += (
                f". The factory is the parameter `sessions` of `{attempt.name}`; no application holds it."
            )
        attempt.require(
            isasyncgenfunction(function) or not isasyncgenfunction(unwrap(function)),
            "decorated dependency",
            f"`Depends` got `{getattr(function, '__name__', 'it')}` with a decorator on it, and no session came of it. "
            "FastAPI wants the function with the `yield` as it is, and makes a block of it by itself.",
        )
        raise


def _is_a_session(attempt: Attempt, given: object, function: Any) -> None:
    if isinstance(given, AsyncSession):
        return
    attempt.require(
        not isinstance(given, AbstractAsyncContextManager),
        "block not entered",
        "The route got no session, but the block that would open one, and nobody has entered it. Write a function that "
        "enters it, and hands over what it gives.",
    )
    behind = "What stands behind its `yield`?" if isasyncgenfunction(function) else "It has no `yield`."
    raise attempt.not_yet(
        "no session", f"The route got {_shown(given)} as its session, from {_shown(function)}. {behind}"
    )


def _in_order(attempt: Attempt, site: Site, *, stored: bool) -> None:
    attempt.require(
        stored or ASKED not in site.happened[: site.happened.index(WORK)],
        "commit too early",
        "A route added a tag and returned, and the tag is not in the table. Your dependency said commit before the "
        "route had begun, when there was nothing to keep. What stands in front of its `yield` happens first.",
    )
    attempt.require(
        stored,
        "commit missing",
        "A route added a tag and returned. The client saw 201, and the tag is not in the table.",
    )
    happened = ", ".join(each for each in site.happened if each != ASKED)
    attempt.require(
        "COMMIT" in site.happened[: site.happened.index("reply 201")],
        "reply before commit",
        f"This is what happened, in this order: {happened}. The client heard of a tag that nobody "
        "could see yet. And if that commit had failed, nobody could have called the 201 back.",
    )


async def _keeps_nothing_of_a_refusal(attempt: Attempt, site: Site, seen: list[object]) -> None:
    reply = await ask(attempt, site, f"POST /tags?name={REFUSED}", expected=(Exception,))
    others = [error for error in site.errors if not isinstance(error, UnboundLocalError)]
    left_open = attempt.left_open()
    attempt.require(
        len(seen) == 2 and seen[0] is not seen[1],
        "one session for all",
        "Two requests came, and both got the same session: each of them works in the other's transaction.",
    )
    attempt.require(
        not await _has(attempt, REFUSED),
        "error committed",
        "A route added a tag, flushed it, and raised HTTPException(409). The tag is in the table all the same.",
    )
    attempt.require(
        reply.status_code == 409 or reply.is_success or (site.errors and not others),
        "another error raised",
        f"A route raised HTTPException(409), and the client saw {reply.status_code} {body_of(reply)}: your dependency "
        f"raised {told(others[0]) if others else 'another error'} in its place. The route's own has to go on.",
    )
    attempt.require(
        reply.status_code == 409,
        "error swallowed",
        f"A route raised HTTPException(409), and the client saw {reply.status_code}. The error passes through the "
        "`yield` of your dependency, and there it ended. It has to go on.",
    )
    attempt.require(
        left_open == 0,
        "leaked session",
        f"A route raised HTTPException(409), the client has its reply, and {left_open} connection is still in use.",
    )


async def _keeps_nothing_of_a_fault(attempt: Attempt, site: Site) -> None:
    """The same with an error that is not of FastAPI's own kind."""
    await ask(attempt, site, f"POST /tags?name={BROKEN}", expected=(Exception,))
    called = (
        f"A route added a tag, flushed it, and failed with {Fault.__name__}, an error that no one foresaw."
    )
    attempt.require(
        not await _has(attempt, BROKEN),
        "other errors committed",
        f"{called} The tag is in the table all the same.",
    )
    attempt.require(
        any(isinstance(error, Fault) for error in site.errors),
        "error swallowed",
        f"{called} It passed through the `yield` of your dependency, and there it ended. It has to go on.",
    )
    _nothing_in_use(attempt, called)


async def _tells_of_a_failed_commit(attempt: Attempt, site: Site) -> None:
    reply = await ask(attempt, site, f"POST /tags?name={TOO_LATE}", expected=(IntegrityError,))
    called = f"A route added a tag and returned. The COMMIT failed, and the client saw {reply.status_code}."
    attempt.require(
        reply.status_code >= 400,
        "failed commit hidden",
        f"{called} It takes that for a tag which nobody has. The error of the commit has to go on, too.",
    )
    _nothing_in_use(attempt, called)


def _nothing_in_use(attempt: Attempt, called: str) -> None:
    left_open = attempt.left_open()
    attempt.require(left_open == 0, "leaked session", f"{called} And {left_open} connection is still in use.")


async def _has(attempt: Attempt, name: str) -> bool:
    return await attempt.scalar(select(Tag.id).where(Tag.name == name)) is not None


def _shown(thing: object) -> str:
    """As Python tells it, without the place in memory."""
    if isasyncgen(thing):
        return f"what the call `{thing.__name__}()` gives"
    return f"the function `{thing.__name__}`" if isfunction(thing) else shown(thing)
