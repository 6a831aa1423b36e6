"""Exercise 01.3, All at once: each question has a session of its own, all are asked at once, and none stays open."""

import asyncio
from asyncio import isfuture
from collections.abc import Awaitable, Sequence
from inspect import isawaitable, iscoroutine
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError

from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.sandbox import check_call, finished, guarded
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.attempts.whose_frame import code_of
from course_lib.school.judges.l01_engine_and_sessions.connections import (
    closed_after_an_error,
    nothing_left_open,
)
from course_lib.school.judges.l01_engine_and_sessions.questions_at_once import Desk, Question
from course_lib.school.judges.l01_engine_and_sessions.remembered_sessions import RememberedSessions
from course_lib.school.judges.l01_engine_and_sessions.standing_still import noticed
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import a_list, shown


@judge("01.3")
async def asked_all_at_once(attempt: Attempt) -> None:
    people = attempt.chance.sample(await attempt.rows(select(User.id, User.username)), 4)
    people.sort(key=lambda person: person.username, reverse=True)
    desk, sessions = Desk(4), RememberedSessions(attempt.engine)
    questions = [desk.question(key, last=place == 0) for place, (key, _) in enumerate(people)]
    got, left = await _answers(attempt, sessions, desk, questions, expected=InvalidRequestError)
    _every_question_has_its_session(attempt, desk)
    _are_the_answers(attempt, got, [name for _, name in people])
    attempt.require(not left, "tasks left running", f"`{attempt.name}` returned while {_still(left)}.")
    nothing_left_open(attempt, sessions, f"`{attempt.name}` with four questions")
    await _one_question_fails(attempt, [key for key, _ in people])


async def _answers(
    attempt: Attempt,
    sessions: RememberedSessions,
    desk: Desk,
    questions: Sequence[Question],
    *,
    expected: type[Exception],
) -> tuple[Any, int]:
    """What the function returns or raises, and how many of its tasks had not ended then. Now they have."""
    check_call(attempt.answer, (sessions, questions))
    code, left = code_of(attempt.answer), set[asyncio.Task[Any]]()

    async def to_its_end() -> Any:
        before = asyncio.all_tasks()
        try:
            got = await _without_group(finished(attempt.answer(sessions, questions)))
            _awaited(attempt, got)
            return got
        finally:
            left.update(asyncio.all_tasks() - before)

    try:
        # Not `attempt.call`: its watch would mix up what several tasks send through one connection.
        async with (
            noticed(code.co_filename if code else "", desk.give_way),
            guarded(attempt.answer, expected=(expected,)),
        ):
            got = await asyncio.ensure_future(to_its_end())
    except NotYet:
        raise
    except expected as error:
        got = error
    desk.over.opened.set()
    if left:
        await asyncio.wait(left, timeout=1)
    return got, len(left)


def _still(left: int) -> str:
    return f"{left} of its tasks {'was' if left == 1 else 'were'} still at work"


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
        not any(isawaitable(each) and not (isfuture(each) and each.done()) for each in inner),
        "missing await",
        f"`{attempt.name}` returned what `gather` and `create_task` give at once, before there is any answer. "
        "An `await` is missing.",
    )


async def _one_question_fails(attempt: Attempt, keys: Sequence[int]) -> None:
    desk, sessions = Desk(4, fails=True), RememberedSessions(attempt.engine)
    questions = [desk.question(key, last=key == keys[1]) for key in keys]
    got, left = await _answers(attempt, sessions, desk, questions, expected=Exception)
    story = f"`{attempt.name}` was given four questions, and the second one raised an error."
    attempt.require(
        isinstance(got, Exception),
        "error swallowed",
        f"{story} `{attempt.name}` returned {shown(got)}. Whoever called takes that for four answers.",
    )
    attempt.require(
        not left,
        "tasks left running",
        f"{story} `{attempt.name}` told of it at once, while {_still(left)}, each with a connection. Who waits for "
        "them, or stops them?",
    )
    closed_after_an_error(attempt, sessions, f"{story} A session stayed open.")


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
        desk.most_at_work == asked,
        "not all at once",
        f"`{attempt.name}` had {desk.most_at_work} questions at work, and began the next one when one of them had its "
        "answer. All four should be asked at once.",
    )
    attempt.require(
        of_its_own == asked,
        "session shared by tasks",
        f"Four questions were asked at once, in {of_its_own} session{'s' * (of_its_own > 1)}. A session belongs to one "
        f"task. {what_came}",
    )


def _are_the_answers(attempt: Attempt, got: object, wanted: Sequence[str]) -> None:
    answers = a_list(attempt, got, of="answers")
    tasks = any(isfuture(each) for each in answers)
    attempt.require(
        all(isinstance(each, str) for each in answers),
        "not the answers",
        f"`{attempt.name}` returned {'tasks' if tasks else shown(got)}; a list of the answers was asked for."
        + " The answer of a task that has ended is its `result()`." * tasks,
    )
    attempt.require(
        list(answers) == list(wanted),
        "answers out of order",
        f"`{attempt.name}` returned {got!r:.100}. In the order of the questions, the answers are {list(wanted)}.",
    )
