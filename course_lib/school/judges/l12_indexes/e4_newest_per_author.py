"""Exercise 12.4, Newest per author: one post for each, ties decided, nobody left out, on both databases."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Post, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l12_indexes.rows_of_values import (
    add_person,
    any_order,
    everybody,
    in_two_statements,
    tuples,
)
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.returned_lists import shown

Newest = tuple[str, str | None]
OTHER_ORDERS = (
    "CREATE INDEX by_author ON posts (author_id, created_at DESC, id)",
    "CREATE INDEX by_author_again ON posts (author_id, created_at DESC, id DESC)",
)
"""Two indexes that bring posts of one time in opposite orders; the second one comes when the first has gone."""

OWN_WORDS = "DISTINCT ON is PostgreSQL's own."

REFUSED = (
    (
        "LATERAL",
        "LATERAL outside PostgreSQL",
        "SQLite has no LATERAL. A subquery that gives one value, the id, may look at the row outside on both.",
    ),
    ("DistinctOn", "DISTINCT ON outside PostgreSQL", OWN_WORDS),
    (
        "CardinalityViolation",
        "many rows for one value",
        "Beside a row there is room for one value. SQLite takes the first of them, without a word.",
    ),
    (
        "GroupingError",
        "column beside the group",
        "A group may hold many titles, and nothing says which of them is meant. SQLite lets it pass and takes one.",
    ),
)
"""Words of the error or of the SQL, the misconception, and what is to be said."""


@judge("12.4", on=BOTH)
async def the_newest_of_each(attempt: Attempt) -> None:
    await _written(attempt)
    await any_order(attempt)
    await _judged(attempt)
    for index in OTHER_ORDERS:
        await attempt.change(text(index))
        await _judged(attempt)
        await attempt.change(text(f"DROP INDEX {index.split()[2]}"))
    in_two_statements(attempt, len(await everybody(attempt)))


async def _written(attempt: Attempt) -> None:
    """Two ties in which the titles go up and down, a low key that is newer than a high one, a time that is one
    author's newest and another's second, two who chose one title, one who wrote once, and one who never did.
    """
    await add_person(attempt, "nora")
    once = await add_person(attempt, "bela")
    keys = {name: await attempt.key(name) for name in ("mira", "tomas", "yuki", "amara", "juno")}
    posts = [
        ("tomas", "The night ferry", 40),
        ("mira", "Rye, and again", 30),
        ("mira", "Rye, again", 30),
        ("yuki", "Adjourned", 50),
        ("yuki", "Resigned", 30),
        ("juno", "A letter to nobody", 20),
        ("tomas", "Found in a drawer", 10),
        ("amara", "Ferns", 60),
        ("amara", "A bed of ferns", 60),
        ("amara", "Late ferns", 60),
        ("bela", "A letter to nobody", 20),
    ]
    rows = [
        {
            "author_id": {**keys, "bela": once}[author],
            "title": title,
            "content": "…",
            "published": place % 2 == 0,
            "created_at": FIRST_POST_AT + timedelta(days=day),
            "updated_at": FIRST_POST_AT - timedelta(days=place),
        }
        for place, (author, title, day) in enumerate(posts)
    ]
    await attempt.change(*[insert(Post).values(row) for row in rows])


async def _judged(attempt: Attempt) -> None:
    every = await attempt.rows(
        select(User.username, Post.title, Post.created_at, Post.published)
        .join(Post.author)
        .order_by(User.username, Post.created_at.desc(), Post.id.desc())
    )
    names = await everybody(attempt)
    newest = dict.fromkeys(names) | {row.username: row.title for row in reversed(every)}
    public = dict.fromkeys(names) | {row.username: row.title for row in reversed(every) if row.published}
    async with attempt.sessions() as session:
        got = await _called(attempt, session)
    rows = tuples(attempt, got, of="pairs", width=2)
    times = {(row.username, row.title): row.created_at for row in every}
    _each_once(attempt, rows, names, posts=len(every))
    attempt.require(
        dict(rows) != public,
        "drafts left out",
        f"`{attempt.name}` gives each person's newest published post, and a draft may be newer. They are all to be "
        "shown.",
    )
    _the_newest(attempt, rows, newest, times)
    attempt.require(
        [name for name, _ in rows] == names,
        "order lost",
        f"`{attempt.name}` returned all pairs, beginning with {rows[0][0]}. In the order of the usernames "
        f"{names[0]} comes first.",
    )


async def _called(attempt: Attempt, session: AsyncSession) -> object:
    """What the answer returns; what one of the databases alone refuses gets its name."""
    try:
        return await attempt.call(session)
    except NotYet as fault:
        sent = " ".join(statement.text for statement in attempt.sent)
        for words, name, why in REFUSED:
            attempt.require(
                not fault.raised or words not in f"{fault.told} {sent}", name, f"{fault.told} {why}"
            )
        raise


def _each_once(attempt: Attempt, rows: Sequence[Newest], names: Sequence[str], *, posts: int) -> None:
    returned = f"`{attempt.name}` returned {len(rows)} pairs, and there are {len(names)} people."
    strangers = [name for name, _ in rows if name not in names]
    attempt.require(not strangers, "not a username", f"{returned} One begins with {shown(strangers[:1])}.")
    name, times = next(iter(Counter(name for name, _ in rows).most_common(1)), ("", 0))
    if times > 1 and len(rows) >= posts:
        sent = " ".join(statement.text.upper() for statement in attempt.sent)
        attempt.require(
            "DISTINCT" not in sent or attempt.database != "sqlite",
            "DISTINCT ON outside PostgreSQL",
            f"{returned} {OWN_WORDS} For SQLite SQLAlchemy writes DISTINCT alone, with a warning that no visitor sees, "
            "and each post is a row of its own.",
        )
        raise attempt.not_yet("every post shown", f"{returned} {name} comes {times} times, with each post.")
    attempt.require(
        times <= 1,
        "ties doubled",
        f"{returned} {name} comes {times} times: as many posts have the author's latest time. Which of them is it?",
    )
    missing = next((name for name in names if name not in {name for name, _ in rows}), None)
    attempt.require(
        missing is None,
        "people left out",
        f"{returned} {missing} is missing. Who has written nothing stands there, too.",
    )


def _the_newest(
    attempt: Attempt,
    rows: Sequence[Newest],
    newest: dict[str, str | None],
    times: dict[tuple[str, str | None], object],
) -> None:
    for name, title in rows:
        if title == newest[name]:
            continue
        told = f"For {name}, `{attempt.name}` gives {shown(title)}; the newest is {shown(newest[name])}."
        attempt.require(
            title is not None,
            "None for who has written",
            f"{told} Is there a post with all that is asked for? The latest time and the highest id may belong to two "
            "posts.",
        )
        attempt.require((name, title) in times, "wrong title", told)
        attempt.require(
            times[name, title] != times[name, newest[name]],
            "no last word",
            f"{told} Both have the same time. What decides between them, on each database and with each index?",
        )
        raise attempt.not_yet(
            "not the newest", f"{told} Look at the time: a key may be high and the post old."
        )
