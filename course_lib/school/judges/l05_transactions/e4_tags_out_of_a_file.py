"""Exercise 05.4, Tags out of a file: a bad row is left out alone, and the work of the caller stays."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, PendingRollbackError

from course_lib.models import Tag
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.registry import judge
from course_lib.school.stages.callers_work import add_own_tag, commit, own_tag
from course_lib.school.stages.savepoints import flushed_before, savepoints_of

LONGEST = "fifty" * 10
TOO_LONG = f"{LONGEST}!"


@judge("05.4")
async def tags_out_of_a_file(attempt: Attempt) -> None:
    taken = attempt.chance.choice(("bread", "chess", "maps"))
    good, bad = ["owls", "rain", "moss", LONGEST, "tea"], [taken, "owls", TOO_LONG]
    names = ["owls", taken, "rain", "moss", "owls", TOO_LONG, LONGEST, "tea"]
    async with attempt.sessions() as session:
        await add_own_tag(session)
        with savepoints_of(session) as savepoints:
            got = await attempt.call(session, names, expected=(IntegrityError, PendingRollbackError))
        _no_bad_row_gets_through(attempt, got, taken, savepoints)
        await commit(attempt, session)
    await _all_good_rows_are_there(attempt, good, with_savepoints=any(savepoints))
    attempt.require(
        isinstance(got, list | tuple) and list(got) == bad,
        "wrong names left out",
        f"`{attempt.name}` returned {got!r:.200}. Left out are {taken!r}, which is taken, the second 'owls', "
        "and the name of 51 letters, in this order.",
    )
    await _names_rolled_back(attempt)


def _no_bad_row_gets_through(attempt: Attempt, got: object, taken: str, savepoints: list[bool]) -> None:
    attempt.require(
        not isinstance(got, IntegrityError),
        "one row sinks all",
        f"`{attempt.name}` got eight names, of which {taken!r} is taken, 'owls' comes twice and one has 51 letters. "
        f"It ended with {told(got) if isinstance(got, IntegrityError) else ''}, where the bad names were to be left "
        "out and the others kept.",
    )
    if not isinstance(got, PendingRollbackError):
        return
    attempt.require(
        not flushed_before(attempt, savepoints),
        "flushed before the savepoint",
        f"`{attempt.name}` begins savepoints, and in the table the INSERT of {taken!r} stands in none of them, so its "
        "refusal took back the whole transaction. `begin_nested` flushes what the session was told before, and begins "
        "the savepoint then. What has to happen inside the block?",
    )
    raise attempt.not_yet(
        "session left broken",
        f"`{attempt.name}` went on behind a bad name, and got a PendingRollbackError: after a failed flush the "
        "session answers nothing else until it is rolled back. All of it?",
    )


async def _all_good_rows_are_there(attempt: Attempt, good: Sequence[str], *, with_savepoints: bool) -> None:
    found = await attempt.rows(select(Tag.name).where(Tag.name.in_(good)))
    lost = [_shown(name) for name in good if (name,) not in found]
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
        f"The caller committed. Not in the table, though nothing is wrong with it: {', '.join(lost)}.",
    )


def _shown(name: str) -> str:
    return f"the name of {len(name)} letters" if len(name) > 20 else name


async def _names_rolled_back(attempt: Attempt) -> None:
    async with attempt.sessions() as session:
        await session.scalar(select(func.count(Tag.id)))
        await attempt.call(session, ["fog", "bread", "dew"])
        await session.rollback()
    kept = await attempt.rows(select(Tag.name).where(Tag.name.in_(["fog", "dew"])).order_by(Tag.id))
    attempt.require(
        not kept,
        "commits for the caller",
        f"A caller called `{attempt.name}` with 'fog', 'bread' and 'dew', and then rolled back. "
        f"{', '.join(repr(name) for (name,) in kept)} stayed in the table. Who opened the session?",
    )
