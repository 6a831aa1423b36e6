"""Exercise 16.4, A partition before its month: there in time, without a gap, and nobody waits for it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.util.concurrency import await_

from course_lib.db import LOCK_NOT_AVAILABLE
from course_lib.lab.faults import at_each_error
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.raw_errors import meaning_of
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l16_more_machines.computer_elsewhere import computer_elsewhere
from course_lib.school.judges.l16_more_machines.partitions_read import far_away
from course_lib.school.judges.registry import POSTGRES, judge
from course_lib.school.stages.shop_tables import Event, month_after, open_events

MOMENT = timedelta(microseconds=1)
PATIENCE = "500ms"
"""So long somebody waits for a lock here. A right answer waits for none."""
OF_THE_TABLE = """
    SELECT inhrelid::regclass::text AS name, pg_get_expr(relpartbound, inhrelid) AS bounds
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'shop_events'::regclass ORDER BY 1
"""
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
OVERLAPS, OTHER_COLUMNS = "42P17", "42804"


@judge("16.4", on=(POSTGRES,))
async def a_partition_before_its_month(attempt: Attempt) -> None:
    year = attempt.chance.randint(2021, 2025)
    await open_events(attempt.engine, date(year, 1, 1), 1)
    await far_away(attempt)
    await attempt.change(
        text(f"ALTER DATABASE \"{attempt.engine.url.database}\" SET lock_timeout = '{PATIENCE}'")
    )
    await attempt.engine.dispose()
    await _makes_it(attempt, date(year, 1, 31))
    await _again(attempt, date(year, 1, 31))
    await open_events(attempt.engine, date(year, 3, 1), 10)
    await _makes_it(attempt, date(year, 12, attempt.chance.randint(2, 28)))
    await _makes_it_a_year_later(attempt, date(year + 1, 1, 31))


async def _partitions(attempt: Attempt) -> dict[str, str]:
    return {row.name: row.bounds for row in await attempt.rows(text(OF_THE_TABLE))}


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _called(attempt: Attempt, today: date) -> str:
    return f"`{attempt.name}(engine, {today})`"


@asynccontextmanager
async def _somebody_writes(attempt: Attempt, today: date) -> AsyncIterator[list[str]]:
    """Has written an event, and commits when somebody has waited for that in vain. Yields what was refused for it."""
    waited: list[str] = []
    async with attempt.engine.connect() as colleague:
        event = {"id": 1, "at": _midnight(today), "words": "half written"}
        await colleague.execute(insert(Event).values(event))

        def note(context: ExceptionContext) -> None:
            if getattr(context.original_exception, "sqlstate", "") == LOCK_NOT_AVAILABLE:
                waited.append(str(context.statement))
                if colleague.in_transaction():
                    await_(colleague.commit())

        with at_each_error(attempt.engine, note):
            yield waited
        await colleague.rollback()


async def _makes_it(attempt: Attempt, today: date) -> None:
    before, rows = await _partitions(attempt), await attempt.rows(select(Event.id))
    month = month_after(today)
    called = _called(attempt, today)
    async with _somebody_writes(attempt, today) as waited:
        with computer_elsewhere():
            got = await attempt.call(attempt.engine, today, expected=(DBAPIError, ValueError))
    attempt.require(
        not waited,
        "waits for the writers",
        f"While {called} ran, somebody had written an event and not committed. It wanted the whole table for itself, "
        "and waited for them, with everybody else behind it. CREATE TABLE … PARTITION OF takes that lock; ATTACH "
        "PARTITION does not.",
    )
    if isinstance(got, Exception):
        raise _of_an_error(attempt, called, got)
    await _one_more(attempt, called, before, month)
    await _takes(attempt, called, month)
    left = len(await attempt.rows(select(Event.id))) - len(rows)
    attempt.require(
        left <= 0, "row left behind", f"{called} has left {left} events in the table, which nobody wrote."
    )
    attempt.require(attempt.left_open() == 0, "leaked connection", f"{called} left a connection open.")


async def _makes_it_a_year_later(attempt: Attempt, today: date) -> None:
    """The table of the same month of the year before is there, and stays."""
    try:
        await _makes_it(attempt, today)
    except NotYet as fault:
        if fault.misconception == "nothing made":
            fault.misconception = "one name for every year"
            fault.told += f" For the same month of {today.year - 1} it did, and that table is there still."
        raise


def _of_an_error(attempt: Attempt, called: str, error: Exception) -> NotYet:
    state = getattr(getattr(error, "orig", None), "sqlstate", "")
    if isinstance(error, ValueError) and not isinstance(error, DBAPIError):
        return attempt.not_yet(
            "no such date",
            f"{called} raised {told(error)}. Not every month has 31 days, and behind December comes January.",
        )
    if state == OVERLAPS and "would overlap" in str(error):
        return attempt.not_yet(
            "months overlap",
            f"{called} raised {told(error)}. Each moment belongs to one partition; the month of `today` had its own.",
        )
    if state == OVERLAPS:
        return attempt.not_yet("bounds upside down", f"{called} raised {told(error)}.")
    meaning = meaning_of(error)
    name = meaning.name if meaning else "refused by the database"
    if "server expects 0 arguments" in str(error):
        name = "placeholder in a definition"
    elif state == OTHER_COLUMNS:
        name = "other columns"
    return attempt.not_yet(
        name, f"{called} raised {told(error)}. {meaning.advice if meaning else ''}".strip()
    )


async def _one_more(attempt: Attempt, called: str, before: dict[str, str], month: date) -> None:
    after = await _partitions(attempt)
    new = {name: bounds for name, bounds in after.items() if name not in before}
    lost = [name for name in before if after.get(name) != before[name]]
    attempt.require(
        "DEFAULT" not in new.values(),
        "DEFAULT swallows it",
        f"{called} has made a partition that takes whatever no other takes. It takes the next month, too, and then the "
        "month's own partition is refused, for the rows that it should hold lie there.",
    )
    attempt.require(not lost, "partition gone", f"{called} has taken away or changed {', '.join(lost)}.")
    if not new:
        raise await _of_none(attempt, called, before, month)
    attempt.require(
        len(new) == 1,
        "more than one",
        f"{called} made {len(new)} partitions: {', '.join(sorted(new))}. That of the next month was asked for.",
    )


async def _of_none(attempt: Attempt, called: str, before: dict[str, str], month: date) -> NotYet:
    made = {name for (name,) in await attempt.rows(text(TABLES))} - set(before)
    stray = sorted(name for name in made if "event" in name)
    if stray:
        return attempt.not_yet(
            "not attached",
            f"{called} made the table `{stray[0]}`. No partition of `shop_events` has come of it.",
        )
    made_one = any("CREATE TABLE" in each.text.upper() for each in attempt.sent)
    if made_one and not any(each.text == "COMMIT" for each in attempt.sent.everything):
        return attempt.not_yet("commit missing", f"{called} made a table, and nobody committed it.")
    later = month_after(month, 5)
    await attempt.call(attempt.engine, later, expected=(Exception,))
    if await _has_a_place(attempt, _midnight(later)):
        return attempt.not_yet(
            "made for this month",
            f"{called} made no partition, and {_called(attempt, later)} that of {later:%Y-%m}. On the "
            "first of a month that is too late for whoever writes before the job has run.",
        )
    return attempt.not_yet("nothing made", f"{called} made no partition, and {month} has none.")


async def _takes(attempt: Attempt, called: str, month: date) -> None:
    """Each moment of the month has a place, and none behind it; the month before has its own partition."""
    start, end = _midnight(month), _midnight(month_after(month))
    inside = [
        start,
        start + timedelta(hours=3),
        start + timedelta(days=14),
        end - timedelta(hours=20),
        end - MOMENT,
    ]
    outside = [end, end + timedelta(hours=3), end + timedelta(days=20)]
    missing = [at for at in inside if not await _has_a_place(attempt, at)]
    extra = [at for at in outside if await _has_a_place(attempt, at)]
    if missing:
        raise _of_a_gap(attempt, called, month, missing, inside, extra)
    attempt.require(
        not extra,
        "reaches too far",
        f"{called} made a partition that takes {', '.join(map(str, extra))}, too. That belongs to the month behind it, "
        "whose partition will be refused: two may not overlap.",
    )


def _of_a_gap(
    attempt: Attempt,
    called: str,
    month: date,
    missing: Sequence[datetime],
    inside: Sequence[datetime],
    extra: Sequence[Any],
) -> NotYet:
    if len(missing) == len(inside):
        return attempt.not_yet(
            "another month",
            f"{called} made a partition, and the month that begins on {month} still has none.",
        )
    if missing == inside[:2] and extra:
        return attempt.not_yet(
            "time zone shifts the border",
            f"{called} made a partition that begins behind {missing[-1]} and reaches into the month behind it: bounds "
            "without a zone are in the time zone that the database, or the computer, is set to, and the months are "
            "those of UTC.",
        )
    return attempt.not_yet(
        "gap at the border",
        f"{called} made a partition, and {missing[-1]} has no place: an event of that moment is refused. The lower "
        "bound of a partition belongs to it, the upper one does not.",
    )


async def _has_a_place(attempt: Attempt, at: datetime) -> bool:
    """Whether an event of this moment would be taken; nothing is kept of it."""
    async with attempt.engine.connect() as connection:
        try:
            await connection.execute(insert(Event).values(id=2, at=at, words="a probe"))
        except IntegrityError:
            return False
    return True


async def _again(attempt: Attempt, today: date) -> None:
    before = await _partitions(attempt)
    early = {"id": 3, "at": _midnight(month_after(today)), "words": "planned"}
    await attempt.change(insert(Event).values(early))
    for day in (today, today - timedelta(days=1)):
        got = await attempt.call(attempt.engine, day, expected=(DBAPIError,))
        attempt.require(
            not isinstance(got, Exception),
            "not repeatable",
            f"{_called(attempt, day)} came when the partition was there already, and raised "
            f"{told(got) if isinstance(got, Exception) else ''}. The job runs each day, and has to do so 30 times.",
        )
    after = await _partitions(attempt)
    attempt.require(
        after == before,
        "not repeatable",
        f"{_called(attempt, today)} came when the partition was there already, and changed the partitions.",
    )
    attempt.require(
        await attempt.scalar(select(Event.id).where(Event.id == 3)),
        "rows lost",
        f"{_called(attempt, today)} came when the partition was there already, and an event that lay in it is gone.",
    )
