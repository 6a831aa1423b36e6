"""Exercise 12.2, Does it use it? an index serves the words that it was made for, and each database has its own."""

from collections.abc import Iterator

from sqlalchemy import func, select, text

from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l12_indexes.many_posts import POSTS, on, unit, work_of, write_many
from course_lib.school.judges.registry import BOTH, judge

SHARE = 4
"""An index serves where a statement costs less than one of so many parts of what it costs without."""
BELIEFS = {
    "A": (
        "function on the column overlooked",
        "The indexes hold the titles as they are, and in lower case. What upper() makes of them stands in none.",
    ),
    "C": (
        "is_(True) taken for the same",
        "`is_(True)` is written IS 1 or IS true. Neither database proves that this means the WHERE of the index.",
    ),
    "D": (
        "startswith counted as like",
        "`startswith` is written LIKE ? || '%'. SQLite wants one text there, and not one that is still to be put "
        "together.",
    ),
    "F": (
        "bare boolean taken for = 1",
        "The index says WHERE published, and SQLAlchemy writes published = 1 to SQLite, which compares the words.",
    ),
}


@judge("12.2", on=BOTH)
async def it_is_used_on_both(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    names = {"select": select, "func": func, "Post": Post}
    program = attempt.program(
        [f"return (\n{attempt.blocks[letter]}\n)"], first="def statement():", names=names
    )
    keys = [await attempt.key(name) for name in ("mira", "sam", "yuki", "juno", "olek")]
    await write_many(attempt, busy=keys[0], seldom=keys[1], others=keys[2:])
    await attempt.change(text("DROP INDEX ix_posts_feed"))
    without = await work_of(attempt, program())
    await attempt.change(*[text(f"CREATE INDEX {index}") for index in _indexes(attempt)], text("ANALYZE"))
    work = await work_of(attempt, program())
    name, why = BELIEFS.get(letter, ("not used here", "Is something special about this database?"))
    attempt.require(
        work * SHARE < without,
        name,
        f"Among {POSTS:,} posts, {on(attempt)} takes {work:,} {unit(attempt)} for {letter}, and {without:,} with no "
        f"index. {why}",
    )


def _indexes(attempt: Attempt) -> Iterator[str]:
    """As the task has them."""
    on_sqlite = attempt.database == "sqlite"
    yield f"by_title ON posts (title{' COLLATE NOCASE' * on_sqlite})"
    yield "by_lower_title ON posts (lower(title))"
    yield "by_change ON posts (updated_at) WHERE published"
    yield f"ix_posts_feed ON posts (created_at, id) WHERE published{' = 1' * on_sqlite}"
