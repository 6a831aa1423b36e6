"""Exercise 10.1, What the page shows: the reply holds what its model lists, and no more."""

from fastapi.exceptions import ResponseValidationError
from httpx import Response
from sqlalchemy import select

from course_lib.lab.serving_in_this_loop import served
from course_lib.models import Post, User
from course_lib.schemas import PostResponse
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l10_web.one_more_post import new_post
from course_lib.school.judges.registry import judge
from course_lib.school.stages.web_requests import (
    ask,
    asked_here,
    body_of,
    fields_of,
    json_of,
    part_of,
    raised_not_returned,
    wants,
)


@judge("10.1")
async def a_post_and_its_author(attempt: Attempt) -> None:
    key = await new_post(attempt)
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
