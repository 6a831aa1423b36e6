"""Exercise 01.1, Signed up for good: a user who was signed up is committed, and found by whoever asks later."""

from sqlalchemy import select

from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l01_engine_and_sessions.connections import nothing_left_open, used_the_sessions
from course_lib.school.judges.l01_engine_and_sessions.remembered_sessions import RememberedSessions
from course_lib.school.judges.registry import judge

NEWCOMERS = ("nora", "ivo", "lena")


@judge("01.1")
async def signed_up_for_good(attempt: Attempt) -> None:
    username, sessions = attempt.chance.choice(NEWCOMERS), RememberedSessions(attempt.engine)
    got = await attempt.call(sessions, username)
    found = await attempt.rows(select(User.id, User.email).where(User.username == username))
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
        f"{called} sent an INSERT and returned {got!r:.60}. Another session finds nobody called {username!r}. "
        "Which mark of a transaction is missing below?",
    )
    [(key, email)] = found
    attempt.require(
        email == f"{username}@example.org",
        "wrong address",
        f"The new row has the address {email!r}; {username + '@example.org'!r} was asked for.",
    )
    _is_the_id(attempt, got, key)
    nothing_left_open(attempt, sessions, called)


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
        f"`{attempt.name}` returned {got!r:.60}; the new row has the id {key}.",
    )
