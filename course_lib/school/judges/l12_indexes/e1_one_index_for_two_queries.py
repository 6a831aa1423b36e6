"""Exercise 12.1, One index for two queries: first what is equal, then what is a range or an order."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, inspect, select, text
from sqlalchemy.exc import IntegrityError

from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l03_migrations.upgrading import require_told, upgraded
from course_lib.school.judges.l12_indexes.many_posts import on, unit, work_of, write_many
from course_lib.school.judges.registry import BOTH, judge

NEWEST_FIRST = (Post.created_at.desc(), Post.id.desc())
A_ROW = {"sqlite": 40, "postgresql": 1}
"""How many steps or blocks a row may cost that is looked for; without an index it is a multiple."""
TO_BEGIN = {"sqlite": 150, "postgresql": 15}

INDEXES_OF_SQLITE = """SELECT group_concat(coalesce(part.name, '…'), ' '), made.partial
FROM pragma_index_list('posts') AS made, pragma_index_info(made.name) AS part GROUP BY made.name"""
UNIQUE = "An index finds rows, and a unique one forbids some as well."


@judge("12.1", on=BOTH)
async def one_index_serves_both(attempt: Attempt) -> None:
    before = await _indexes(attempt)
    await _upgraded(attempt)
    after = await _indexes(attempt)
    busy, seldom, *others = [await attempt.key(name) for name in ("mira", "sam", "yuki", "juno", "olek")]
    try:
        await write_many(attempt, busy=busy, seldom=seldom, others=others)
    except IntegrityError:
        raise attempt.not_yet(
            "unique by mistake",
            f"After the migration the table refuses a post: its author has another one of the same time. {UNIQUE}",
        ) from None
    for author, whose in ((busy, "who wrote every second post"), (seldom, "who writes seldom")):
        await _cheap(attempt, _newest_of(author), f"the newest 20 posts of an author {whose}", after)
        await _cheap(attempt, _day_of(author), f"one day's posts of an author {whose}", after)
    await _feed_as_before(attempt)
    attempt.require(
        len(after) <= len(before),
        "two indexes where one serves",
        f"Both questions are cheap, and `posts` has {len(after)} indexes where it had {len(before)}: "
        f"{', '.join(each.words for each in after)}. Each of them is written with every new post. Which one is no "
        "longer needed?",
    )
    await require_told(attempt)


async def _upgraded(attempt: Attempt) -> None:
    try:
        await upgraded(attempt)
    except NotYet as fault:
        attempt.require(
            fault.misconception != "refused: there already", "unique by mistake", f"{fault.told} {UNIQUE}"
        )
        attempt.require(
            "CONCURRENTLY" not in fault.told,
            "concurrently in a transaction",
            f"{fault.told} A migration runs in a transaction. This index takes no harm from that.",
        )
        raise


def _newest_of(author: int) -> Select[Any]:
    return select(Post).where(Post.author_id == author).order_by(*NEWEST_FIRST).limit(20)


def _day_of(author: int) -> Select[Any]:
    day = FIRST_POST_AT + timedelta(days=1)
    written = (Post.created_at >= day, Post.created_at < day + timedelta(days=1))
    return select(Post).where(Post.author_id == author, *written).order_by(*NEWEST_FIRST)


@dataclass(frozen=True)
class _Index:
    columns: tuple[str, ...]
    partial: bool

    @property
    def words(self) -> str:
        return f"({', '.join(self.columns)}){' WHERE …' * self.partial}"


async def _indexes(attempt: Attempt) -> list[_Index]:
    """Those of `posts`. SQLAlchemy leaves out one on an expression when it reads them back from SQLite."""
    async with attempt.engine.connect() as connection:
        if attempt.database == "sqlite":
            found = (await connection.execute(text(INDEXES_OF_SQLITE))).all()
            return [_Index(tuple(columns.split()), bool(partial)) for columns, partial in found]
        told = await connection.run_sync(lambda sync: inspect(sync).get_indexes("posts"))
    return [
        _Index(
            tuple(column or "…" for column in each["column_names"]),
            "postgresql_where" in each["dialect_options"],
        )
        for each in told
    ]


async def _cheap(attempt: Attempt, query: Select[Any], what: str, indexes: list[_Index]) -> None:
    rows = await attempt.scalar(count_of(query))
    enough = TO_BEGIN[attempt.database] + A_ROW[attempt.database] * rows
    work = await work_of(attempt, query)
    if work > enough:
        told = (
            f"For {what} {on(attempt)} takes {work:,} {unit(attempt)}; {rows} rows are found, and {enough:,} "
            f"{unit(attempt)} are more than enough. The indexes of `posts` are "
            f"{', '.join(each.words for each in indexes)}."
        )
        raise attempt.not_yet(*_why(told, indexes))


def _why(told: str, indexes: list[_Index]) -> tuple[str, str]:
    """Which index comes nearest. That it does not serve has been measured; its columns only say why."""
    of_time = [each for each in indexes if {"author_id", "created_at"} <= {*each.columns}]
    if any(each.partial for each in of_time):
        return (
            "partial by mistake",
            f"{told} An index with a WHERE holds some of the rows, and both questions are for drafts as well.",
        )
    if any(each.columns.index("created_at") < each.columns.index("author_id") for each in of_time):
        return (
            "range before equality",
            f"{told} An index is sorted by its first column. With the time in front, the posts of one author stand "
            "among all the others of that day.",
        )
    if any(each.columns[0] != "author_id" for each in of_time):
        return (
            "left prefix missing",
            f"{told} What both questions say of the author comes behind a column of which they say nothing.",
        )
    if of_time:
        return (
            "sorts",
            f"{told} Behind the author comes a column of which neither question says anything, so an author's posts do "
            "not stand in the order of their time: all are read and sorted.",
        )
    if [each for each in indexes if each.columns == ("created_at",)]:
        return (
            "two indexes where one serves",
            f"{told} One index knows the author, another the time, and the database takes one of them: it sorts all "
            "posts of the author, or it walks through everybody's.",
        )
    if any(each.columns[0] == "author_id" for each in indexes):
        return "sorts", f"{told} All posts of the author are read, and sorted by their time."
    return "no index for the author", f"{told} None of them leads to the posts of one author."


async def _feed_as_before(attempt: Attempt) -> None:
    feed = select(Post).where(Post.published).order_by(*NEWEST_FIRST).limit(20)
    work = await work_of(attempt, feed)
    attempt.require(
        work <= TO_BEGIN[attempt.database] + A_ROW[attempt.database] * 20,
        "feed's index lost",
        f"The first page of everybody's posts takes {work:,} {unit(attempt)} now: the index that served it is gone.",
    )
