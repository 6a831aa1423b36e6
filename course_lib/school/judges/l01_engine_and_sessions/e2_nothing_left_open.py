"""Exercise 01.2, Nothing left open: each connection goes back to the pool, also after an error."""

from contextlib import suppress

from sqlalchemy import func

from course_lib.lab.faults import power_cut
from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l01_engine_and_sessions.connections import (
    closed_after_an_error,
    nothing_left_open,
    used_the_sessions,
)
from course_lib.school.judges.l01_engine_and_sessions.remembered_sessions import RememberedSessions
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import shown


@judge("01.2")
async def read_and_closed(attempt: Attempt) -> None:
    key, nobody = await attempt.key("yuki"), await attempt.scalar(func.max(User.id).select()) + 1
    called, sessions = f"`{attempt.name}(sessions, {key})`", RememberedSessions(attempt.engine)
    got = await attempt.call(sessions, key, expected=(LookupError,))
    used_the_sessions(attempt, sessions, called)
    nothing_left_open(attempt, sessions, called)
    attempt.require(
        not isinstance(got, LookupError),
        "error for a user who exists",
        f"{called} raised {told(got)}. But the user {key} exists, and is called 'yuki'.",
    )
    attempt.require(
        isinstance(got, str) and got == "yuki",
        "wrong name",
        f"{called} returned {shown(got)}; the user {key} is called 'yuki'.",
    )
    attempt.require(
        attempt.sent,
        "nothing sent",
        f"{called} returned {shown(got)} and had asked nobody: no statement was sent.",
    )
    await _nobody_is_looked_for(attempt, sessions, nobody, called)
    await _the_question_fails(attempt, sessions, key)


async def _nobody_is_looked_for(
    attempt: Attempt, sessions: RememberedSessions, nobody: int, called: str
) -> None:
    try:
        got = await attempt.call(sessions, nobody, expected=(LookupError,))
    except NotYet as fault:
        if not fault.raised:
            raise
        raise attempt.not_yet(
            "another error", f"{fault.told} Nobody has this key, and LookupError was asked for."
        ) from None
    closed_after_an_error(
        attempt,
        sessions,
        f"{called} found a user and closed its session. For the key {nobody}, which nobody has, the session stayed "
        "open.",
    )
    attempt.require(
        isinstance(got, LookupError),
        "error swallowed",
        f"`{attempt.name}(sessions, {nobody})` returned {shown(got)}; nobody has this key, so it should raise "
        "LookupError.",
    )


async def _the_question_fails(attempt: Attempt, sessions: RememberedSessions, key: int) -> None:
    with power_cut(attempt.engine, "SELECT"), suppress(NotYet):
        await attempt.call(sessions, key, expected=(ConnectionError,))
    closed_after_an_error(
        attempt,
        sessions,
        f"The connection broke while `{attempt.name}(sessions, {key})` asked for the user. That error came out, and "
        "the session stayed open.",
    )
