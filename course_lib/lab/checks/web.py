"""Lesson 10: what a client sees and when it is true, what leaves the house, and how long a connection is lent."""

from collections.abc import Callable
from inspect import isasyncgenfunction
from textwrap import indent
from typing import Any

from fastapi import BackgroundTasks, HTTPException
from fastapi.exceptions import ResponseValidationError
from fastapi.params import Depends as Dependency
from fastapi.responses import JSONResponse, StreamingResponse
from httpx import Response
from sqlalchemy import event, func, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.lab.checks.asking import ask, fields_of, json_of, part_of, wants
from course_lib.lab.checks.judging import Attempt, count_of, judge
from course_lib.lab.checks.sandbox import told
from course_lib.lab.checks.served import Site, served
from course_lib.models import Post, Tag, User
from course_lib.schemas import PostResponse

HUGE = 10**20
MOST = 100
REFUSED = "refused"
CLOSED = "closed already"


@judge("10.1")
async def a_post_and_its_author(attempt: Attempt) -> None:
    posts = [key for (key,) in await attempt.rows(select(Post.id).order_by(Post.id))]
    key, missing = attempt.chance.choice(posts), max(posts) + 1
    hashes = select(User.hashed_password).order_by(User.id)
    before = await attempt.rows(hashes)
    async with served(attempt.sessions) as site:
        await attempt.call(site.app, site.database)
        reply = await ask(attempt, site, f"GET /posts/{key}")
        attempt.require(
            await attempt.rows(hashes) == before,
            "password erased",
            f"`GET /posts/{key}` changed a user's `hashed_password` in the table: what is set on an object is stored "
            "by the commit. The author cannot log in any more.",
        )
        await _shows_what_it_should(attempt, reply, key)
        nobody = await ask(attempt, site, f"GET /posts/{missing}", expected=(ResponseValidationError,))
    wants(attempt, nobody, f"GET /posts/{missing}", 404)


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
        f"Post {key} is {title!r} by {author}. The reply begins {reply.text:.80}",
    )


def _has_the_fields(
    attempt: Attempt, reply: Response, request: str, *, wanted: set[str], part: str = ""
) -> None:
    path = (part,) if part else ()
    sent = part_of(reply, *path).keys()
    where = f"`{request}` sends {fields_of(reply, *path) if sent else f'{reply.text:.60}'}"
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
        f"{answered} status {reply.status_code} and the body {reply.text:.100}. The client reads the status first.",
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
    for query, wanted in pages.items():
        reply = await ask(attempt, site, f"GET /titles{query}")
        wants(attempt, reply, f"GET /titles{query}", 200)
        attempt.require(
            json_of(reply) == wanted,
            "wrong titles",
            f"`GET /titles{query}` was answered with {_length(reply)} titles, {reply.text:.100} Asked for were "
            f"{len(wanted)} that begin with {wanted[0]!r}.",
        )


async def _refuses(attempt: Attempt, site: Site, query: str) -> None:
    reply = await ask(attempt, site, f"GET /titles?{query}", expected=(Exception,))
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
    async with served(attempt.sessions) as site:
        seen = _add_tags(attempt, site, dependency)
        await _is_stored_before_the_reply(attempt, site, seen)
        await _keeps_nothing_of_a_refusal(attempt, site, seen)


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
        tasks.add_task(mail)

    return seen


async def _add(session: object, name: str, site: Site) -> None:
    if isinstance(session, AsyncSession):
        try:
            session.add(Tag(name=name))
            await session.flush()
        except InvalidRequestError:
            site.happened.append(CLOSED)


async def _is_stored_before_the_reply(attempt: Attempt, site: Site, seen: list[object]) -> None:
    reply = await ask(attempt, site, "POST /tags?name=owls")
    attempt.require(
        seen,
        "route not reached",
        f"A client asked a route with your dependency, and was answered with {reply.status_code} {reply.text:.200}. "
        "FastAPI reads the parameters of the function in `Depends` from the request: does it have any?",
    )
    attempt.require(
        isinstance(seen[0], AsyncSession),
        "no session",
        f"The route got {_shown(seen[0])} as its session. What stands behind `yield`?",
    )
    attempt.require(
        CLOSED not in site.happened,
        "session gone",
        "The route got its session, and it was closed already. When does the block end that opened it?",
    )
    wants(attempt, reply, "POST /tags?name=owls", 201)
    _in_order(attempt, site, stored=await _has(attempt, "owls"))


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


async def _has(attempt: Attempt, name: str) -> bool:
    return await attempt.scalar(select(Tag.id).where(Tag.name == name)) is not None


def _shown(thing: object) -> str:
    """As Python tells it, without the place in memory."""
    return f"`{thing!r:.80}".partition(" at 0x")[0] + "`"


def _length(reply: Response) -> int:
    found = json_of(reply)
    return len(found) if isinstance(found, list) else 0
