"""Exercise 04.3, Page after page: each post is shown once, whatever plan the database has."""

from datetime import timedelta

from sqlalchemy import insert, select, text

from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Post
from course_lib.repositories import PostRepository
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.judges.registry import judge


@judge("04.3")
async def each_post_once(attempt: Attempt) -> None:
    # Along the index of the feed, equal times would come in the order of keys, by chance.
    await attempt.change(
        text("DROP INDEX ix_posts_feed"), insert(Post).values(await _from_an_import(attempt))
    )
    wanted = await attempt.rows(select(Post.id, Post.created_at).where(Post.published))
    letter = attempt.choice(await attempt.call())
    seen = await _walk(attempt, letter)
    time_of = dict(map(tuple, wanted))
    times = [time_of.get(key, FIRST_POST_AT) for key in seen]
    newest, first = max(time_of.values()), times[0]
    attempt.require(
        times == sorted(times, reverse=True),
        "LIMIT without ORDER BY",
        f"The pages of option {letter} begin with a post of {first:%d %B}; the newest is of {newest:%d %B}. "
        "This database happens to go along the keys, and another one does not.",
    )
    twice, never = len(seen) - len(set(seen)), len(time_of.keys() - set(seen))
    attempt.require(
        not twice and not never,
        "ties undecided",
        f"With option {letter}, page after page, {twice} posts were shown twice and {never} never. "
        "With the new index the database put equal times into another order.",
    )


async def _from_an_import(attempt: Attempt) -> list[dict[str, object]]:
    """Thirty posts in two moments, the later moment first."""
    author, hours = await attempt.key("olek"), attempt.chance.randrange(400, 500)
    return [
        {
            "title": f"Radio play {number}",
            "content": "…",
            "published": True,
            "author_id": author,
            "created_at": FIRST_POST_AT + timedelta(hours=hours - number // 15),
        }
        for number in range(30)
    ]


async def _walk(attempt: Attempt, letter: str) -> list[int]:
    """The keys that five at a time are shown; after the second page somebody adds an index."""
    page = attempt.program(
        [f"return list({attempt.blocks[letter]})"],
        first="async def page(session, skip, limit):",
        names={"select": select, "Post": Post, "PostRepository": PostRepository},
    )
    seen: list[int] = []
    for skip in range(0, await attempt.scalar(count_of(select(Post).where(Post.published))), 5):
        if skip == 10:
            await attempt.change(text("CREATE INDEX newest ON posts (published, created_at)"))
        async with attempt.sessions() as session:
            seen += [post.id for post in await attempt.call(session, skip, 5, function=page)]
    return seen
