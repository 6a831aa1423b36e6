"""A written test has to pass on what is right and to fail on what is broken; whatever it raises, the check goes on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.models import Tag
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.fresh_database import attempting
from course_lib.school.attempts.verdicts import NotAttempted, NotYet
from course_lib.school.stages.written_tests import Versions, put_to_the_test, same_rows


class Refused(Exception):
    pass


async def double(number: int) -> int:
    """The function under test. It refuses what is below zero."""
    if number < 0:
        raise Refused("below zero")
    return number * 2


async def in_other_words(number: int) -> int:
    if number < 0:
        raise Refused("too small")
    return number * 2


async def by_adding(number: int) -> int:
    return await double(number)


async def same(number: int) -> int:
    return number


async def below_zero(number: int) -> int:
    return number * 2


VERSIONS = Versions(double, by_adding, {"same": same, "below zero": below_zero}, in_other_words)


async def verdict(test: Callable[..., Any], versions: Versions = VERSIONS) -> str:
    """'' for a test that passes."""

    @asynccontextmanager
    async def arranged(function: Callable[..., Awaitable[Any]]) -> AsyncIterator[tuple[Any, ...]]:
        yield attempt.sessions, function

    async def nothing() -> None: ...

    async with attempting(test, "sqlite", {}, hidden=False) as attempt:
        try:
            await put_to_the_test(
                attempt, versions, arranged, other_rows="Other rows.", before_the_second=nothing
            )
        except NotYet as fault:
            return fault.misconception
        return ""


async def good(sessions: Any, double: Any) -> None:
    assert await double(4) == 8
    with pytest.raises(Refused):
        await double(-1)


async def test_a_test_that_notices_both_passes() -> None:
    assert await verdict(good) == ""


async def on_four_alone(sessions: Any, double: Any) -> None:
    assert await double(4) == 8


async def on_nothing(sessions: Any, double: Any) -> None:
    await double(4)


async def on_the_wrong_number(sessions: Any, double: Any) -> None:
    assert await double(4) == 9


async def on_no_error(sessions: Any, double: Any) -> None:
    with pytest.raises(Refused):
        await double(4)


async def on_words(sessions: Any, double: Any) -> None:
    with pytest.raises(Refused, match="below zero"):
        await double(-4)


async def on_its_own(sessions: Any, double: Any) -> None:
    assert 4 * 2 == 8


async def on_what_it_returns(sessions: Any, double: Any) -> bool:
    return bool(await double(4) == 8)


async def on_another_day(sessions: Any, double: Any) -> None:
    pytest.skip("tomorrow")


async def on_a_coroutine(sessions: Any, double: Any) -> None:
    if double(4) != 8:  # an `assert` of this file would be rewritten by pytest, and keep the coroutine
        raise AssertionError


async def on_a_row_of_its_own(sessions: Any, double: Any) -> None:
    async with sessions.begin() as session:
        session.add(Tag(name="mine"))
    await good(sessions, double)


async def on_an_open_session(sessions: Any, double: Any) -> None:
    session: AsyncSession = sessions()
    await session.execute(select(Tag.id))
    await good(sessions, double)


async def on_and_on(sessions: Any, double: Any) -> None:
    while True:
        try:
            await double(4)
        except Exception:  # the bound is none
            return


@pytest.mark.parametrize(
    ("test", "misconception"),
    [
        (on_four_alone, "not caught: below zero"),
        (on_nothing, "passes on everything"),
        (on_the_wrong_number, "fails on the right one"),
        (on_no_error, "fails on the right one"),
        (on_words, "asserts on words"),
        (on_its_own, "never calls it"),
        (on_what_it_returns, "returns instead of asserts"),
        (on_another_day, "skipped"),
        (on_a_coroutine, "missing await"),
        (on_a_row_of_its_own, "depends on what was there"),
        (on_an_open_session, "leaked session"),
        (on_and_on, "runs for ever"),
    ],
)
async def test_what_is_wrong_with_a_test_is_named(test: Callable[..., Any], misconception: str) -> None:
    assert await verdict(test) == misconception


async def test_a_test_that_never_ends_on_a_broken_one_has_noticed_it() -> None:
    async def until_it_grows(sessions: Any, double: Any) -> None:
        number = 1
        while number == 1:
            number = await double(number)

    assert await verdict(until_it_grows, Versions(double, by_adding, {"same": same})) == ""


async def test_a_test_that_takes_one_right_way_only_is_named() -> None:
    async def twice(number: int) -> int:
        twice.calls += 1  # type: ignore[attr-defined]
        return number * 2

    async def on_calls(sessions: Any, double: Any) -> None:
        twice.calls = 0  # type: ignore[attr-defined]
        await double(4)
        assert twice.calls == 0  # type: ignore[attr-defined]

    assert await verdict(on_calls, Versions(double, twice, {"same": same})) == "refuses another right one"


async def test_a_test_that_is_still_the_stub_is_no_attempt() -> None:
    async def stub(sessions: Any, double: Any) -> None:
        raise NotImplementedError

    with pytest.raises(NotAttempted):
        await verdict(stub)


async def test_all_rows_are_put_back() -> None:
    async def rows(attempt: Attempt) -> list[Any]:
        return await attempt.rows(select(Tag.id, Tag.name).order_by(Tag.id))

    async with attempting(good, "sqlite", {}, hidden=False) as attempt, same_rows(attempt) as put_back:
        before = await rows(attempt)
        await attempt.change(delete(Tag), insert(Tag).values(name="other"))
        await put_back()
        assert await rows(attempt) == before
