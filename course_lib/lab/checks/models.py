"""Lesson 02: what the database refuses, what it fills in, what it deletes, and which moment it keeps."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    true,
)
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.types import TypeEngine

from course_lib.lab.judging.attempts import Attempt, count_of, judge
from course_lib.lab.judging.new_tables import (
    LATECOMER,
    NOBODY,
    accepts,
    create,
    in_words,
    made,
    model_table_of,
    refusal_of,
    refuses_null,
    refuses_other_tables,
    refuses_strangers,
    table_of,
)
from course_lib.lab.judging.sandbox import told
from course_lib.lab.judging.wall_clock import READ_AS_LOCAL, WallClock
from course_lib.models import Account, Post, User

MOMENT = "%d %B %Y, %H:%M"
LONG_TEXT = "crumb " * 500


@judge("02.1")
async def open_or_closed(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    names = {"Column": Column, "Boolean": Boolean, "true": true}
    column = attempt.program([f"return {attempt.blocks[letter]}"], first="def column():", names=names)()
    shops = Table(
        "shops", MetaData(), Column("id", Integer, primary_key=True), Column("name", String(50)), column
    )
    await create(attempt, shops)
    await attempt.change(text("INSERT INTO shops (name) VALUES ('Rye and water')"))
    is_open = await attempt.scalar(select(shops.c.open))
    attempt.require(
        is_open is True,
        "Python default only",
        f"With option {letter}, the shop that a script adds by its name has `open` = {is_open}: a list of the open "
        "shops leaves it out, and so does a list of the closed ones.",
    )
    refused = await refusal_of(attempt, text("INSERT INTO shops (name, open) VALUES ('The crust', NULL)"))
    attempt.require(
        refused,
        "NULL allowed",
        f"With option {letter}, a script writes NULL into `open`, and nobody objects. That shop is neither open nor "
        "closed.",
    )


@judge("02.2")
async def each_like_once(attempt: Attempt) -> None:
    likes = await made(attempt, await table_of(attempt), "likes", ("user_id", "post_id"))
    [yuki, mira] = [await attempt.key("yuki"), await attempt.key("mira")]
    [first, second] = [key for (key,) in await attempt.rows(select(Post.id).order_by(Post.id).limit(2))]
    await accepts(attempt, likes, user_id=yuki, post_id=first)
    for pair in ({"user_id": yuki, "post_id": second}, {"user_id": mira, "post_id": first}):
        refusal = await refusal_of(attempt, insert(likes).values(pair))
        attempt.require(
            not refusal,
            "key too narrow",
            f"User {yuki} likes post {first}. Then `likes` refused another pair, {in_words(pair)}: {refusal}.",
        )
    await _refuses_the_same_pair(attempt, likes, {"user_id": yuki, "post_id": first})
    await refuses_null(attempt, likes, {"user_id": yuki, "post_id": second})
    for pair in ({"user_id": yuki, "post_id": NOBODY}, {"user_id": NOBODY, "post_id": first}):
        await refuses_strangers(attempt, likes, pair)
    await refuses_other_tables(attempt, likes, {"user_id": yuki, "post_id": second})
    await accepts(attempt, likes, user_id=LATECOMER, post_id=second)


async def _refuses_the_same_pair(attempt: Attempt, likes: Table, pair: dict[str, int]) -> None:
    refusal = await refusal_of(attempt, insert(likes).values(pair))
    has_key = len(likes.primary_key.columns) > 0
    why = (
        "Its own key makes each row different, however often the pair comes."
        if has_key
        else "The table has no key."
    )
    attempt.require(
        refusal,
        "surrogate key only" if has_key else "key missing",
        f"`likes` took {in_words(pair)} twice. {why}",
    )


@judge("02.3")
async def the_right_moment(attempt: Attempt) -> None:
    clock = WallClock(2025, 3, 1, 2, 30) + timedelta(days=attempt.chance.randrange(200))
    author_id = await attempt.key("amara")
    for hours in (attempt.chance.choice((5, 8)), attempt.chance.choice((-7, -3))):
        READ_AS_LOCAL.clear()
        async with attempt.sessions() as session:
            got = await attempt.call(session, author_id, clock, hours, expected=(StatementError,))
            if not isinstance(got, Exception):
                await session.commit()
        _is_no_error(attempt, got)
        _is_that_moment(attempt, await _kept_under(attempt, got), clock, hours)


async def _kept_under(attempt: Attempt, got: object) -> datetime:
    attempt.require(
        got is not None,
        "id asked too early",
        f"`{attempt.name}` returned None; the id of the new post was asked for. The database gives the id when it gets "
        "the INSERT. Was it asked for before that, or not returned?",
    )
    if isinstance(got, int):
        stored = await attempt.scalar(select(Post.created_at).where(Post.id == got))
        if isinstance(stored, datetime):
            return stored
    raise attempt.not_yet(
        "not the id", f"`{attempt.name}` returned {got!r:.60}; the id of the new post was asked for."
    )


def _is_no_error(attempt: Attempt, got: object) -> None:
    if not isinstance(got, StatementError):
        return
    if "no time zone" in str(got):
        what, _, _ = told(got).partition(";")  # behind it stands advice for a post of this moment
        raise attempt.not_yet(
            "naive datetime",
            f"`{attempt.name}` raised {what}. Her clock does not say where it hangs; `hours` does.",
        )
    raise attempt.not_yet("refused by the database", f"`{attempt.name}` raised {told(got)}")


def _is_that_moment(attempt: Attempt, stored: datetime, clock: datetime, hours: int) -> None:
    as_if_utc = clock.replace(tzinfo=UTC)
    moment = as_if_utc - timedelta(hours=hours)
    side = "ahead of" if hours > 0 else "behind"
    asked = (
        f"Her clock showed {clock:{MOMENT}}, {abs(hours)} hours {side} UTC, so it was {moment:{MOMENT}} UTC."
    )
    attempt.require(
        abs(datetime.now(UTC) - stored) > timedelta(days=1),
        "now instead of then",
        f"{asked} `{attempt.name}` stored the present moment.",
    )
    story = f"{asked} `{attempt.name}` stored {stored:{MOMENT}} UTC."
    attempt.require(
        stored == moment or not READ_AS_LOCAL,
        "the computer's zone",
        f"{story} A bare time was taken for a time of the computer's own clock, as `astimezone` and `timestamp` do. In "
        "this check that clock is 11 hours and 15 minutes ahead of UTC. Which zone was hers?",
    )
    attempt.require(stored != as_if_utc, "zone pasted on", f"{story} The hours were left out.")
    attempt.require(
        stored != as_if_utc + timedelta(hours=hours),
        "wrong direction",
        f"{story} Which clock is behind the other?",
    )
    attempt.require(stored == moment, "wrong time", story)


@judge("02.4")
async def comments_of_a_post(attempt: Attempt) -> None:
    comments = await made(attempt, await model_table_of(attempt), "comments", ("id", "post_id", "body"))
    [(post_id,)] = await attempt.rows(select(func.min(Post.id)))
    row = {"post_id": post_id, "body": "What a loaf!"}
    await accepts(attempt, comments, **row)
    await refuses_strangers(attempt, comments, row | {"post_id": NOBODY})
    await refuses_other_tables(attempt, comments, row)
    await refuses_null(attempt, comments, row)
    await _takes_many(attempt, comments, row)
    await _takes_any_text(attempt, comments, post_id)
    await _goes_with_its_post(attempt, comments, post_id)
    await _is_indexed(attempt)


async def _takes_many(attempt: Attempt, comments: Table, row: dict[str, Any]) -> None:
    """Another comment on the same post, the same words on another post, and the very same comment again."""
    another_post = await attempt.scalar(select(func.max(Post.id)))
    for more in (row | {"body": "And what a crust!"}, row | {"post_id": another_post}, row):
        refusal = await refusal_of(attempt, insert(comments).values(more))
        attempt.require(
            not refusal,
            "unique for no reason",
            f"`comments` took {in_words(row)}. Then it refused {in_words(more)}: {refusal}.",
        )


async def _takes_any_text(attempt: Attempt, comments: Table, post_id: int) -> None:
    await accepts(attempt, comments, post_id=post_id, body="007")
    kept = [body for (body,) in await attempt.rows(select(comments.c.body))]
    attempt.require(
        "007" in kept, "not a text", f"`comments` was given the text '007' as `body`, and keeps {kept[-1]!r}."
    )
    await accepts(attempt, comments, post_id=post_id, body=LONG_TEXT)
    async with attempt.engine.connect() as connection:
        kind = await connection.run_sync(_type_of_the_body)
    attempt.require(
        getattr(kind, "length", None) is None,
        "length limited",
        f"`body` was made as {kind}. PostgreSQL refuses a longer comment; SQLite takes such a length as a remark. "
        "A text of any length was asked for.",
    )


def _type_of_the_body(connection: Connection) -> TypeEngine[Any]:
    return {column["name"]: column["type"] for column in inspect(connection).get_columns("comments")}["body"]


async def _goes_with_its_post(attempt: Attempt, comments: Table, post_id: int) -> None:
    refusal = await refusal_of(attempt, delete(Post).where(Post.id == post_id))
    left = await attempt.scalar(count_of(select(comments).where(comments.c.post_id == post_id)))
    what_came = f"the database refused: {refusal}" if refusal else f"{left} comments stayed behind"
    attempt.require(
        not refusal and left == 0,
        "cascade missing",
        f"Post {post_id} has comments. The post was deleted, and {what_came}.",
    )


async def _is_indexed(attempt: Attempt) -> None:
    [*_, plan] = (await attempt.rows(text("EXPLAIN QUERY PLAN SELECT body FROM comments WHERE post_id = 1")))[
        0
    ]
    attempt.require(
        "SEARCH" in plan,
        "index missing",
        "To find the comments of one post, and to delete them with it, the database reads the whole table. "
        f"Its plan says: {plan}.",
    )
    async with attempt.engine.connect() as connection:
        second = await connection.run_sync(_indexes_of_the_key)
    attempt.require(
        not second,
        "second index on the key",
        f"`comments` has an index {', '.join(second)} on `id`. A primary key is found without it, and each write "
        "would have to keep it up to date.",
    )


def _indexes_of_the_key(connection: Connection) -> list[str]:
    indexes = inspect(connection).get_indexes("comments")
    return [str(index["name"]) for index in indexes if index["column_names"] == ["id"]]


@judge("02.5")
async def gone_with_everything(attempt: Attempt) -> None:
    key, more = await attempt.key("olek"), attempt.chance.randint(1, 4)
    await attempt.change(insert(Post).values([{"title": "Hum", "content": "…", "author_id": key}] * more))
    posts = await attempt.scalar(count_of(select(Post).where(Post.author_id == key)))
    letters = attempt.order(await attempt.call(), every=True)
    delete_user = attempt.program(
        [attempt.blocks[letter] for letter in letters],
        first="async def delete_user(session, key):",
        names={
            "Account": Account,
            "Post": Post,
            "User": User,
            "delete": delete,
            "func": func,
            "select": select,
        },
    )
    async with attempt.sessions() as session:
        got = await attempt.call(session, key, function=delete_user, expected=(IntegrityError,))
    attempt.require(
        not isinstance(got, Exception),
        "account still there",
        "`delete_user` tried to delete a user who still had an account, and the database refused. A session sends "
        "what it has noted before it runs the next statement: look at the last one below.",
    )
    _counted_both(attempt, got, posts)


def _counted_both(attempt: Attempt, got: object, posts: int) -> None:
    story = f"`delete_user` returned {got!r}; olek has {posts} posts, and then none."
    if not isinstance(got, tuple) or len(got) != 2:
        raise attempt.not_yet(
            "nothing returned", f"{story} The line with `return` has to be reached, and every line before it."
        )
    before, after = got
    attempt.require(before == posts, "counted too late", story)
    attempt.require(after == 0, "nobody deleted", f"{story} What is sent before the second count?")
