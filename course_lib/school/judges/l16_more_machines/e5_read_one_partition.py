"""Exercise 16.5, Read one partition: a condition on the column itself, with both of its bounds."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l16_more_machines.computer_elsewhere import computer_elsewhere
from course_lib.school.judges.l16_more_machines.partitions_read import Read, far_away, reading
from course_lib.school.judges.registry import POSTGRES, judge
from course_lib.school.stages.returned_lists import a_list, all_of
from course_lib.school.stages.shop_tables import Event, open_events

MONTHS = 12
MOMENT = timedelta(microseconds=1)
DAY = timedelta(days=1)


@judge("16.5", on=(POSTGRES,))
async def read_one_partition(attempt: Attempt) -> None:
    year = attempt.chance.randint(2020, 2029)
    await open_events(attempt.engine, date(year, 1, 1), MONTHS)
    await far_away(attempt)
    days = [date(year, 3, 31), date(year, 7, 1), date(year, 9, 14 + attempt.chance.randint(0, 9))]
    await attempt.change(*(insert(Event).values(_events(day, place)) for place, day in enumerate(days)))
    for day in days:
        await _one_day(attempt, day)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _events(day: date, place: int) -> list[dict[str, Any]]:
    """The latest has the lowest id; the first two stand on the wrong side of a midnight elsewhere."""
    start, end = _midnight(day), _midnight(day) + DAY
    times = {
        "the day before": start - timedelta(hours=13),
        "the moment before": start - MOMENT,
        "at midnight": start,
        "at one in the night": start + timedelta(hours=1),
        "at noon": start + timedelta(hours=12),
        "in the last moment": end - MOMENT,
        "at the next midnight": end,
        "in the next night": end + timedelta(hours=1),
        "at the next noon": end + timedelta(hours=12),
        "a month later": end + timedelta(days=40),
        "two months before": start - timedelta(days=60),
    }
    key = 1_000 * place + 100
    events = [{"id": key - each, "at": at, "words": words} for each, (words, at) in enumerate(times.items())]
    return events[::2] + events[1::2]  # as they lie in the table, they are in no order


OF_THE_DAY = ["at midnight", "at one in the night", "at noon", "in the last moment"]


async def _one_day(attempt: Attempt, day: date) -> None:
    called = f"`{attempt.name}(session, {day})`"
    with reading(attempt.engine) as read:
        async with attempt.sessions() as session:
            got = await _asked(attempt, session, day)
            rows = read.rows
            await session.execute(text("SELECT 1"))  # a look behind a stream
            found = a_list(attempt, got, of="events", called=called)
            all_of(attempt, found, Event, of="events", called=called)
            words = [(event.words, event.at) for event in found]
    wanted = f"shop_events_{day:%Y_%m}"
    too_many = _too_many(attempt, called, read, wanted, rows, len(found))
    if too_many and too_many.misconception != "bound too wide":
        raise too_many
    _events_of_the_day(attempt, called, day, words)
    if too_many:
        raise too_many


async def _asked(attempt: Attempt, session: AsyncSession, day: date) -> Any:
    try:
        with computer_elsewhere():
            return await attempt.call(session, day)
    except NotYet as fault:
        if "has no time zone" in fault.told:
            fault.misconception = "midnight without a zone"
        elif "'datetime.date' object has no attribute 'tzinfo'" in fault.told:
            fault.misconception = "a day for a moment"
        raise


def _too_many(attempt: Attempt, called: str, read: Read, wanted: str, rows: int, found: int) -> NotYet | None:
    """What is wrong with the partitions that were read."""
    others = read.partitions - {wanted}
    if not read.partitions:
        return attempt.not_yet("nothing read", f"{called} read nothing of the table `shop_events`.")
    if not others:
        return None
    told = f"{called} read {len(read.partitions)} of {MONTHS} partitions; the day lies in one, `{wanted}`."
    if rows > found or not read.asks_for_some:
        return attempt.not_yet(
            "chosen in Python", f"{told} More events came than it returned: Python chose {found}."
        )
    if len(read.partitions) == MONTHS:
        return attempt.not_yet(
            "function around the column",
            f"{told} Their bounds are bounds of `at` itself. Of what a function or a cast makes of it they say "
            "nothing.",
        )
    side = {name > wanted for name in others}
    if len(side) == 1 and len(others) > 1:
        where = "later" if side.pop() else "earlier"
        return attempt.not_yet(
            "bound on one side", f"{told} The {where} ones were read, too: on that side there is no bound."
        )
    return attempt.not_yet("bound too wide", f"{told} {', '.join(sorted(others))} was read for nothing.")


def _events_of_the_day(attempt: Attempt, called: str, day: date, got: Sequence[tuple[str, datetime]]) -> None:
    start, end = _midnight(day), _midnight(day) + DAY
    right = [pair for pair in got if start <= pair[1] < end]
    extra = [words for words, at in got if not start <= at < end]
    missing = [words for words in OF_THE_DAY if words not in [each for each, _ in got]]
    told = f"{called} " + " and ".join(
        part
        for part in (
            f"returned {', '.join(map(repr, extra))} of another day" * bool(extra),
            f"left out {', '.join(map(repr, missing))}" * bool(missing),
        )
        if part
    )
    if extra and missing:
        shifted = "at noon" not in missing and "in the next night" in extra
        attempt.require(
            not shifted,
            "time zone shifts the border",
            f"{told}. The database's time zone is another one, and so is the computer's: a midnight that names no zone "
            "is the midnight there.",
        )
        raise attempt.not_yet("events of another day", f"{told}.")
    attempt.require(
        extra != ["at the next midnight"],
        "next midnight counted",
        f"{told}. The next day begins with it, and BETWEEN takes both of its bounds in.",
    )
    attempt.require(not extra, "events of another day", f"{told}.")
    attempt.require(
        missing != ["in the last moment"], "last moment lost", f"{told}. A day ends where the next begins."
    )
    attempt.require(missing != ["at midnight"], "first moment lost", f"{told}. The day begins with it.")
    attempt.require(not missing, "events left out", f"{told}.")
    attempt.require(
        len(right) == len(OF_THE_DAY),
        "events twice",
        f"{called} returned {len(right)} events for {len(OF_THE_DAY)}.",
    )
    attempt.require(
        [at for _, at in got] == sorted(at for _, at in got),
        "order lost",
        f"{called} returned the events in another order than that of their times.",
    )
