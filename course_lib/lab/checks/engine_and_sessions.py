"""Lesson 01: is it committed, is every connection given back, and has each task a session of its own?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable, iscoroutine
from traceback import walk_tb
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, InvalidRequestError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from course_lib.db import create_engine
from course_lib.lab.judging.attempts import Attempt, judge
from course_lib.lab.judging.desk import Desk, Question, Unanswered
from course_lib.lab.judging.remembered import RememberedSessions
from course_lib.lab.judging.sandbox import NotYet, check_call, finished, guarded, told
from course_lib.lab.sql import Statements
from course_lib.models import Tag, User

NEWCOMERS = ("nora", "ivo", "lena")
TWO_AT_MOST: dict[str, Any] = {"pool_size": 2, "max_overflow": 0, "pool_timeout": 1}

how_many_users = select(func.count()).select_from(User)
how_many_tags = select(func.count()).select_from(Tag)


@judge("01.1")
async def signed_up_for_good(attempt: Attempt) -> None:
    username, sessions = attempt.chance.choice(NEWCOMERS), RememberedSessions(attempt.engine)
    got = await attempt.call(sessions, username)
    found = await attempt.rows(select(User.id, User.email).where(User.username == username))
    called = f"`{attempt.name}(sessions, {username!r})`"
    _used_the_sessions(attempt, sessions, called)
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
    _nothing_left_open(attempt, sessions, called)


def _used_the_sessions(attempt: Attempt, sessions: RememberedSessions, called: str) -> None:
    attempt.require(
        sessions.opened or attempt.sent,
        "sessions not used",
        f"{called} never opened one of the `sessions` that it was given, so this database was not asked. Does it use "
        "others, such as those of the notebook, or none?",
    )


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


@judge("01.2")
async def read_and_closed(attempt: Attempt) -> None:
    key, nobody = await attempt.key("yuki"), await attempt.scalar(func.max(User.id).select()) + 1
    called, sessions = f"`{attempt.name}(sessions, {key})`", RememberedSessions(attempt.engine)
    got = await attempt.call(sessions, key, expected=(LookupError,))
    _used_the_sessions(attempt, sessions, called)
    _nothing_left_open(attempt, sessions, called)
    attempt.require(
        not isinstance(got, LookupError),
        "error for a user who exists",
        f"{called} raised {told(got)}. But the user {key} exists, and is called 'yuki'.",
    )
    attempt.require(
        isinstance(got, str) and got == "yuki",
        "wrong name",
        f"{called} returned {got!r:.60}; the user {key} is called 'yuki'.",
    )
    attempt.require(
        attempt.sent,
        "nothing sent",
        f"{called} returned {got!r:.60} and had asked nobody: no statement was sent.",
    )
    await _nobody_is_looked_for(attempt, sessions, nobody, called)


async def _nobody_is_looked_for(
    attempt: Attempt, sessions: RememberedSessions, nobody: int, called: str
) -> None:
    got = await attempt.call(sessions, nobody, expected=(LookupError,))
    attempt.require(
        attempt.left_open() == 0 and sessions.unclosed() == 0,
        "left open after an error",
        f"{called} found a user and closed its session. For the key {nobody}, which nobody has, the session stayed "
        "open. Which line is never reached then?",
    )
    attempt.require(
        isinstance(got, LookupError),
        "error swallowed",
        f"`{attempt.name}(sessions, {nobody})` returned {got!r:.60}; nobody has this key, so it should raise "
        "LookupError.",
    )


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
    _nothing_left_open(attempt, sessions, f"`{attempt.name}` with four questions")
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


@judge("01.4")
async def told_after_the_rollback(attempt: Attempt) -> None:
    key, users = await attempt.key("yuki"), await attempt.scalar(how_many_users)
    lines = [attempt.blocks[letter] for letter in attempt.order(await attempt.call(), every=True)]
    rename = attempt.program(
        lines,
        first="async def rename(session, user, wanted):",
        names={"IntegrityError": IntegrityError, "how_many_users": how_many_users},
    )
    async with attempt.sessions() as session:
        user = await session.get(User, key)
        got = await attempt.call(
            session, user, "mira", function=rename, expected=(SQLAlchemyError, NameError)
        )
        answers_again = session.is_active
    if isinstance(got, Exception):
        misconception, why = _about(got, _line_of(got, rename, lines))
        raise attempt.not_yet(misconception, f"`rename(session, yuki, 'mira')` raised {why}")
    _refused_and_put_right(attempt, got, answers_again)
    attempt.require(
        got == f"yuki@example.org cannot be mira: {users} users stay as they are",
        "nothing returned",
        f"`rename` returned {got!r}. After the failed flush, the line with `return` has to be reached.",
    )


def _line_of(error: Exception, function: Callable[..., Any], lines: Sequence[str]) -> str:
    """The line of the learner's order in which an error came up."""
    file = function.__code__.co_filename
    numbers = [number for frame, number in walk_tb(error.__traceback__) if frame.f_code.co_filename == file]
    return lines[numbers[-1] - 2].strip()  # above the first one stands `def`


def _refused_and_put_right(attempt: Attempt, got: object, answers_again: bool) -> None:
    attempt.require(
        any(statement.error for statement in attempt.sent),
        "flush not reached",
        f"`rename` returned {got!r}, and the new name was never tried: no UPDATE was sent and refused.",
    )
    attempt.require(
        answers_again,
        "rollback missing",
        f"`rename` returned {got!r}. The flush had failed, and nobody had said `rollback`: the session is of no more "
        "use to the caller.",
    )


def _about(error: Exception, line: str) -> tuple[str, str]:
    """What an error says about the order of the lines."""
    if isinstance(error, NameError):
        why = (
            "The line that sets it was not reached: where a line of `try` fails, those below it are skipped."
        )
        return "line not reached", f"{told(error)}. {why}"
    raised = f"{type(error).__name__} in the line `{line}`."
    if isinstance(error, PendingRollbackError) and "user." in line:
        why = (
            "The failed flush was a rollback for the user already: it is expired, and a look at it asks the database. "
            "Before you say `rollback` the session answers nothing, and after it the look has no `await`. When could "
            "the address still be read?"
        )
        return "expired by the failed flush", f"{raised} {why}"
    if isinstance(error, PendingRollbackError):
        why = "The flush had failed, and nobody had said `rollback` yet: the session answered nothing."
        return "rollback missing", f"{raised} {why}"
    why = "A user that was rolled back is expired, and a look at it asks the database without an `await`."
    return "expired by the rollback", f"{raised} {why}"


@judge("01.5")
async def served_by_two_connections(attempt: Attempt) -> None:
    keys = [key for (key,) in await attempt.rows(select(User.id).order_by(User.id).limit(4))]
    letter = attempt.choice(await attempt.call())
    names = {"User": User, "how_many_tags": how_many_tags}
    async with _narrow(attempt) as narrow:
        read = narrow.program(
            [narrow.blocks[letter]], first="async def name_and_tags(sessions, key):", names=names
        )
        async with narrow.running(read):
            answers = await asyncio.gather(
                *(read(narrow.sessions, key) for key in keys), return_exceptions=True
            )
        failed = [answer for answer in answers if isinstance(answer, PoolTimeout)]
        first, narrow.sent = narrow.sent.everything[:4], Statements()  # the rest differs from run to run
        _no_connection_in_use(narrow, f"Option {letter}")
        if failed:
            raise NotYet(
                "waits for itself",
                f"Option {letter} did not serve all four tasks. Two got a connection, as you see below. Then all "
                f"waited for another one, and were told: {told(failed[0])}. Who could have given one back?",
                sent=Statements(first),
            )


@asynccontextmanager
async def _narrow(attempt: Attempt) -> AsyncIterator[Attempt]:
    """The same attempt on an engine with two connections."""
    engine = create_engine(attempt.engine.url, **TWO_AT_MOST)
    narrow = Attempt(attempt.answer, engine, attempt.blocks, hidden=False)
    try:
        yield narrow
    finally:
        await narrow.close()


def _nothing_left_open(attempt: Attempt, sessions: RememberedSessions, called: str) -> None:
    _no_connection_in_use(attempt, called)
    attempt.require(
        sessions.unclosed() == 0,
        "session not closed",
        f"{called} ended, and nobody had closed its session. The connection went back with the end of the "
        "transaction; the session still keeps its objects, and takes a connection again as soon as it is used.",
    )


def _no_connection_in_use(attempt: Attempt, called: str) -> None:
    left = attempt.left_open()
    attempt.require(
        left == 0,
        "leaked session",
        f"{called} ended, and {left} connection{'s are' if left != 1 else ' is'} still in use. A session that is "
        "not closed keeps its connection.",
    )
