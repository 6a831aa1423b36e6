"""Exercise 01.1, Signed up for good: a user who was signed up is committed, and found by whoever asks later."""

from sqlalchemy import func, select

from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l01_engine_and_sessions.connections import (
    closed_after_an_error,
    nothing_left_open,
    used_the_sessions,
)
from course_lib.school.judges.l01_engine_and_sessions.remembered_sessions import RememberedSessions
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import shown

NEWCOMERS = ("nora", "ivo", "lena")


@judge("01.1")
async def signed_up_for_good(attempt: Attempt) -> None:
    username, sessions = attempt.chance.choice(NEWCOMERS), RememberedSessions(attempt.engine)
    newest = await attempt.scalar(select(func.max(User.id)))
    got = await attempt.call(sessions, username)
    found = await attempt.rows(select(User.id, User.username, User.email).where(User.id > newest))
    called = f"`{attempt.name}(sessions, {username!r})`"
    used_the_sessions(attempt, sessions, called)
    attempt.require(
        any(statement.text.startswith("INSERT") for statement in attempt.sent),
        "nothing sent",
        f"{called} sent no INSERT. Was the session told of the new user, and of the moment to send what it notes?",
    )
    attempt.require(
        found,
        "commit missing",
        f"{called} sent an INSERT and returned {shown(got)}. Another session finds no new user. "
        "Which mark of a transaction is missing below?",
    )
    key, name, email = found[0]
    attempt.require(
        name == username,
        "wrong name",
        f"The new user is called {name!r}; {username!r} was asked for.",
    )
    attempt.require(
        email == f"{username}@example.org",
        "wrong address",
        f"The new row has the address {email!r}; {username + '@example.org'!r} was asked for.",
    )
    _is_the_id(attempt, got, key)
    nothing_left_open(attempt, sessions, called)
    await _fails_for_a_name_that_is_taken(attempt, sessions, username)


async def _fails_for_a_name_that_is_taken(
    attempt: Attempt, sessions: RememberedSessions, username: str
) -> None:
    story = f"`{attempt.name}` was called once more with {username!r}, a name that is taken by now."
    try:
        got = await attempt.call(sessions, username)
    except NotYet as fault:
        if not fault.raised:
            raise
    else:
        raise attempt.not_yet(
            "error swallowed",
            f"{story} It returned {shown(got)}, as if all were well. It should fail.",
        )
    closed_after_an_error(attempt, sessions, f"{story} It failed, as it should, and its session stayed open.")


def _is_the_id(attempt: Attempt, got: object, key: int) -> None:
    attempt.require(
        got is not None,
        "id asked too early",
        f"`{attempt.name}` returned None; the new row has the id {key}. The database gives the id when it gets the "
        "INSERT. Was it asked for before that, or not returned?",
    )
    attempt.require(
        isinstance(got, int) and got == key,
        "not the id",
        f"`{attempt.name}` returned {shown(got)}; the new row has the id {key}.",
    )
