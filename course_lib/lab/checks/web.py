"""Lesson 10: what a client sees and when it is true, what leaves the house, and how long a connection is lent."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from inspect import isasyncgen, isasyncgenfunction, isfunction, unwrap
from textwrap import indent
from typing import Any

from fastapi import BackgroundTasks, HTTPException
from fastapi.exceptions import ResponseValidationError
from fastapi.params import Depends as Dependency
from fastapi.responses import JSONResponse, StreamingResponse
from httpx import Response
from sqlalchemy import event, func, insert, literal, select, text
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.lab.judging.asking import (
    ask,
    asked_here,
    body_of,
    fields_of,
    json_of,
    part_of,
    raised_not_returned,
    wants,
)
from course_lib.lab.judging.attempts import Attempt, count_of, judge
from course_lib.lab.judging.listings import limited_in_order, most_rows, shown
from course_lib.lab.judging.sandbox import NotYet, told
from course_lib.lab.judging.served import Site, served
from course_lib.models import MAX_ID, Post, Tag, User, post_tags
from course_lib.schemas import PostResponse

HUGE = 10**20
MOST = 100
REFUSED, BROKEN, TOO_LATE = "refused", "broken", "too-late"
CLOSED = "closed already"


class Fault(Exception):
    """What a route raises by mistake."""


@judge("10.1")
async def a_post_and_its_author(attempt: Attempt) -> None:
    key = await _new_post(attempt)
    hashes = select(User.hashed_password).order_by(User.id)
    before = await attempt.rows(hashes)
    async with served(attempt.sessions) as site:
        await attempt.call(site.app, site.database)
        reply = await ask(attempt, site, f"GET /posts/{key}")
        asked_here(attempt, reply, f"GET /posts/{key}")
        attempt.require(
            await attempt.rows(hashes) == before,
            "password erased",
            f"`GET /posts/{key}` changed a user's `hashed_password` in the table: what is set on an object is stored "
            "by the commit. The author cannot log in any more.",
        )
        await _shows_what_it_should(attempt, reply, key)
        request = f"GET /posts/{key + 1}"
        nobody = await ask(attempt, site, request, expected=(ResponseValidationError,))
        raised_not_returned(attempt, site, nobody, request)
    wants(attempt, nobody, request, 404)


async def _new_post(attempt: Attempt) -> int:
    """The key of one more post, the last: no other database has it."""
    author = await attempt.key(attempt.chance.choice(("yuki", "juno", "priya")))
    title = f"Owls, part {attempt.chance.randrange(100, 999)}"
    await attempt.change(insert(Post).values(title=title, content="Hoo.", published=True, author_id=author))
    key = int(await attempt.scalar(select(func.max(Post.id))))
    tags = select(literal(key), Tag.id).where(Tag.name.in_(("maps", "radio")))
    await attempt.change(insert(post_tags).from_select(["post_id", "tag_id"], tags))
    return key


async def _shows_what_it_should(attempt: Attempt, reply: Response, key: int) -> None:
    request = f"GET /posts/{key}"
    wants(attempt, reply, request, 200)
    attempt.require(json_of(reply), "nothing returned", f"`{request}` was answered with {reply.text!r}.")
    hashed = await attempt.scalar(select(User.hashed_password).join(Post).where(Post.id == key))
    attempt.require(
        hashed not in reply.text,
        "hash leaked",
        f"`{request}` sends `hashed_password` to everybody who asks. It sends {fields_of(reply)}, and the author "
        f"with {fields_of(reply, 'author')}.",
    )
    _has_the_fields(attempt, reply, request, wanted={*PostResponse.model_fields})
    _has_the_fields(attempt, reply, request, wanted={"id", "username"}, part="author")
    [(title, author)] = await attempt.rows(select(Post.title, User.username).join(User).where(Post.id == key))
    attempt.require(
        (part_of(reply).get("title"), part_of(reply, "author").get("username")) == (title, author),
        "wrong post",
        f"Post {key} is {title!r} by {author}. The reply is {body_of(reply)}",
    )


def _has_the_fields(
    attempt: Attempt, reply: Response, request: str, *, wanted: set[str], part: str = ""
) -> None:
    path = (part,) if part else ()
    sent = part_of(reply, *path).keys()
    where = f"`{request}` sends {fields_of(reply, *path) if sent else body_of(reply)}"
    where += f" of the {part}" if part and sent else ""
    more, less = ", ".join(sorted(sent - wanted)), ", ".join(sorted(wanted - sent))
    attempt.require(not more, "more than the model", f"{where}. `PostResponse` does not list {more}.")
    attempt.require(
        not less, "fields missing", f"{where}. `PostResponse` lists {less}{' too' if sent else ''}."
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


@judge("10.3")
async def a_page_of_titles(attempt: Attempt) -> None:
    await _new_post(attempt)
    async with served(attempt.sessions) as site:
        await attempt.call(site.app, site.database)
        await _shows_the_titles(attempt, site)
        for query in (f"limit={HUGE}", f"skip={HUGE}", "limit=-1", "skip=-1", "limit=0", f"limit={MOST + 1}"):
            await _refuses(attempt, site, query)
        for query in ("skip=0&limit=1", f"skip=1000000&limit={MOST}"):
            reply = await ask(attempt, site, f"GET /titles?{query}")
            attempt.require(
                reply.status_code == 200,
                "bounds too narrow",
                f"`GET /titles?{query}` was answered with {reply.status_code}. Both ends are included: 0 to 1,000,000 "
                f"for `skip`, and 1 to {MOST} for `limit`.",
            )


async def _shows_the_titles(attempt: Attempt, site: Site) -> None:
    titles = [title for (title,) in await attempt.rows(select(Post.title).order_by(Post.id))]
    skip, limit = attempt.chance.choice((3, 5)), attempt.chance.choice((2, 4))
    pages = {"": titles[:20], f"?skip={skip}&limit={limit}": titles[skip : skip + limit]}
    pages["?limit=100"] = titles  # the last of them is in no other database
    for query, wanted in pages.items():
        reply = await ask(attempt, site, f"GET /titles{query}")
        wants(attempt, reply, f"GET /titles{query}", 200)
        asked_here(attempt, reply, f"GET /titles{query}")
        limited_in_order(attempt, f"`GET /titles{query}`")
        attempt.require(
            json_of(reply) == wanted,
            "wrong titles",
            f"`GET /titles{query}` was answered with {_length(reply)} titles: {body_of(reply)} Asked for were "
            f"{len(wanted)}, which begin with {wanted[0]!r}.",
        )
        attempt.require(
            most_rows(attempt) <= len(wanted),
            "all rows fetched",
            f"`GET /titles{query}` fetched {most_rows(attempt)} rows for {len(wanted)} titles: who should cut it off?",
        )


async def _refuses(attempt: Attempt, site: Site, query: str) -> None:
    reply = await ask(attempt, site, f"GET /titles?{query}", expected=(Exception,))
    raised_not_returned(attempt, site, reply, f"GET /titles?{query}")
    asked = f"`GET /titles?{query}` was answered with {reply.status_code}"
    reason = f"What happened is {told(site.errors[0])}. " if site.errors else ""
    attempt.require(
        reply.status_code < 500,
        "500 for bad input",
        f"{asked}, which says that the server made the mistake. {reason}It was the client's: 422 was asked for.",
    )
    attempt.require(
        reply.status_code != 200 or str(HUGE) not in query,
        "silently another page",
        f"{asked} and {_length(reply)} titles. The client got another page than it asked for, and nobody told it.",
    )
    attempt.require(
        reply.status_code != 200,
        "bad input accepted",
        f"{asked} and {_length(reply)} titles. The task has bounds for both numbers; 422 was asked for.",
    )
    attempt.require(reply.status_code == 422, "wrong status", f"{asked}; 422 was asked for.")


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
    attempt.require(got == names, "wrong lines", f"The reader got {got}; the database has {names}.")
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
        await _add(session, name, site)
        if name == REFUSED:
            raise HTTPException(409, "no such tag, please")
        if name == BROKEN:
            raise Fault("a mistake of the route")
        tasks.add_task(mail)

    return seen


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
        stored,
        "commit missing",
        "A route added a tag and returned. The client saw 201, and the tag is not in the table.",
    )
    attempt.require(
        "COMMIT" in site.happened[: site.happened.index("reply 201")],
        "reply before commit",
        f"This is what happened, in this order: {', '.join(site.happened)}. The client heard of a tag that nobody "
        "could see yet. And if that commit had failed, nobody could have called the 201 back.",
    )


async def _keeps_nothing_of_a_refusal(attempt: Attempt, site: Site, seen: list[object]) -> None:
    reply = await ask(attempt, site, f"POST /tags?name={REFUSED}", expected=(UnboundLocalError,))
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


def _length(reply: Response) -> int:
    found = json_of(reply)
    return len(found) if isinstance(found, list) else 0
