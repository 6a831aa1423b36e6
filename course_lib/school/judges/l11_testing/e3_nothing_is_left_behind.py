"""Exercise 11.3, Nothing is left behind: code commits in a session, and afterwards the rows are as they were."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.models import Account, Post, Tag, User, post_tags
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.races import without_patience
from course_lib.school.stages.returned_lists import shown

TABLES = (User, Account, Tag, Post, post_tags)
Work = Callable[[AsyncSession], Awaitable[Any]]


class Fault(Exception):
    """What a test raises by mistake."""


@judge("11.3", on=BOTH)
async def nothing_is_left_behind(attempt: Attempt) -> None:
    if attempt.database == "sqlite":
        await without_patience(attempt)
    await _Body(attempt, "adds a tag and commits").runs(_commits)
    await _Body(attempt, "commits a tag, adds another, and rolls back").runs(_rolls_back)
    await _Body(attempt, "commits a tag, is refused another that is taken, rolls back, and goes on").runs(
        _is_refused
    )
    fault = Fault("the test fails")
    body = _Body(attempt, f"commits a tag, and fails with {Fault.__name__}")
    got = await body.runs(_commits, fault=fault)
    attempt.require(
        got is fault,
        "error swallowed",
        f"Code in your session failed with {Fault.__name__}, and the block ended with "
        f"{'no error' if got is None else told(got)}. A test that fails has to be seen: let its error go on.",
    )


class _Body:
    """Code in a session that the learner's function gives, and what it finds and leaves."""

    def __init__(self, attempt: Attempt, does: str) -> None:
        self.attempt, self.does = attempt, does
        self.fault: NotYet | None = None
        self.seen_outside = False
        self.ran = False

    async def runs(self, work: Work, *, fault: Fault | None = None) -> BaseException | None:
        """What came out of the block. Raises NotYet for what code finds in the session, or what stays of it."""
        attempt = self.attempt
        before = [await _rows(attempt, table) for table in TABLES]
        manager = await attempt.call(attempt.engine)
        generator = getattr(manager, "gen", None)
        if inspect.iscoroutine(generator):
            generator.close()  # or Python warns of it later
        attempt.require(
            isinstance(manager, AbstractAsyncContextManager) and not inspect.iscoroutine(generator),
            "not a block",
            f"`async with {attempt.name}(engine)` cannot be written: the call gave {shown(manager)}. A function with "
            "one `yield` becomes a block by `@asynccontextmanager`.",
        )
        got = await self._in_the_block(manager, work, fault)
        open_now = attempt.left_open()
        await attempt.give_back()
        if self.fault:
            raise self.fault
        attempt.require(
            self.ran,
            "block not begun",
            f"The block of `{attempt.name}` ended before the code in it had begun.",
        )
        attempt.require(
            open_now == 0,
            "left open",
            f"Code in your session {self.does}. The block has ended, and {open_now} connection is still in use"
            f"{': an error passes the lines behind `yield` by' if fault else ''}.",
        )
        await self._all_is_as_it_was(before)
        return got

    async def _in_the_block(
        self, manager: AbstractAsyncContextManager[Any], work: Work, fault: Fault | None
    ) -> BaseException | None:
        try:
            async with self.attempt.running(expected=(Fault,)), manager as session:
                self.ran = True
                await self._work(session, work)
                if fault and not self.fault:
                    raise fault
        except Fault as error:
            return error
        except NotYet as mishap:
            if fault and not self.fault:
                mishap.misconception = "another error"
            raise self.fault or mishap from None
        except (RuntimeError, TypeError) as error:  # of contextlib
            raise self._not_yet(
                "not a block", f"The block broke: {told(error)}. One `yield` stands in it, and runs once."
            ) from None
        return None

    async def _work(self, session: object, work: Work) -> None:
        """What is found is kept, and raised after the block: a block may end with any error."""
        if not isinstance(session, AsyncSession):
            self.fault = self._not_yet("no session", f"The block gives {shown(session)}, and no session.")
            return
        try:
            there = await _finds(session, THERE)
        except SQLAlchemyError as error:
            self.fault = self._not_yet(
                "session of no use", f"The session cannot even look for a tag: {told(error)}."
            )
            return
        try:
            if not there:
                self.fault = self._not_yet(
                    "other rows",
                    f"In your session there is no tag {THERE!r}, which the database of the engine holds. The session "
                    "has to work on the rows of the engine that it was given.",
                )
                return
            lost = await work(session)
            self.seen_outside = bool(set(await _tags(self.attempt)) & {ONE, TWO})
        except SQLAlchemyError as error:
            self.fault = self._of_an_error(error)
            return
        if lost:
            self.fault = self._not_yet(
                "a rollback takes what was committed",
                f"Code in your session {self.does}. Then it looks for the tag that it had committed, and the tag is "
                "gone. After a commit a rollback takes back only what came after it; so it has to be here, too.",
            )

    def _of_an_error(self, error: SQLAlchemyError) -> NotYet:
        what = f"Code in your session {self.does}. It got {told(error)}"
        return self._not_yet(
            "session of no use" if isinstance(error, DBAPIError) else "closed by the first commit",
            f"{what} Code commits as often as it likes, and has to find the session open after it. What does a commit "
            "end here?",
        )

    async def _all_is_as_it_was(self, before: list[list[Any]]) -> None:
        does = f"Code in your session {self.does}. After the block"
        try:
            after = [await _rows(self.attempt, table) for table in TABLES]
        except SQLAlchemyError as error:
            raise self._not_yet(
                "others' rows gone", f"{does} a table cannot be read any more: {told(error)}"
            ) from None
        for table, old, new in zip(TABLES, before, after, strict=True):
            name = getattr(table, "__tablename__", "post_tags")
            gone = [row for row in old if row not in new]
            self.attempt.require(
                not gone,
                "others' rows gone",
                f"{does} `{name}` has {len(gone)} rows less, or changed ones, which had been there before. Take back "
                "what the code did, and nothing else.",
            )
        stay = set(await _tags(self.attempt)) & {ONE, TWO, AFTER}
        self.attempt.require(
            not stay,
            "commits stay",
            f"{does} the table holds {', '.join(map(repr, sorted(stay)))}. The code said commit, and a rollback comes "
            "too late for that. Who could begin a transaction around all that the session does?",
        )
        self.attempt.require(
            not self.seen_outside,
            "seen by others",
            f"Code in your session {self.does}. While the block was open, another connection saw the tag: it was "
            "committed for everybody, and taken back later.",
        )

    def _not_yet(self, misconception: str, words: str) -> NotYet:
        return self.attempt.not_yet(misconception, words)


THERE = "bread"
ONE, TWO, AFTER = "owls", "rain", "moss"


async def _commits(session: AsyncSession) -> bool:
    session.add(Tag(name=ONE))
    await session.commit()
    return not await _finds(session, ONE)


async def _rolls_back(session: AsyncSession) -> bool:
    await _commits(session)
    session.add(Tag(name=TWO))
    await session.flush()
    await session.rollback()
    return not await _finds(session, ONE)


async def _is_refused(session: AsyncSession) -> bool:
    await _commits(session)
    session.add(Tag(name=THERE))
    try:
        await session.commit()
    except IntegrityError:
        await session.rollback()
    session.add(Tag(name=AFTER))
    await session.commit()
    return not (await _finds(session, ONE) and await _finds(session, AFTER))


async def _finds(session: AsyncSession, name: str) -> bool:
    return await session.scalar(select(Tag.id).where(Tag.name == name)) is not None


async def _rows(attempt: Attempt, table: Any) -> list[tuple[Any, ...]]:
    found: Sequence[Any] = await attempt.rows(select(*getattr(table, "__table__", table).columns))
    return [tuple(row) for row in found]


async def _tags(attempt: Attempt) -> list[str]:
    return [name for (name,) in await attempt.rows(select(Tag.name))]
