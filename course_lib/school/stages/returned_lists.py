"""What the judges of listings ask of every answer: its shape, its order, and how many rows it took."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from course_lib.school.attempts.attempt import Attempt


def a_list(attempt: Attempt, got: object, *, of: str, called: str = "") -> Sequence[Any]:
    """What was returned, if it is a list, a tuple or the like; raises NotYet for anything else."""
    called = called or f"`{attempt.name}`"
    attempt.require(
        got is not None, "nothing returned", f"{called} returned None; a list of {of} was asked for."
    )
    if not isinstance(got, Sequence) or isinstance(got, str):
        fetch = " Its rows have not been fetched." if hasattr(got, "all") else ""
        raise attempt.not_yet(
            "not a list", f"{called} returned {shown(got)}; a list of {of} was asked for.{fetch}"
        )
    return got


def all_of(attempt: Attempt, rows: Sequence[Any], kind: type, *, of: str, called: str = "") -> None:
    """Raise NotYet for a list that holds something else."""
    odd = [row for row in rows if not isinstance(row, kind)]
    if odd:
        raise attempt.not_yet(
            f"not a list of {of}",
            f"{called or f'`{attempt.name}`'} returned {shown(odd[0])} in its list; {of} were asked for.",
        )


def shown(value: object) -> str:
    """A value in a diagnosis: short, and without an address that differs from run to run."""
    words = repr(value)
    if " at 0x" in words:
        name = type(value).__name__
        return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
    return words if len(words) <= 80 else f"{words[:80]}…"


async def forget_order(attempt: Attempt) -> None:
    """From now on SQLite turns round what nobody has put in order, as any database may."""
    async with attempt.engine.connect() as connection:
        await connection.execute(text("PRAGMA reverse_unordered_selects = ON"))


def limited_in_order(attempt: Attempt, called: str) -> None:
    """Raise NotYet where a LIMIT was sent without an order: its rows are then any rows."""
    limited = [sent.text.upper() for sent in attempt.sent if "LIMIT" in sent.text.upper()]
    attempt.require(
        all("ORDER BY" in sent for sent in limited),
        "LIMIT without ORDER BY",
        f"{called} asked for some of the rows, in no order: the database gives whichever it meets first.",
    )


def most_rows(attempt: Attempt) -> int:
    """The rows of the statement that fetched most."""
    return max((sent.rows or 0 for sent in attempt.sent), default=0)
