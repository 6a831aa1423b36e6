"""Exercise 13.1, A required column: nobody waits while rows are read, checked or written."""

from collections.abc import Sequence

from sqlalchemy import text

from course_lib.lab.faults import power_cut
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l13_live_changes.many_posts import write_posts
from course_lib.school.judges.l13_live_changes.statements_seen import (
    STOPS_READERS,
    STOPS_WRITERS,
    Seen,
    seeing,
)
from course_lib.school.judges.registry import POSTGRES, judge
from course_lib.school.stages.callers_work import sent_something
from course_lib.school.stages.unchanged import (
    Picture,
    picture,
    require_column,
    require_rest,
    require_rows,
    require_use,
)

COLUMN = "posts.language"
AT_ONCE = 1_000
"""Rows that one transaction may change."""
UNCHECKED = "SELECT conname FROM pg_constraint WHERE conrelid = 'posts'::regclass AND NOT convalidated"


@judge("13.1", on=(POSTGRES,))
async def nobody_waits_for_a_column(attempt: Attempt) -> None:
    table = await write_posts(attempt, attempt.chance.choice((2_600, 3_100)))
    before = await picture(attempt)
    with seeing(attempt.engine, table) as seen:
        await attempt.call(attempt.engine)
    sent_something(attempt, "engine")
    attempt.require(
        attempt.left_open() == 0, "leaked connection", f"`{attempt.name}` left a connection open."
    )
    await attempt.engine.dispose()  # its connections keep plans for the table as it was
    after = await picture(attempt)
    _require_committed(attempt, after)
    require_column(attempt, after, COLUMN)
    _nobody_waits(attempt, seen)
    await _the_same_table(attempt, table)
    require_rows(attempt, before, after, "posts")
    await _as_asked_for(attempt, after)
    _leave_helpers(before, after)
    require_rest(attempt, before, after)
    await _require_told(attempt)
    new = {"title": "New", "content": "…", "author_id": await attempt.key("mira"), "language": "nl"}
    await require_use(attempt, "posts", new, refused={"language": None, "title": None})


def _require_committed(attempt: Attempt, after: Picture) -> None:
    attempt.require(
        COLUMN in after.shape or not any("ALTER" in each.text.upper() for each in attempt.sent),
        "commit missing",
        f"`{attempt.name}` changed the table, and in another session nothing of it can be seen: it was not committed.",
    )


def _nobody_waits(attempt: Attempt, seen: Sequence[Seen]) -> None:
    """A lock lasts to the end of its transaction: what stands behind it counts too."""
    transactions: dict[str, list[Seen]] = {}
    for each in seen:
        earlier = transactions.setdefault(each.transaction, [])
        if each.is_work and each.modes & STOPS_WRITERS:
            raise _of_a_stop(attempt, each, earlier)
        earlier.append(each)
    for all_of_it in transactions.values():
        changed = sum(each.changed for each in all_of_it)
        attempt.require(
            changed <= AT_ONCE,
            "all rows at once",
            f"One transaction of `{attempt.name}` changed {changed} posts, and holds a lock on each of them to its "
            f"end. Whoever wants to change one of them waits. {AT_ONCE} at once was the most.",
        )


def _of_a_stop(attempt: Attempt, work: Seen, earlier: Sequence[Seen]) -> NotYet:
    whom = "read or change" if STOPS_READERS in work.modes else "change"
    holder = next((each for each in earlier if each.modes & STOPS_WRITERS), None)
    held = f"`{holder.short}` took a lock, and it lasts to the end of the transaction" if holder else ""
    stopped = f"Meanwhile nobody could {whom} a post."
    words = " ".join(work.text.upper().split())
    if work.anew:
        told = f"`{work.short}` wrote every row of the table anew. {stopped}"
        return attempt.not_yet("table written anew", told)
    if work.changed:
        told = f"{held or 'A lock was held'}. Under it `{work.short}` changed {work.changed} posts. {stopped}"
        return attempt.not_yet("backfills behind its own lock", told)
    if "VALIDATE" in words:
        told = f"{held}. Under it `{work.short}` read {work.read} posts. {stopped}"
        return attempt.not_yet("validates under the first lock", told)
    if "NOT NULL" in words and "CHECK" not in words:
        told = f"`{work.short}` read {work.read} posts, to see whether one is NULL. {stopped}"
        return attempt.not_yet("SET NOT NULL reads all rows", told)
    told = f"{held + '. Under it ' if held else ''}`{work.short}` read {work.read} posts. {stopped}"
    return attempt.not_yet("reads under its lock", told)


async def _the_same_table(attempt: Attempt, table: int) -> None:
    now = await attempt.scalar(text("SELECT to_regclass('posts')::oid::bigint"))
    attempt.require(
        now == table,
        "another table in its place",
        "`posts` is another table now. What was written to the old one meanwhile is lost.",
    )


async def _as_asked_for(attempt: Attempt, after: Picture) -> None:
    shape, values = after.shape[COLUMN], [*after.values[COLUMN].values()]
    kind = shape.partition(" ")[0]
    attempt.require(
        kind == "VARCHAR(2)", "wrong type", f"The type of `language` is {kind}; VARCHAR(2) was asked for."
    )
    attempt.require("generated" not in shape, "generated column", "Nobody can write a language of their own.")
    wrong = [value for value in values if value != "en"]
    empty = f"{wrong.count(None)} of {len(values)} posts have no language."
    attempt.require(None not in wrong, "no backfill", empty)
    attempt.require(not wrong, "wrong values", f"A post has the language {wrong[:1]}; 'en' was asked for.")
    attempt.require(
        "NOT NULL" in shape, "NULL still allowed", f"`language` still allows NULL: it is {shape}."
    )
    unchecked = await attempt.scalar(text(UNCHECKED))
    attempt.require(
        unchecked is None,
        "never validated",
        f"The constraint `{unchecked}` is NOT VALID still: the database does not know it of the posts that were there.",
    )
    attempt.require(
        "default None" in shape,
        "default left behind",
        "Whoever writes a post without a language is given the default, and was to be refused.",
    )


async def _require_told(attempt: Attempt) -> None:
    with power_cut(attempt.engine, "ALTER"):
        got = await attempt.call(attempt.engine, expected=(Exception,))
    attempt.require(
        isinstance(got, Exception),
        "error swallowed",
        f"The connection broke under the first ALTER TABLE of `{attempt.name}`, and it ended as if all were well.",
    )


def _leave_helpers(before: Picture, after: Picture) -> None:
    """What was asked for is as it was to become; a CHECK of the column that stays behind does no harm."""
    before.shape[COLUMN] = after.shape[COLUMN]
    for name in [
        name for name, rule in after.shape.items() if rule.startswith("CHECK") and "language" in rule
    ]:
        before.shape.setdefault(name, after.shape[name])
