"""Asks a learner's routes, and says what kept them from answering as they should."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fastapi.exceptions import ResponseValidationError
from httpx import Response
from sqlalchemy.exc import SQLAlchemyError

from course_lib.lab.serving_in_this_loop import Site
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.verdicts import NotAttempted, NotYet
from course_lib.school.stages.returned_lists import shown

NO_ROUTE = {"detail": "Not Found"}
OF_AN_ERROR = {"status_code", "detail"}


async def ask(
    attempt: Attempt,
    site: Site,
    request: str,
    *,
    function: Callable[..., Any] | None = None,
    expected: tuple[type[Exception], ...] = (),
) -> Response:
    """The reply to a request such as 'GET /posts/1', guarded: an error in a route gets the learner's own line."""
    method, path = request.split(" ")
    try:
        return await attempt.reply(site.ask(method, path, expected=expected), function=function)
    except (NotYet, NotAttempted):
        raise
    except ResponseValidationError as error:
        raise _no_reply_of_it(attempt, request, error) from None
    except Exception as error:
        if error not in site.errors:
            raise
        raise _behind_the_route(attempt, request, error) from error


def _no_reply_of_it(attempt: Attempt, request: str, error: ResponseValidationError) -> NotYet:
    """What the route returned does not fit its response model."""
    returned, fault = error.body, error.errors()[0]
    if inspect.iscoroutine(returned):
        returned.close()  # or Python warns of it later
        return attempt.not_yet(
            "missing await", f"`{request}`: the route returned the coroutine of `{returned.__name__}`."
        )
    if returned is None:
        return attempt.not_yet("nothing returned", f"`{request}`: the route returned None.")
    if isinstance(returned, Exception):
        return _error_returned(attempt, request, status=500)
    place = ".".join(str(word) for word in fault["loc"][1:]) or "it"
    if "get_attribute" in fault["type"]:
        return attempt.not_yet(
            "not loaded",
            f"`{request}`: the response model reads `{place}` of {shown(returned)}. That was not loaded, and no "
            "`await` can stand there, so the client gets a 500.",
        )
    return attempt.not_yet(
        "wrong shape",
        f"`{request}`: the route returned {shown(returned)}, which does not fit its response model: {place}: "
        f"{fault['msg']}.",
    )


def _behind_the_route(attempt: Attempt, request: str, error: Exception) -> NotYet:
    if "coroutine" in str(error):
        return attempt.not_yet("missing await", f"`{request}`: what the route returned is a coroutine.")
    what = "No reply could be made of what the route returned, or its dependency broke"
    if isinstance(error, SQLAlchemyError):
        what = "The route returned, and what it had changed could not be stored"
    return attempt.not_yet("error behind the route", f"`{request}` failed. {what}: {told(error)}")


def raised_not_returned(attempt: Attempt, site: Site, reply: Response, request: str) -> None:
    """Raise NotYet where a route returned an error: no reply can be made of it, or a body with its fields."""
    bodies = [error.body for error in site.errors if isinstance(error, ResponseValidationError)]
    if any(isinstance(body, Exception) for body in bodies) or part_of(reply).keys() >= OF_AN_ERROR:
        raise _error_returned(attempt, request, status=reply.status_code)


def _error_returned(attempt: Attempt, request: str, *, status: int) -> NotYet:
    return attempt.not_yet(
        "error returned",
        f"`{request}` was answered with {status}: the route returned its error, and FastAPI took it for the body. An "
        "error is told with `raise`.",
    )


def asked_here(attempt: Attempt, reply: Response, request: str) -> None:
    """Raise NotYet for a reply without a question to the database of the check: it came from somewhere else."""
    attempt.require(
        attempt.sent or reply.status_code in (405, 422) or json_of(reply) in (None, NO_ROUTE),
        "nothing asked",
        f"`{request}` was answered with {reply.status_code} {body_of(reply)}, and the database of this check was asked "
        "nothing. Does the route ask the `session` that `database` gives it, and not another one, such as one of the "
        "notebook's `sessions`?",
    )


def wants(attempt: Attempt, reply: Response, request: str, status: int, *, why: str = "") -> None:
    """Raise NotYet for any other status; `why` says what kind of request this is."""
    if asked_for := _asked_for(reply):
        raise attempt.not_yet(
            "parameter of the request",
            f"`{request}` was answered with 422: FastAPI looks for `{asked_for}` in the request. A parameter that "
            "does not come from the client gets its dependency: `session=database`.",
        )
    attempt.require(
        reply.status_code != 405,
        "wrong method",
        f"`{request}` was answered with 405: the route with this path is for another method.",
    )
    if status != 404:
        attempt.require(
            json_of(reply) != NO_ROUTE or attempt.sent,
            "route missing",
            f"Nobody answers `{request}`: no route has this path.",
        )
    attempt.require(
        reply.status_code == status,
        "wrong status",
        f"`{request}` was answered with {reply.status_code} {body_of(reply)}; {status} was asked "
        f"for{why and f': {why}'}.",
    )


def _asked_for(reply: Response) -> str:
    """The parameter that was missing in the request, if it was that."""
    faults = part_of(reply).get("detail")
    found = [fault for fault in faults if isinstance(fault, dict)] if isinstance(faults, list) else []
    return next((str(fault["loc"][-1]) for fault in found if fault.get("type") == "missing"), "")


def body_of(reply: Response, most: int = 100) -> str:
    """The body for a diagnosis, cut where one can see it."""
    return reply.text if len(reply.text) <= most else f"{reply.text[:most]}…"


def json_of(reply: Response) -> Any:
    """What the reply says; None where it is no JSON."""
    with suppress(ValueError):
        return reply.json()


def part_of(reply: Response, *path: str) -> dict[str, Any]:
    """The object at this place of the reply; empty where there is none."""
    found = json_of(reply)
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def fields_of(reply: Response, *path: str) -> str:
    return ", ".join(sorted(part_of(reply, *path))) or "nothing"
