"""Exercise 10.3, Minus one titles: bad numbers are refused, and good ones give a page in order."""

from httpx import Response
from sqlalchemy import delete, func, select

from course_lib.lab.serving_in_this_loop import Site, served
from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l10_web.one_more_post import new_post
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.returned_lists import limited_in_order, most_rows
from course_lib.school.stages.web_requests import (
    ask,
    asked_here,
    body_of,
    json_of,
    raised_not_returned,
    wants,
)

HUGE = 10**20
MOST = 100


MUCH = 1_000_000
OUT_OF_BOUNDS = (
    f"limit={HUGE}",
    f"skip={HUGE}",
    "limit=-1",
    "skip=-1",
    "limit=0",
    f"limit={MOST + 1}",
    f"skip={MUCH + 1}",
)


@judge("10.3", on=BOTH)
async def a_page_of_titles(attempt: Attempt) -> None:
    await new_post(attempt)
    await attempt.change(delete(Post).where(Post.id == select(func.min(Post.id)).scalar_subquery()))
    async with served(attempt.sessions) as site:
        await attempt.call(site.app, site.database)
        await _shows_the_titles(attempt, site)
        for query in OUT_OF_BOUNDS:
            await _refuses(attempt, site, query)


async def _shows_the_titles(attempt: Attempt, site: Site) -> None:
    titles = [title for (title,) in await attempt.rows(select(Post.title).order_by(Post.id))]
    skip, limit = attempt.chance.choice((3, 5)), attempt.chance.choice((2, 4))
    pages = {"": titles[:20], f"?skip={skip}&limit={limit}": titles[skip : skip + limit]}
    pages[f"?limit={MOST}"] = titles  # the last of them is in no other database
    pages |= {"?skip=0&limit=1": titles[:1], f"?skip={MUCH}&limit={MOST}": []}
    for query, wanted in pages.items():
        reply = await ask(attempt, site, f"GET /titles{query}")
        attempt.require(
            not query or reply.status_code not in (400, 422),
            "bounds too narrow",
            f"`GET /titles{query}` was answered with {reply.status_code}. Both ends are included: 0 to 1,000,000 for "
            f"`skip`, and 1 to {MOST} for `limit`.",
        )
        wants(attempt, reply, f"GET /titles{query}", 200)
        asked_here(attempt, reply, f"GET /titles{query}")
        limited_in_order(attempt, f"`GET /titles{query}`")
        attempt.require(
            json_of(reply) == wanted,
            "wrong titles",
            f"`GET /titles{query}` was answered with {_length(reply)} titles: {body_of(reply)} Asked for were "
            f"{len(wanted)}{f', which begin with {wanted[0]!r}' if wanted else ''}.",
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


def _length(reply: Response) -> int:
    found = json_of(reply)
    return len(found) if isinstance(found, list) else 0
