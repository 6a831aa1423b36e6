"""Exercise 15.5, Rows of one user: the setting that a policy reads is there for each query, and gone for the next."""

from typing import Any

from sqlalchemy import select, text, update

from course_lib.db import create_engine
from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.registry import POSTGRES, judge

ROLE = "pg_write_all_data"
"""One that every server has, which owns no table: policies bind it, and nothing is left of it behind a database."""
POLICY = f"""
    GRANT SELECT, UPDATE ON posts TO {ROLE};
    ALTER TABLE posts ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own_posts ON posts
        USING (author_id = nullif(current_setting('app.user_id', true), '')::int)
"""
FOR_TRANSACTION = text("SELECT set_config('app.user_id', :me, true)")
FOR_CONNECTION = text("SELECT set_config('app.user_id', :me, false)")
PUBLISH = text("UPDATE posts SET published = true WHERE id = :key")
DRAFTS = select(Post.title).where(~Post.published).order_by(Post.id)


@judge("15.5", on=(POSTGRES,))
async def said_for_each_transaction(attempt: Attempt) -> None:
    letters = attempt.order(await attempt.call())
    page = attempt.program(
        [attempt.blocks[letter] for letter in letters],
        first="async def page(sessions, me, key):",
        names={
            "for_transaction": FOR_TRANSACTION,
            "for_connection": FOR_CONNECTION,
            "publish": PUBLISH,
            "own_drafts": DRAFTS,
        },
    )
    me = await attempt.key(attempt.chance.choice(("mira", "tomas", "juno")))
    await attempt.change(update(Post).where(Post.author_id == me).values(published=False))
    for each in POLICY.split(";"):
        await attempt.change(text(each))
    as_web: dict[str, Any] = {"connect_args": {"server_settings": {"role": ROLE}}}
    engine = create_engine(attempt.engine.url, pool_size=1, max_overflow=0, **as_web)
    web = type(attempt)(page, engine, attempt.blocks, hidden=False)
    web.name = attempt.name
    try:
        await _one_request(attempt, web, me)
        await _the_next_one(web, me)
    finally:
        await web.close()


async def _one_request(attempt: Attempt, web: Attempt, me: int) -> None:
    posts = await attempt.rows(select(Post.id, Post.title).where(Post.author_id == me).order_by(Post.id))
    (key, title), *others = posts
    got = await web.call(web.sessions, me, key)
    wanted = [each for _, each in others]
    called = f"In this order, a request of user {me}, who has {len(posts)} drafts and publishes one of them,"
    changed = next((each.rows for each in web.sent if each.text.startswith("UPDATE")), None)
    web.require(changed is not None, "nothing published", f"{called} sends no UPDATE: `publish` is left out.")
    web.require(
        changed == 1,
        "set behind the first query",
        f"{called} changes {changed} rows: at that moment nobody had told the database who asks, and the policy "
        "shows no row to nobody. It is no error.",
    )
    web.require(
        await attempt.scalar(select(Post.published).where(Post.id == key)),
        "commit missing",
        f"{called} changes one row, and in another session it is still a draft.",
    )
    web.require(got is not None, "nothing returned", f"{called} returns None.")
    web.require(
        got or not any(each.text.startswith("SELECT posts") for each in web.sent),
        "lost behind the commit",
        f"{called} finds {got!r} in place of {len(wanted)} titles. What was said for one transaction ended with it, "
        "and the query began another one.",
    )
    web.require(
        title not in got,
        "drafts read too early",
        f"{called} shows the drafts as they were before: {title!r:.40} is one of them.",
    )
    web.require(got == wanted, "wrong drafts", f"{called} returns {got!r:.60} in place of {wanted!r:.60}.")


async def _the_next_one(web: Attempt, me: int) -> None:
    """A request that forgets to say who it is, over the connection that the last one has given back."""
    async with web.engine.connect() as connection:
        found = len((await connection.execute(select(Post.id))).all())
    web.require(
        not found,
        "SET without LOCAL",
        f"The next request gets the same connection from the pool, and forgets to say who it is. It sees {found} "
        f"posts, all of user {me}: what is said for a connection stays when it goes back.",
    )
