"""Exercise 16.2, Read what was written: on the standby as soon as it is that far, and else on the primary."""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from unittest.mock import patch

from sqlalchemy import Row, text

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.sandbox import check_call
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l16_more_machines.two_machines import Standby, TooManyLooks, standby_of, tells
from course_lib.school.judges.registry import POSTGRES, judge
from course_lib.school.stages.returned_lists import a_list, shown

MOST = 20
NEVER = MOST + 1
STATEMENT = text("SELECT words FROM news")
OLD, NEW = "the old news", "the news"
"""What the standby shows before it arrives, and afterwards. The primary says where it speaks: `NEW` and a sign."""
ON_THE_PRIMARY = "the news, on the primary"
GLANCE = 0.001
NUMBER_AND_TEXT = re.compile(
    "'str' object cannot be interpreted as an integer|'int' and 'str'|'str' and 'int'"
)
"""asyncpg gives and takes a pg_lsn as a number."""


@judge("16.2", on=(POSTGRES,))
async def read_what_was_written(attempt: Attempt) -> None:
    check_call(attempt.answer, ("readers", "sessions", "0/1", STATEMENT))
    digits = attempt.chance.randint(100, 900)
    async with standby_of(attempt) as standby:
        await tells(attempt.engine, ON_THE_PRIMARY)
        await _is_there(attempt, standby, f"0/3000{digits}", f"0/3000{digits}")
        await _arrives(attempt, standby, f"0/2FFF{digits}", f"0/3000{digits}", at_look=4)
        await _arrives(
            attempt, standby, f"0/9000{digits}", f"0/10000{digits}", at_look=MOST, kind="compares text"
        )
        await _arrives(
            attempt, standby, f"0/FF000{digits}", f"1/1000{digits}", at_look=3, kind="half of the position"
        )
        await _is_there(attempt, standby, f"A/1000{digits}", f"9/FF000{digits}")
        await _never_arrives(attempt, standby, f"0/2FFF{digits}", f"0/3000{digits}")


async def _asked(attempt: Attempt, standby: Standby, position: str, *, at_look: int) -> tuple[str, int]:
    """The words that came, and how many pauses there were."""
    with (
        standby.arriving(position, NEW, at_look=at_look, most=MOST),
        _pauses_cut_short() as pauses,
        _sleeps_noted() as slept,
    ):
        try:
            got = await attempt.call(standby.readers, attempt.sessions, position, STATEMENT)
        except TooManyLooks:
            raise attempt.not_yet(
                "waits for ever",
                f"The standby had not replayed its log up to {position!r}, and did not go on. `{attempt.name}` looked "
                f"{MOST} times, and once more. A standby that has fallen behind may be so for hours.",
            ) from None
        except NotYet as fault:
            if NUMBER_AND_TEXT.search(fault.told):
                fault.misconception = "position as a text"
            raise
    for pool, name in ((standby.pool, "standby"), (attempt.engine.pool, "primary")):
        attempt.require(
            not pool.checkedout(),  # type: ignore[attr-defined]
            "leaked connection",
            f"`{attempt.name}` has returned, and a connection of the {name} is still in use.",
        )
    attempt.require(
        not slept,
        "sleeps for everybody",
        f"`{attempt.name}` calls `time.sleep`: nothing else in this program runs meanwhile. `await asyncio.sleep(…)` "
        "lets the others in.",
    )
    rows = a_list(attempt, got, of="rows")
    attempt.require(
        len(rows) == 1 and isinstance(rows[0], Row | tuple) and len(rows[0]) == 1,
        "not a list of rows",
        f"`{attempt.name}` returned {shown(got)}. The statement has one row of one value, and `.all()` gives it.",
    )
    return rows[0][0], len(pauses)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _of_the_primary(attempt: Attempt, standby: Standby, when: str, words: str) -> None:
    """Raise NotYet where the primary was asked, though the standby could answer."""
    if not attempt.sent:
        return
    if any("pg_stat_replication" in each.text for each in attempt.sent):
        raise attempt.not_yet(
            "asks the primary how far",
            f"{when}. `{attempt.name}` asked the primary how far its standbys are. It knows what they have told it "
            "last, and not from which of them this session will read; and it was to be spared.",
        )
    attempt.require(
        words == ON_THE_PRIMARY,
        "primary asked in vain",
        f"{when}. `{attempt.name}` read on the standby, and asked the primary besides: it was to be spared.",
    )
    attempt.require(
        standby.looks or not standby.asked,
        "does not look",
        f"{when}. `{attempt.name}` did not ask how far the standby is, and read on the primary.",
    )
    raise attempt.not_yet(
        "gives up too early" if standby.asked else "reads on the primary",
        f"{when}. `{attempt.name}` looked {_times(standby.looks)}, and read on the primary.",
    )


async def _is_there(attempt: Attempt, standby: Standby, replayed: str, position: str) -> None:
    await standby.gets_to(replayed, NEW)
    words, _ = await _asked(attempt, standby, position, at_look=NEVER)
    when = f"The standby had replayed its log up to {replayed!r}, and {position!r} was asked for"
    attempt.require(
        not (attempt.sent and standby.looks >= MOST),
        "never thinks it is there",
        f"{when}. `{attempt.name}` looked {_times(standby.looks)}, did not see it, and asked the primary.",
    )
    _of_the_primary(attempt, standby, when, words)
    attempt.require(words == NEW, "wrong rows", f"{when}. `{attempt.name}` returned {words!r}.")


async def _arrives(
    attempt: Attempt,
    standby: Standby,
    replayed: str,
    position: str,
    *,
    at_look: int,
    kind: str = "reads too early",
) -> None:
    await standby.gets_to(replayed, OLD)
    words, pauses = await _asked(attempt, standby, position, at_look=at_look)
    when = f"The standby had replayed its log up to {replayed!r}, and {position!r} was asked for"
    if words == OLD:
        if any("pg_stat_replication" in each.text for each in attempt.sent):
            _of_the_primary(attempt, standby, when, words)
        received = any("receive" in sent for sent in standby.asked)
        told = f"{when}. `{attempt.name}` looked {_times(standby.looks)}, and read on the standby: {OLD!r}."
        if received:
            raise attempt.not_yet(
                "received is not replayed",
                f"{told} What has arrived there is shown only when it has been replayed.",
            )
        raise attempt.not_yet("does not look" if not standby.looks else kind, told)
    when = f"{when}; it got there when it was asked for the {at_look}th time"
    _of_the_primary(attempt, standby, when, words)
    attempt.require(
        pauses or any("pg_sleep" in sent for sent in standby.asked),
        "no pause",
        f"{when}. `{attempt.name}` asked again at once, {_times(standby.looks)}: {MOST} looks are over in a few "
        "milliseconds, and each is work for the standby.",
    )


async def _never_arrives(attempt: Attempt, standby: Standby, replayed: str, position: str) -> None:
    await standby.gets_to(replayed, OLD)
    try:
        words, _ = await _asked(attempt, standby, position, at_look=NEVER)
    except NotYet as fault:
        fault.misconception = "gives up with an error" if fault.raised else fault.misconception
        raise
    told = f"The standby had replayed its log up to {replayed!r}, {position!r} was asked for, and it did not go on."
    attempt.require(
        words != OLD,
        "stale in the end",
        f"{told} `{attempt.name}` looked {_times(standby.looks)}, and read there all the same: {OLD!r}.",
    )
    attempt.require(words == ON_THE_PRIMARY, "wrong rows", f"{told} `{attempt.name}` returned {words!r}.")


_theirs: ContextVar[bool] = ContextVar("_theirs", default=False)


@contextmanager
def _pauses_cut_short() -> Iterator[list[float]]:
    """How long each sleep of this block was meant to be. However `sleep` was imported, it asks the loop for a timer."""
    loop, pauses = asyncio.get_running_loop(), list[float]()
    call_at = loop.call_at

    def noted(when: float, callback: Any, *arguments: Any, context: Any = None) -> asyncio.TimerHandle:
        if _theirs.get() and getattr(callback, "__name__", "") == "_set_result_unless_cancelled":
            pauses.append(when - loop.time())
            when = min(when, loop.time() + GLANCE)
        return call_at(when, callback, *arguments, context=context)

    before = _theirs.set(True)
    loop.call_at = noted  # type: ignore[method-assign, assignment]
    try:
        yield pauses
    finally:
        del loop.call_at
        _theirs.reset(before)


@contextmanager
def _sleeps_noted() -> Iterator[list[float]]:
    """The calls of `time.sleep`, which stops all that runs here. Other threads do sleep."""
    sleep, slept = time.sleep, list[float]()

    def noted(seconds: float) -> None:
        if _theirs.get():
            slept.append(seconds)
        else:
            sleep(seconds)

    with patch.object(time, "sleep", noted):
        yield slept
