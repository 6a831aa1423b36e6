"""Exercise 13.3, An index while all write: built beside the writers, and built again where a first run has failed."""

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from course_lib.db import Base
from course_lib.lab.migrating import AsyncMigration, Upgrade, engine_for_migrations
from course_lib.lab.sql import watch
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.sandbox import check_call
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l13_live_changes.many_posts import write_posts
from course_lib.school.judges.l13_live_changes.statements_seen import STOPS_WRITERS, Seen, seeing
from course_lib.school.judges.registry import POSTGRES, judge
from course_lib.school.stages.unchanged import Picture, picture, require_column, require_rest, require_rows

INDEX, COLUMN = "uq_posts_title", "posts.subtitle"
IN_A_TRANSACTION, IS_THERE = "25001", ("42P07", "42701", "42710")
BROKEN = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1"
OF_TITLES = """
    SELECT pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = 'posts'::regclass AND indisvalid AND pg_get_indexdef(indexrelid) LIKE '%title%'
"""
DOUBLE = "UPDATE posts SET title = :title WHERE id = (SELECT max(id) FROM posts)"


@judge("13.3", on=(POSTGRES,))
async def a_valid_index_at_last(attempt: Attempt) -> None:
    check_call(attempt.answer, ("op",))
    table = await write_posts(attempt, attempt.chance.choice((300, 400)))
    before = await picture(attempt)
    await attempt.change(text(DOUBLE).bindparams(title="Post 1"))
    error, seen = await _run(attempt, table)
    await _require_refusal(attempt, error, len(before.values["posts.title"]))
    await attempt.change(text(DOUBLE).bindparams(title="Mended"))
    error, again = await _run(attempt, table)
    _require_second_run(attempt, error)
    _nobody_waits(attempt, [*seen, *again])
    await attempt.engine.dispose()  # its connections keep plans for the table as it was
    await _require_valid(attempt)
    await _as_asked_for(attempt, before, await picture(attempt))


async def _run(attempt: Attempt, table: int) -> tuple[DBAPIError | None, list[Seen]]:
    """Once, as env.py would: in a transaction that autocommit_block can leave. What the database refuses comes back."""
    try:
        async with attempt.running(expected=(DBAPIError,)), engine_for_migrations(attempt.engine) as own:
            with watch(own) as attempt.sent, seeing(own, table) as seen:
                async with own.connect() as connection:
                    await connection.run_sync(_migrate, attempt.answer)
    except AsyncMigration as error:
        raise attempt.not_yet("an async migration", str(error)) from None
    except DBAPIError as error:
        return error, seen
    return None, seen


def _migrate(connection: Connection, upgrade: Upgrade) -> None:
    options = {
        "target_metadata": Base.metadata,
        "transactional_ddl": True,
        "transaction_per_migration": True,
    }
    context = MigrationContext.configure(connection, opts=options)
    with context.begin_transaction(_per_migration=True), Operations.context(context) as op:
        returned = upgrade(op)
    if hasattr(returned, "close"):
        returned.close()  # or Python warns of it later
        raise AsyncMigration(
            "Alembic calls a migration as a plain function. Keep the first line as it was given."
        )


async def _require_refusal(attempt: Attempt, error: DBAPIError | None, posts: int) -> None:
    """The first run met two posts with one title: no unique index could be made."""
    first = "Two posts had one title, so the first run had to fail."
    counts = (await attempt.rows(text("SELECT count(*), count(DISTINCT title) FROM posts")))[0]
    attempt.require(
        tuple(counts) == (posts, posts - 1),
        "rows changed for it",
        f"{first} There were {posts} posts, and now {counts[0]} posts have {counts[1]} titles: the migration has "
        "changed or deleted what somebody wrote. Which of two posts stays is not for a migration to say.",
    )
    if error is None:
        raise await _of_no_refusal(attempt, first)
    state = getattr(error.orig, "sqlstate", "")
    attempt.require(
        state != IN_A_TRANSACTION,
        "inside the transaction",
        "CREATE INDEX CONCURRENTLY commits by itself, more than once, and Alembic had begun a transaction: "
        f"{told(error)}.",
    )
    attempt.require(
        isinstance(error, IntegrityError),
        "first run fails",
        f"On its first run `{attempt.name}` ended with {told(error)}.",
    )


async def _of_no_refusal(attempt: Attempt, first: str) -> NotYet:
    if index := await attempt.scalar(text(OF_TITLES)):
        return attempt.not_yet("another index", f"{first} It made this one: {index}. Who refuses a double?")
    ended = f"{first} It ended as if all were well, and Alembic would note it as done."
    if any(each.error for each in attempt.sent):
        return attempt.not_yet("error swallowed", ended)
    return attempt.not_yet("no index", f"{ended} There is no index of titles.")


def _require_second_run(attempt: Attempt, error: DBAPIError | None) -> None:
    if error is None:
        return
    second = f"The double title was mended, and the second run of `{attempt.name}` ended with {told(error)}."
    state = getattr(error.orig, "sqlstate", "")
    if state in IS_THERE:
        raise attempt.not_yet(
            "not repeatable",
            f"{second} The first run left that: what stands in front of an autocommit block is committed, and an index "
            "that failed in it stays there, INVALID.",
        )
    raise attempt.not_yet("second run fails", second)


def _nobody_waits(attempt: Attempt, seen: list[Seen]) -> None:
    for each in seen:
        stops = each.is_work and each.modes & STOPS_WRITERS
        attempt.require(
            not stops,
            "writers wait",
            f"`{each.short}` read {each.read} posts under a lock that stops writers: nobody could write a post "
            "meanwhile.",
        )


async def _require_valid(attempt: Attempt) -> None:
    broken = await attempt.scalar(text(BROKEN))
    attempt.require(
        broken is None,
        "broken index taken for done",
        f"Both runs are over, the second without an error, and `{broken}` is INVALID: the first run left it so. It "
        "keeps no double out, and no plan uses it.",
    )


async def _as_asked_for(attempt: Attempt, before: Picture, after: Picture) -> None:
    require_rows(attempt, before, after, "posts")
    require_column(attempt, after, COLUMN)
    shape = after.shape[COLUMN]
    attempt.require(
        shape == "VARCHAR(200) NULL, default None",
        "another column",
        f"`subtitle` is {shape}; a VARCHAR(200) that may be NULL was asked for.",
    )
    attempt.require(INDEX in after.shape, "no index", f"After both runs there is no index `{INDEX}`.")
    found = after.shape[INDEX]
    attempt.require(
        found in ("UNIQUE INDEX (title)", "UNIQUE (title)"),
        "another index",
        f"`{INDEX}` is {found}; UNIQUE INDEX (title) was asked for.",
    )
    before.shape.update({COLUMN: shape, INDEX: found})
    before.values["posts.title"] = after.values["posts.title"]  # the check has mended a double
    require_rest(attempt, before, after)
