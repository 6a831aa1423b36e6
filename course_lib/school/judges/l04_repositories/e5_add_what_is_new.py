"""Exercise 04.5, Add what is new: a name that is taken costs its own row alone."""

from contextlib import suppress

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from course_lib.models import Tag
from course_lib.repositories import TagRepository
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.registry import judge
from course_lib.school.stages.callers_work import OF_THE_CALLER, callers_session


@judge("04.5")
async def only_the_new_ones(attempt: Attempt) -> None:
    taken = await attempt.scalar(select(func.max(Tag.name)))
    first, last = (f"{word} {attempt.chance.randrange(10, 99)}" for word in ("owls", "moss"))
    add_tags = attempt.program(
        [attempt.blocks[letter] for letter in attempt.order(await attempt.call())],
        first="async def add_tags(session, names):",
        names={"IntegrityError": IntegrityError, "TagRepository": TagRepository},
    )
    names = [first, taken, last]
    called = f"`add_tags(session, {names})`, where {taken!r} is taken,"
    async with callers_session(attempt) as session:
        added = await attempt.call(session, names, function=add_tags, expected=(SQLAlchemyError,))
        _end_behind_the_failure(attempt)
        if isinstance(added, SQLAlchemyError):
            name = "error let out" if isinstance(added, IntegrityError) else "savepoint missing"
            raise attempt.not_yet(name, f"{called} raises {told(added).partition('. ')[0]}.")
        with suppress(SQLAlchemyError):
            await session.commit()
    stored = {name for (name,) in await attempt.rows(select(Tag.name))}
    _require_kept(attempt, called, kept=OF_THE_CALLER in stored)
    _require_counted(attempt, called, added, [first, last])
    attempt.require(
        {first, last} <= stored, "not saved", f"{called} returned {added}, and did not save them all."
    )


def _end_behind_the_failure(attempt: Attempt) -> None:
    """What is sent after the taken name is no evidence, and three INSERTs alike would look like N+1."""
    sent = attempt.sent.everything
    failed = [place for place, each in enumerate(sent) if each.error]
    later = [place for place, each in enumerate(sent) if failed and place > failed[0] and not each.is_mark]
    del sent[later[0] if later else len(sent) :]


def _require_kept(attempt: Attempt, called: str, *, kept: bool) -> None:
    attempt.require(
        kept,
        "rollback too wide",
        f"The caller had added a tag of its own. After {called} and the caller's commit, that tag is gone.",
    )


def _require_counted(attempt: Attempt, called: str, added: object, wanted: list[str]) -> None:
    returned = f"{called} returned {added!r:.80}; {wanted} was asked for."
    if not isinstance(added, list):
        raise NotYet("nothing returned", f"{returned} Is the line with `return` reached at the end?")
    attempt.require(len(added) <= len(wanted), "counted too early", returned)
    attempt.require(added == wanted, "not counted", returned)
