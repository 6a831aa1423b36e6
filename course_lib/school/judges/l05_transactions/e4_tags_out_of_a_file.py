"""Exercise 05.4, Tags out of a file: a bad row is left out alone, and the work of the caller stays."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError, PendingRollbackError

from course_lib.models import Tag
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.callers_work import add_own_tag, commit, own_tag
from course_lib.school.stages.races import without_patience
from course_lib.school.stages.savepoints import flushed_before, savepoints_of


@judge("05.4", on=BOTH)
async def tags_out_of_a_file(attempt: Attempt) -> None:
    if attempt.database == "sqlite":
        await without_patience(attempt)
    taken, other = attempt.chance.sample(("bread", "chess", "maps"), 2)
    good, bad = ["owls", "rain", "Owls", " moss", "tea"], [taken, "owls", "owls", other]
    names = ["owls", taken, "rain", "Owls", "owls", " moss", "tea", "owls", other]
    async with attempt.sessions() as session:
        await add_own_tag(session)
        with savepoints_of(session) as savepoints:
            got = await attempt.call(session, names, expected=(DBAPIError, PendingRollbackError))
        _no_bad_row_gets_through(attempt, got, taken, savepoints)
        await commit(attempt, session)
    await _all_good_rows_are_there(attempt, good, with_savepoints=any(savepoints))
    _is_left_out(attempt, got, bad, f"{taken!r} and {other!r} are taken, and 'owls' comes three times.")
    await _names_rolled_back(attempt)
    for some, left_out in ((["fog", "dew"], []), ([taken], [taken]), ([], [])):
        async with attempt.sessions() as session:
            got = await attempt.call(session, some)
        _is_left_out(attempt, got, left_out, f"It got {some}.")


def _no_bad_row_gets_through(attempt: Attempt, got: object, taken: str, savepoints: list[bool]) -> None:
    if not isinstance(got, DBAPIError | PendingRollbackError):
        return
    attempt.require(
        not isinstance(got, PendingRollbackError) or not flushed_before(attempt, savepoints),
        "flushed before the savepoint",
        f"`{attempt.name}` begins savepoints, and in the table the INSERT of {taken!r} stands in none of them, so its "
        "refusal took back the whole transaction. `begin_nested` flushes what the session was told before, and begins "
        "the savepoint then. What has to happen inside the block?",
    )
    attempt.require(
        not isinstance(got, PendingRollbackError),
        "session left broken",
        f"`{attempt.name}` went on behind a bad name, and got a PendingRollbackError: after a failed flush the "
        "session answers nothing else until it is rolled back. All of it?",
    )
    attempt.require(
        isinstance(got, IntegrityError),
        "session left broken",
        f"`{attempt.name}` went on behind a bad name, without going back to a savepoint, and got {told(got)}. After a "
        "refused statement PostgreSQL answers nothing more in that transaction.",
    )
    raise attempt.not_yet(
        "one row sinks all",
        f"`{attempt.name}` got nine names, of which two are taken and 'owls' comes three times. "
        f"It ended with {told(got)}, where the bad names were to be left out and the others kept.",
    )


async def _all_good_rows_are_there(attempt: Attempt, good: Sequence[str], *, with_savepoints: bool) -> None:
    found = await attempt.rows(select(Tag.name).where(Tag.name.in_(good)))
    lost = [repr(name) for name in good if (name,) not in found]
    attempt.require(
        await own_tag(attempt),
        "transaction ended" if with_savepoints else "swallowed IntegrityError",
        f"The caller added a tag and called `{attempt.name}`, which reported no error. Then the caller committed. "
        f"Gone are the caller's tag and {', '.join(lost) or 'nothing else'}: what the rollback took was more than "
        "the bad row.",
    )
    attempt.require(
        not lost,
        "good rows lost",
        f"The caller committed. Not in the table, though nothing is wrong with it: {', '.join(lost)}."
        f"{' A savepoint takes back all that was done in it.' if with_savepoints else ''}",
    )


def _is_left_out(attempt: Attempt, got: object, wanted: list[str], told_before: str) -> None:
    attempt.require(
        isinstance(got, list | tuple) and list(got) == wanted,
        "wrong names left out",
        f"{told_before} `{attempt.name}` returned {got!r:.200}; left out, in their order, are {wanted}.",
    )


async def _names_rolled_back(attempt: Attempt) -> None:
    async with attempt.sessions() as session:
        await attempt.call(session, ["fog", "bread", "dew"])
        await session.rollback()
    kept = await attempt.rows(select(Tag.name).where(Tag.name.in_(["fog", "dew"])).order_by(Tag.id))
    attempt.require(
        not kept,
        "commits for the caller",
        f"A caller called `{attempt.name}` with 'fog', 'bread' and 'dew', and then rolled back. "
        f"{', '.join(repr(name) for (name,) in kept)} stayed in the table. Who opened the session?",
    )
