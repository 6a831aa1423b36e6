"""Lesson 01: is it committed, is every connection given back, and has each task a session of its own?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from inspect import iscoroutine
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, InvalidRequestError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from course_lib.db import create_engine
from course_lib.lab.checks.judging import Attempt, judge
from course_lib.lab.checks.sandbox import NotYet, check_call, finished, guarded, told
from course_lib.lab.sql import Statements
from course_lib.models import Tag, User

NEWCOMERS = ("nora", "ivo", "lena")
TWO_AT_MOST: dict[str, Any] = {"pool_size": 2, "max_overflow": 0, "pool_timeout": 1}

how_many_users = select(func.count()).select_from(User)
how_many_tags = select(func.count()).select_from(Tag)


@judge("01.1")
async def signed_up_for_good(attempt: Attempt) -> None:
    username = attempt.chance.choice(NEWCOMERS)
    got = await attempt.call(attempt.sessions, username)
    found = await attempt.rows(select(User.id, User.email).where(User.username == username))
    called = f"`{attempt.name}(sessions, {username!r})`"
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
    _nothing_left_open(attempt, called)


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
    got = await attempt.call(attempt.sessions, key)
    _nothing_left_open(attempt, f"`{attempt.name}(sessions, {key})`")
    attempt.require(
        isinstance(got, str) and got == "yuki",
        "wrong name",
        f"`{attempt.name}(sessions, {key})` returned {got!r:.60}; the user {key} is called 'yuki'.",
    )
    got = await attempt.call(attempt.sessions, nobody, expected=(LookupError,))
    left = attempt.left_open()
    attempt.require(
        left == 0,
        "left open after an error",
        f"`{attempt.name}(sessions, {key})` found a user and gave its connection back. For the key {nobody}, which "
        "nobody has, a connection stayed in use. Which line is never reached then?",
    )
    attempt.require(
        isinstance(got, LookupError),
        "error swallowed",
        f"`{attempt.name}(sessions, {nobody})` returned {got!r:.60}; nobody has this key, so it should raise "
        "LookupError.",
    )


class Desk:
    """Questions for the function: they note which session each was given, how many were asked at once, what failed."""

    def __init__(self) -> None:
        self.sessions: list[object] = []
        self.refusals: list[str] = []
        self.at_work = self.most_at_work = 0
        self.others_answered = asyncio.Event()

    def question(self, key: int, *, slow: bool = False) -> Callable[[Any], Awaitable[object]]:
        async def name_of_one(session: Any) -> object:
            with self._noted(session):
                name = await session.scalar(select(User.username).where(User.id == key))
                if slow and self.at_work > 1:
                    await self.others_answered.wait()
                return name

        return name_of_one

    @contextmanager
    def _noted(self, session: object) -> Iterator[None]:
        self.sessions.append(session)
        self.at_work += 1
        self.most_at_work = max(self.at_work, self.most_at_work)
        try:
            yield
        except InvalidRequestError as error:
            self.refusals.append(told(error))
            raise
        finally:
            self.at_work -= 1
            if self.at_work == 1:
                self.others_answered.set()

    @property
    def different_sessions(self) -> int:
        return len({id(session) for session in self.sessions})


@judge("01.3")
async def asked_all_at_once(attempt: Attempt) -> None:
    people = attempt.chance.sample(await attempt.rows(select(User.id, User.username)), 4)
    people.sort(key=lambda person: person.username, reverse=True)
    desk = Desk()
    questions = [desk.question(key, slow=place == 0) for place, (key, _) in enumerate(people)]
    check_call(attempt.answer, (attempt.sessions, questions))
    got: Any = None
    # Not `attempt.call`: its watch would mix up what several tasks send through one connection.
    async with guarded(attempt.answer, expected=(InvalidRequestError,)):
        with suppress(InvalidRequestError):
            got = await finished(attempt.answer(attempt.sessions, questions))
    _close_coroutines(got)
    _every_question_has_its_session(attempt, desk)
    _are_the_answers(attempt, got, [name for _, name in people])
    _nothing_left_open(attempt, f"`{attempt.name}` with four questions")


def _close_coroutines(got: object) -> None:
    """Questions that were called and not awaited: Python would warn of them in a later cell."""
    for each in got if isinstance(got, list | tuple) else ():
        if iscoroutine(each):
            each.close()


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
    letters = attempt.order(await attempt.call())
    rename = attempt.program(
        [attempt.blocks[letter] for letter in letters],
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
        misconception, why = _about(got)
        raise attempt.not_yet(misconception, f"`rename(session, yuki, 'mira')` raised {why}")
    _refused_and_put_right(attempt, got, answers_again)
    attempt.require(
        got == f"yuki@example.org cannot be mira: {users} users stay as they are",
        "nothing returned",
        f"`rename` returned {got!r}. After the failed flush, the line with `return` has to be reached.",
    )


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


def _about(error: Exception) -> tuple[str, str]:
    """What an error says about the order of the lines."""
    if isinstance(error, NameError):
        why = (
            "The line that sets it was not reached: where a line of `try` fails, those below it are skipped."
        )
        return "line not reached", f"{told(error)}. {why}"
    if isinstance(error, PendingRollbackError):
        why = "The flush had failed, and nobody had said `rollback`: the session answered nothing."
        return "rollback missing", f"{type(error).__name__}. {why}"
    why = "A user that was rolled back is expired, and a look at it asks the database without an `await`."
    return "expired by the rollback", f"{type(error).__name__}. {why}"


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
        _nothing_left_open(narrow, f"Option {letter}")
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


def _nothing_left_open(attempt: Attempt, called: str) -> None:
    left = attempt.left_open()
    attempt.require(
        left == 0,
        "leaked session",
        f"{called} ended, and {left} connection{'s are' if left != 1 else ' is'} still in use. A session that is "
        "not closed keeps its connection.",
    )
