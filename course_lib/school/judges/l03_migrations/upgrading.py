"""A learner's migration, run as our env.py would, and what the database says to it."""

import re
from contextlib import suppress
from dataclasses import replace

from course_lib.lab.faults import power_cut
from course_lib.lab.migrating import AsyncMigration, engine_for_migrations, run_migration
from course_lib.lab.sql import watch
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.sandbox import check_call
from course_lib.school.attempts.verdicts import NotYet

KEEP_IDS = {"sqlite_autoincrement": True}
CHANGE = re.compile(r"(ALTER|CREATE|DROP|INSERT|UPDATE|DELETE)\b")
LONG = 90
NOBODY = 999_999
"""No row has this key."""
PREFIX_TWICE = re.compile(r"((?:ck|uq|fk)_[a-z]+_)\1")
COMPLETED = "`op.f` marks a name as complete. Before any other name the naming convention puts `{}`."
IN_A_BATCH = "A batch runs where its block ends, so one of the lines inside it is meant."


async def upgraded(attempt: Attempt) -> None:
    """Run the learner's migration; `sent` holds what it changed. What the database refuses gets its own name."""
    check_call(attempt.answer, ("op",))
    try:
        async with attempt.running(), engine_for_migrations(attempt.engine) as own:
            with watch(own) as attempt.sent:
                await run_migration(own, attempt.answer)
    except AsyncMigration as error:
        raise attempt.not_yet("an async migration", str(error)) from None
    except NotYet as fault:
        raise _with_its_cause(attempt, fault) from None
    finally:
        leave_changes(attempt)
        await attempt.engine.dispose()  # a connection to PostgreSQL keeps plans for the tables as they were


def _with_its_cause(attempt: Attempt, fault: NotYet) -> NotYet:
    explained = f"{fault.told} {IN_A_BATCH}" if ", `with op.batch_alter_table" in fault.told else fault.told
    if twice := PREFIX_TWICE.search(fault.told):
        return attempt.not_yet("prefix put twice", f"{explained} {COMPLETED.format(twice[1])}")
    return attempt.not_yet(fault.misconception, explained)


async def require_told(attempt: Attempt) -> None:
    """Raise NotYet for a migration that ends without an error when the connection breaks under its first statement."""
    ended: list[object] = []
    with suppress(NotYet, ConnectionError):
        async with attempt.running(), engine_for_migrations(attempt.engine) as own:
            with power_cut(own, ""):
                await run_migration(own, lambda op: ended.append(attempt.answer(op)))
    attempt.require(
        not ended,
        "error swallowed",
        f"The connection broke under the first statement of `{attempt.name}`, and it ended as if all were well. Such a "
        "migration is noted as done, and never runs again. Let errors out.",
    )


def leave_changes(attempt: Attempt) -> None:
    """Batch mode asks for all there is of a table, and makes a long one: as evidence, the changes in short will do."""
    changes = [each for each in attempt.sent.everything if each.is_mark or CHANGE.match(each.text.lstrip())]
    attempt.sent.everything[:] = [replace(each, text=_short(each.text)) for each in changes]


def _short(text: str) -> str:
    return text if len(text) <= LONG else f"{' '.join(text.split())[:LONG]} …"
