"""What an error holds and nobody awaited: freed with `let_go`, and no word of it comes later."""

import gc
import sys
import warnings

import pytest
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import create_session_factory
from course_lib.lab.unawaited import let_go
from course_lib.models import Post


async def _touched(engine: AsyncEngine) -> SQLAlchemyError:
    """The error of a statement that is sent where no await can stand."""
    async with create_session_factory(engine)() as session:
        await session.connection()  # or the touch would leave a thread behind that is about to connect
        try:
            session.sync_session.get(Post, 1)
        except SQLAlchemyError as error:
            return error
    raise AssertionError("the touch was answered")


async def _heard(engine: AsyncEngine, *, freed: bool) -> list[str]:
    """What Python says of the touch when it collects what is left."""
    gc.collect()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        error = await _touched(engine)
        if freed:
            let_go(error)
        del error
        gc.collect()
    return [str(each.message) for each in heard]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_touch_leaves_a_coroutine_that_python_tells_of_later(engine: AsyncEngine) -> None:
    assert await _heard(engine, freed=False) == ["coroutine 'Connection.cursor' was never awaited"]


async def test_nothing_is_told_of_an_error_that_was_let_go(engine: AsyncEngine) -> None:
    assert await _heard(engine, freed=True) == []


async def test_in_the_middle_of_a_namedtuple_no_filter_of_warnings_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Why the course frees them itself: a frame without builtins cannot import what the warning needs."""
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_value))

    async def never() -> None: ...

    waiting = [never()]
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        eval("(lambda: waiting.clear())()", {"__builtins__": {}, "waiting": waiting})
    assert [type(each) for each in told] == [KeyError]
