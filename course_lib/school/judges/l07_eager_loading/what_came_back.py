"""What came back, as the judges of this lesson ask for it."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import DetachedInstanceError

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.stages.returned_lists import a_list, shown


def nobody_twice(attempt: Attempt, names: Sequence[str]) -> None:
    name, times = next(iter(Counter(names).most_common(1)), ("nobody", 0))
    attempt.require(
        times <= 1,
        "people repeated",
        f"`{attempt.name}` returned {name} {times} times: a join has a row for each post.",
    )


async def call(attempt: Attempt, session: AsyncSession, *arguments: object) -> Any:
    """Call the answer; two mistakes that SQLAlchemy refuses in its own words get a name."""
    try:
        return await attempt.call(session, *arguments)
    except NotYet as fault:
        line, _, error = fault.told.partition(" raises ")
        if error.startswith("ArgumentError") and "root entities" in error:
            raise attempt.not_yet(
                "options side by side",
                f"{line} has options side by side, and each begins at what is selected. Users are selected, and one "
                "option begins at a post. What could it go on from?",
            ) from None
        if error.startswith("InvalidRequestError") and "unique()" in error:
            raise attempt.not_yet(
                "unique missing",
                f"{line} fetches a join, which has a row for each post, so a user comes many times. SQLAlchemy wants "
                "to be told to make one of them.",
            ) from None
        raise


def touched(attempt: Attempt, touch: Callable[[], Any], *, what: str = "") -> Any:
    """What a touch of the loaded objects gives; raises NotYet where it would have to ask the database."""
    try:
        return touch()
    except (InvalidRequestError, DetachedInstanceError) as error:
        raise attempt.not_yet(
            "not loaded",
            f"{what or f'`{attempt.name}`'} left something out: {told(error).partition(': ')[2].rstrip('.')}.",
        ) from None


def pairs(attempt: Attempt, got: object, called: str) -> list[tuple[Any, Any]]:
    rows = a_list(attempt, got, of="pairs", called=called)
    odd = [row for row in rows if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 2]
    if odd:
        raise attempt.not_yet(
            "not a list of pairs",
            f"{called} returned {shown(odd[0])} in its list; pairs of two values were asked for.",
        )
    return [(first, second) for first, second in rows]


def rows_fetched(attempt: Attempt) -> int:
    return sum(statement.rows or 0 for statement in attempt.sent)
