"""Exercise 10.1, What the page shows: the reply holds what its model lists, and no more."""

from typing import Any

from fastapi.exceptions import ResponseValidationError
from httpx import Response
from pydantic import ValidationError
from sqlalchemy import select

from course_lib.eager_loading import author_and_tags
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
    keys = [await new_post(attempt, "maps", "radio"), await new_post(attempt, published=False)]
    async with served(attempt.sessions) as site:
        await attempt.call(site.app, site.database)
        for key in keys:
            hashes = await _hashes(attempt)
            reply = await ask(attempt, site, f"GET /posts/{key}")
            asked_here(attempt, reply, f"GET /posts/{key}")
            attempt.require(
                await _hashes(attempt) == hashes,
                "password erased",
                f"`GET /posts/{key}` changed a user's `hashed_password` in the table: what is set on an object is "
                "stored by the commit. The author cannot log in any more.",
            )
            await _shows_what_it_should(attempt, reply, key)
        request = f"GET /posts/{key + 1}"
        nobody = await ask(attempt, site, request, expected=(ResponseValidationError,))
        raised_not_returned(attempt, site, nobody, request)
    wants(attempt, nobody, request, 404, why="there is no such post")


async def _hashes(attempt: Attempt) -> list[str]:
    return await attempt.rows(select(User.hashed_password).order_by(User.id))


async def _shows_what_it_should(attempt: Attempt, reply: Response, key: int) -> None:
    request = f"GET /posts/{key}"
    wanted = await _post(attempt, key)
    attempt.require(
        reply.status_code != 404 or wanted.tags or not attempt.sent,
        "post missing",
        f"`{request}` was answered with 404. There is such a post: a draft, without a tag.",
    )
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
    _tells_the_same(attempt, reply, request, wanted)


async def _post(attempt: Attempt, key: int) -> PostResponse:
    async with attempt.sessions() as session:
        rows = select(Post).where(Post.id == key).options(*author_and_tags())
        return PostResponse.model_validate((await session.scalars(rows)).one())


def _tells_the_same(attempt: Attempt, reply: Response, request: str, wanted: PostResponse) -> None:
    """Tags may come in any order, and a time in any words."""
    tags = part_of(reply)["tags"]
    told = f"`{request}` sends the tags {tags!r:.100}. The post has {len(wanted.tags)}, each with `id` and `name`"
    attempt.require(tags or not wanted.tags, "tags missing", f"{told}.")
    try:
        sent = PostResponse.model_validate(part_of(reply))
    except ValidationError as error:
        fault = error.errors()[0]
        attempt.require(fault["loc"][0] != "tags", "wrong tags", f"{told}.")
        raise attempt.not_yet(
            "wrong shape", f"`{request}` sends a `{fault['loc'][0]}` that does not fit: {fault['msg']}."
        ) from None
    for each in tags:
        attempt.require(each.keys() == {"id", "name"}, "more than the model", f"{told} alone.")
    in_words = wanted.model_dump(mode="json")
    for name in PostResponse.model_fields:
        found, right = (_in_order(getattr(post, name)) for post in (sent, wanted))
        attempt.require(
            found == right,
            "wrong tags" if name == "tags" else "wrong post",
            f"`{request}` sends as `{name}` {part_of(reply)[name]!r:.100}. In the table it is {in_words[name]!r:.100}.",
        )


def _in_order(value: Any) -> Any:
    return sorted(value, key=lambda tag: tag.id) if isinstance(value, list) else value


def _has_the_fields(
    attempt: Attempt, reply: Response, request: str, *, wanted: set[str], part: str = ""
) -> None:
    path = (part,) if part else ()
    sent = part_of(reply, *path).keys()
    attempt.require(
        sent or part_of(reply).get(part) is None,
        "wrong shape",
        f"`{request}` sends the {part} {part_of(reply).get(part)!r:.100}; an object with {', '.join(sorted(wanted))} "
        "was asked for.",
    )
    where = f"`{request}` sends {fields_of(reply, *path) if sent else body_of(reply)}"
    where += f" of the {part}" if part and sent else ""
    more, less = ", ".join(sorted(sent - wanted)), ", ".join(sorted(wanted - sent))
    attempt.require(not more, "more than the model", f"{where}. `PostResponse` does not list {more}.")
    attempt.require(
        not less, "fields missing", f"{where}. `PostResponse` lists {less}{' too' if sent else ''}."
    )
