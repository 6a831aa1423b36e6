"""What a learner's code does with the sessions and connections that it was given."""

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l01_engine_and_sessions.remembered_sessions import RememberedSessions


def used_the_sessions(attempt: Attempt, sessions: RememberedSessions, called: str) -> None:
    attempt.require(
        sessions.opened or attempt.sent,
        "sessions not used",
        f"{called} never opened one of the `sessions` that it was given, so this database was not asked. Does it use "
        "others, such as those of the notebook, or none?",
    )


def nothing_left_open(attempt: Attempt, sessions: RememberedSessions, called: str) -> None:
    no_connection_in_use(attempt, called)
    attempt.require(
        sessions.unclosed() == 0,
        "session not closed",
        f"{called} ended, and nobody had closed its session. The connection went back with the end of the "
        "transaction; the session still keeps its objects, and takes a connection again as soon as it is used.",
    )


def no_connection_in_use(attempt: Attempt, called: str) -> None:
    left = attempt.left_open()
    attempt.require(
        left == 0,
        "leaked session",
        f"{called} ended, and {left} connection{'s are' if left != 1 else ' is'} still in use. A session that is "
        "not closed keeps its connection.",
    )


def closed_after_an_error(attempt: Attempt, sessions: RememberedSessions, story: str) -> None:
    attempt.require(
        attempt.left_open() == 0 and sessions.unclosed() == 0,
        "left open after an error",
        f"{story} Which line is never reached then?",
    )
