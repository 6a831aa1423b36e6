"""Exercise 01.3, All at once: each question has a session of its own, all are asked at once, and none stays open."""

import asyncio
from collections.abc import Awaitable, Sequence
from inspect import isawaitable, iscoroutine
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError

from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.sandbox import check_call, finished, guarded
from course_lib.school.judges.l01_engine_and_sessions.connections import nothing_left_open
from course_lib.school.judges.l01_engine_and_sessions.questions_at_once import Desk, Question, Unanswered
from course_lib.school.judges.l01_engine_and_sessions.remembered_sessions import RememberedSessions
from course_lib.school.judges.registry import judge


@judge("01.3")
async def asked_all_at_once(attempt: Attempt) -> None:
    people = attempt.chance.sample(await attempt.rows(select(User.id, User.username)), 4)
    people.sort(key=lambda person: person.username, reverse=True)
    desk, sessions = Desk(), RememberedSessions(attempt.engine)
    questions = [desk.question(key, slow=place == 0) for place, (key, _) in enumerate(people)]
    got = await _answers(attempt, sessions, questions)
    _awaited(attempt, got)
    _every_question_has_its_session(attempt, desk)
    _are_the_answers(attempt, got, [name for _, name in people])
    nothing_left_open(attempt, sessions, f"`{attempt.name}` with four questions")
    await _one_question_fails(attempt, [key for key, _ in people])


async def _answers(attempt: Attempt, sessions: RememberedSessions, questions: Sequence[Question]) -> Any:
    """What the function returns, or the error of a question. Its other tasks have come to their end."""
    check_call(attempt.answer, (sessions, questions))
    before = asyncio.all_tasks()
    try:
        # Not `attempt.call`: its watch would mix up what several tasks send through one connection.
        async with guarded(attempt.answer, expected=(InvalidRequestError, Unanswered)):
            return await _without_group(finished(attempt.answer(sessions, questions)))
    except (InvalidRequestError, Unanswered) as error:
        return error
    finally:
        if running := asyncio.all_tasks() - before:
            await asyncio.wait(running, timeout=1)


async def _without_group(answers: Awaitable[object]) -> object:
    """A TaskGroup puts even a single error into a group."""
    try:
        return await answers
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def _awaited(attempt: Attempt, got: object) -> None:
    inner = got if isinstance(got, list | tuple) else [got]
    for each in inner:
        if iscoroutine(each):
            each.close()  # or Python warns of it in a later cell
    attempt.require(
        not any(isawaitable(each) for each in inner),
        "missing await",
        f"`{attempt.name}` returned what `gather` and `create_task` give at once, before there is any answer. "
        "An `await` is missing.",
    )


async def _one_question_fails(attempt: Attempt, keys: Sequence[int]) -> None:
    desk, sessions = Desk(), RememberedSessions(attempt.engine)
    questions = [desk.question(key, slow=key == keys[1], fails=key == keys[1]) for key in keys]
    got = await _answers(attempt, sessions, questions)
    story = f"`{attempt.name}` was given four questions, and the second one raised an error."
    attempt.require(
        isinstance(got, Unanswered),
        "error swallowed",
        f"{story} `{attempt.name}` returned {got!r:.150}. Whoever called takes that for four answers.",
    )
    attempt.require(
        attempt.left_open() == 0 and sessions.unclosed() == 0,
        "left open after an error",
        f"{story} Its session stayed open. Which line is never reached then?",
    )


def _every_question_has_its_session(attempt: Attempt, desk: Desk) -> None:
    asked, of_its_own = len(desk.sessions), desk.different_sessions
    what_came = (
        f"What came of it: {desk.refusals[0]}"
        if desk.refusals
        else "This time all got through; that depends on the database."
    )
    attempt.require(
        not desk.refusals or of_its_own < asked,
        "closed too early",
        f"A question was given a session of its own, but one that no longer answers. {what_came}",
    )
    attempt.require(
        asked == 4,
        "question left out",
        f"`{attempt.name}` was given four questions, and asked {asked}. To ask is to call the question with a "
        "session, and to await it.",
    )
    attempt.require(
        desk.most_at_work > 1,
        "one after the other",
        f"`{attempt.name}` began each question when the one before had its answer. They should all be asked at once.",
    )
    attempt.require(
        of_its_own == asked,
        "session shared by tasks",
        f"Four questions were asked at once, in {of_its_own} session{'s' * (of_its_own > 1)}. A session belongs to one "
        f"task. {what_came}",
    )


def _are_the_answers(attempt: Attempt, got: object, wanted: Sequence[str]) -> None:
    is_list = isinstance(got, list | tuple) and all(isinstance(each, str) for each in got)
    attempt.require(
        is_list,
        "not the answers",
        f"`{attempt.name}` returned {got!r:.100}; a list of the answers was asked for.",
    )
    attempt.require(
        list(got) == list(wanted),  # type: ignore[call-overload]
        "answers out of order",
        f"`{attempt.name}` returned {got!r:.100}. In the order of the questions, the answers are {list(wanted)}.",
    )
