"""Whatever a learner's code does, the check ends, says so in plain words, and leaves nothing behind."""

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from learners import written
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.models import User
from course_lib.school.attempts import time_limit
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.fresh_database import attempting
from course_lib.school.attempts.verdicts import NotAttempted, NotYet


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "PATIENCE", 0.3)


async def diagnosis_of(answer: object, *arguments: object) -> NotYet:
    """What a check says of an answer that it calls with these arguments behind a session."""
    async with attempting(answer, "sqlite", {}, hidden=False) as attempt:  # type: ignore[arg-type]
        async with attempt.sessions() as session:
            with pytest.raises(NotYet) as caught:
                await attempt.call(session, *arguments)
        assert await still_works(attempt)
    return caught.value


async def still_works(attempt: Attempt) -> bool:
    return bool(await attempt.rows(select(User.id)))


HANGS = {
    "loops": """
        async def loops(session):
            while True:
                pass
        """,
    "loops and catches": """
        async def loops(session):
            while True:
                try:
                    await session.scalar(text("SELECT no_such_column"))
                except Exception:
                    continue
        """,
    "loops and catches everything": """
        async def loops(session):
            while True:
                try:
                    time.sleep(0.001)
                except:
                    continue
        """,
    "awaits and catches everything": """
        async def awaits(session):
            while True:
                try:
                    await asyncio.sleep(1)
                except:
                    continue
        """,
    "waits": """
        async def waits(session):
            await asyncio.Event().wait()
        """,
    "sleeps": """
        async def sleeps(session):
            time.sleep(30)
        """,
    "sleeps, and is not async": """
        def sleeps(session):
            time.sleep(30)
        """,
}
LOOPS, WAITS = HANGS["loops"], HANGS["waits"]


def answer_of(source: str) -> Callable[..., Any]:
    names = {"asyncio": asyncio, "select": select, "sys": sys, "text": text, "time": time, "User": User}
    return written(source, **names)


@pytest.mark.parametrize("kind", HANGS)
async def test_a_hang_is_stopped(kind: str) -> None:
    told = await diagnosis_of(answer_of(HANGS[kind]))
    assert told.misconception == "runs for ever"


async def test_a_hang_is_stopped_also_where_its_cell_holds_the_check() -> None:
    """The cell then stands on the stack to the end: nothing may ring while the check clears up."""
    cell = f"{dedent(LOOPS)}\nasync def cell_line_1(run):\n    return await run(loops)"
    names = written(cell).__globals__
    code = names["cell_line_1"].__code__
    names["cell_line_1"].__code__ = code.replace(co_name="<cell line: 1>")
    told = await names["cell_line_1"](diagnosis_of)
    assert told.misconception == "runs for ever"


@pytest.mark.skipif(sys.platform == "win32", reason="takes away what Windows does not have")
async def test_a_hang_is_stopped_without_a_timer_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.delattr(signal, "setitimer")
    assert (await diagnosis_of(answer_of(LOOPS))).misconception == "runs for ever"
    assert signal.getsignal(signal.SIGINT) is before


async def test_a_check_in_another_thread_goes_without_the_alarm() -> None:
    outcomes: list[NotYet] = []
    thread = threading.Thread(target=lambda: outcomes.append(asyncio.run(diagnosis_of(answer_of(WAITS)))))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert outcomes[0].misconception == "runs for ever"


LEAVES = """
    async def leaves(session):
        sys.exit(3)
    """


FAILS = """
    async def fails(session):
        with pytest.raises(ValueError):
            pass
    """


async def test_an_error_that_is_no_exception_is_told_like_any_other() -> None:
    told = await diagnosis_of(written(FAILS, pytest=pytest))
    assert told.misconception == "error in the code"
    assert "`with pytest.raises(ValueError):`, raises Failed: DID NOT RAISE" in told.told


async def test_an_exit_ends_the_answer_alone() -> None:
    assert (await diagnosis_of(answer_of(LEAVES))).misconception == "leaves the program"


async def test_an_exit_of_a_notebook_ends_the_answer_alone() -> None:
    def ends_the_kernel() -> None:
        pytest.fail("the kernel would end here")

    leaves = written("async def leaves(session):\n    exit()", exit=ends_the_kernel)
    assert (await diagnosis_of(leaves)).misconception == "leaves the program"
    assert leaves.__globals__["exit"] is ends_the_kernel


async def test_a_wrong_signature_is_told_with_its_arguments() -> None:
    told = await diagnosis_of(answer_of(LEAVES), 1, "a")
    assert told.misconception == "wrong signature"
    assert "`leaves(session)` was called with 3 arguments: too many positional arguments" in told.told


@pytest.mark.parametrize("answer", [42, None, [1], "people"])
async def test_what_is_no_function_is_told(answer: object) -> None:
    told = await diagnosis_of(answer)
    assert told.misconception == "not a function"
    assert repr(answer) in told.told


async def test_a_function_that_was_called_already_is_told() -> None:
    told = await diagnosis_of(answer_of(WAITS)(None))
    assert told.misconception == "not a function"
    assert "the coroutine of `waits`" in told.told


async def test_a_forgotten_await_is_named() -> None:
    returned = await diagnosis_of(
        answer_of("async def first(session):\n    return session.scalar(select(User.id))")
    )
    ran_on = await diagnosis_of(answer_of("async def first(session):\n    session.flush()"))
    gc.collect()
    assert (returned.misconception, ran_on.misconception) == ("a coroutine returned", "missing await")
    assert ("`scalar`" in returned.told, "`AsyncSession.flush`" in ran_on.told) == (True, True)


async def test_a_forgotten_await_in_a_list_is_named() -> None:
    told = await diagnosis_of(
        answer_of("async def each(session):\n    return [session.scalar(select(User.id)) for _ in range(2)]")
    )
    gc.collect()
    assert (told.misconception, "`scalar`" in told.told) == ("a coroutine returned", True)


async def test_a_task_that_nobody_waits_for_is_named() -> None:
    source = "async def each(session):\n    return asyncio.gather(asyncio.sleep(0), asyncio.sleep(0))"
    told = await diagnosis_of(answer_of(source))
    assert (told.misconception, "a task" in told.told) == ("missing await", True)


async def test_an_error_that_is_returned_is_not_taken_for_one_that_is_raised() -> None:
    answer = answer_of("async def refuse(session):\n    return ValueError('too low')")
    async with attempting(answer, "sqlite", {}, hidden=False) as attempt, attempt.sessions() as session:
        with pytest.raises(NotYet) as caught:
            await attempt.call(session, expected=(ValueError,))
    assert caught.value.misconception == "error returned"


LOST_COROUTINES = {
    "a loop": "async def names(session):\n    return [u for u in session.scalars(select(User))]",
    "an attribute": "async def names(session):\n    found = session.scalars(select(User))\n    return found.all()",
    "an item": "async def names(session):\n    return session.scalars(select(User))[0]",
}


@pytest.mark.parametrize("kind", LOST_COROUTINES)
async def test_a_forgotten_await_is_named_where_the_next_step_fails(kind: str) -> None:
    told = await diagnosis_of(answer_of(LOST_COROUTINES[kind]))
    gc.collect()
    assert told.misconception == "missing await"


async def test_an_error_is_told_with_the_call_that_raised_it() -> None:
    told = await diagnosis_of(answer_of("async def look(session, key):\n    raise KeyError(key)"), 3)
    assert told.told.endswith(
        "raises KeyError: 3. Which keys are there? That was the call `look(session, 3)`."
    )


MAIL = """
    async def mail(session):
        user = await session.get(User, 999)
        return user.email
    """


async def test_an_error_is_told_with_the_learners_own_line() -> None:
    told = await diagnosis_of(answer_of(MAIL))
    assert told.misconception == "None used"
    assert "Line 3, `return user.email`, raises AttributeError: 'NoneType' object has no" in told.told


async def test_an_error_deep_below_is_told_with_the_learners_own_line() -> None:
    told = await diagnosis_of(
        answer_of("async def ask(session):\n    await session.execute(text('SELECT x FROM nowhere'))")
    )
    assert "Line 2, `await session.execute(" in told.told
    assert "no such table: nowhere" in told.told


EXPIRED = """
    async def look(session):
        user = (await session.scalars(select(User).limit(1))).one()
        session.expire(user)
        return user.email
    """


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_a_look_that_would_ask_the_database_is_told_alike_on_both(database: str) -> None:
    async with (
        attempting(answer_of(EXPIRED), database, {}, hidden=False) as attempt,
        attempt.sessions() as session,
    ):
        with pytest.raises(NotYet, match=r"Line 4, `return user\.email`, raises MissingGreenlet: to look at"):
            await attempt.call(session)


async def test_an_error_of_the_kit_is_not_blamed_on_the_learner() -> None:
    async with attempting(answer_of(WAITS), "sqlite", {}, hidden=False) as attempt:
        with pytest.raises(ZeroDivisionError):
            async with attempt.running():
                1 / 0  # noqa: B018


async def test_the_stub_is_told_from_an_error_that_looks_like_it() -> None:
    stub = answer_of("async def stub(session):\n    raise NotImplementedError")
    async with attempting(stub, "sqlite", {}, hidden=False) as attempt:
        with pytest.raises(NotAttempted):
            await attempt.call(None)
    impossible = answer_of("async def first(session):\n    return User.posts[0]")
    assert (await diagnosis_of(impossible)).misconception == "error in the code"


async def test_an_expected_error_is_handed_over() -> None:
    raises = answer_of("async def find(session):\n    raise LookupError('as asked')")
    async with attempting(raises, "sqlite", {}, hidden=False) as attempt:
        assert str(await attempt.call(None, expected=(LookupError,))) == "as asked"


@pytest.mark.parametrize("place", ["/", "a folder that is gone"])
async def test_an_answer_that_goes_elsewhere_is_called_back(place: str, tmp_path: Path) -> None:
    before = Path.cwd()
    remove = "" if place == "/" else "\n    os.rmdir(place)"
    source = f"async def leaves(session, place):\n    os.chdir(place){remove}\n    1 / 0"
    (gone := tmp_path / "gone").mkdir()
    told = await diagnosis_of(written(source, os=os), place if place == "/" else str(gone))

    assert told.misconception == "error in the code"
    assert Path.cwd() == before


LEAKS = """
    async def leaks(engine, kept):
        kept.append(await engine.connect())
        await kept[0].execute(text("SELECT 1"))
        asyncio.create_task(asyncio.sleep(60))
    """


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_what_an_answer_leaves_open_is_counted_and_closed(database: str) -> None:
    before, kept = asyncio.all_tasks(), list[Any]()
    async with attempting(answer_of(LEAKS), database, {}, hidden=False) as attempt:
        await attempt.call(attempt.engine, kept)
        assert attempt.left_open() == 1
    assert attempt.left_open() == 0
    assert asyncio.all_tasks() == before


async def test_a_hang_that_ends_in_an_expected_error_is_a_hang() -> None:
    """As where a driver turns the cancellation into an error of its own."""

    async def waits(session: AsyncSession) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise LookupError from None

    async with attempting(waits, "sqlite", {}, hidden=False) as attempt, attempt.sessions() as session:
        with pytest.raises(NotYet) as caught:
            await attempt.call(session, expected=(LookupError,))
    assert caught.value.misconception == "runs for ever"


class Clock:
    """Stands in for the module `time`: so long ago, and so much worked."""

    def __init__(self, passed: float, worked: float) -> None:
        self.monotonic, self.process_time = iter([0.0, passed]).__next__, iter([0.0, worked]).__next__


@pytest.mark.parametrize(
    ("passed", "worked", "over"),
    [
        (0.29, 0.29, False),
        (0.31, 0.3, True),  # a loop
        (0.31, 0.0, True),  # waits
        (1.7, 0.1, False),  # at work beside much else
        (1.7, 0.2, True),  # and has worked long enough
        (1.9, 0.1, True),  # nobody waits longer than that
    ],
)
def test_patience_counts_work_where_the_machine_is_slow(
    monkeypatch: pytest.MonkeyPatch, passed: float, worked: float, over: bool
) -> None:
    monkeypatch.setattr(time_limit, "time", Clock(passed, worked))
    assert time_limit.Patience().over is over
