"""What you tried, which hints you saw and what you passed: a small SQLite file of your own, sent nowhere.

progress = progress_of(folder)
await progress.record("07.2", "not yet", "N+1")
await progress.failed_tries("07.2")

Each method opens the file, does its work and closes it again: two notebooks and a command may use it at once. Whatever
is wrong with the file, a method raises ProgressUnavailable and nothing else, so that a check can go on without it.
A later version of the kit keeps a new fact in a new table: the tables of an old file stay as they are.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, NullPool, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from course_lib.db import create_engine, create_session_factory
from course_lib.errors import Conflict
from course_lib.lab.open_files import patiently
from course_lib.school.exercises.outcomes import NOT_ATTEMPTED, NOT_YET, PASSED
from course_lib.school.learner.files import ProgressUnavailable as ProgressUnavailable
from course_lib.school.learner.progress_tables import (
    HintRepository,
    HintShown,
    Own,
    Recall,
    RecallRepository,
    Try,
    TryRepository,
)
from course_lib.transactions import retry, unit_of_work

LAST_HINT = 4
"""Three hints, then the solution."""
BUSY, ATTEMPTS = 0.5, 6
"""So many seconds each attempt waits for another program: the learner looks at the cell meanwhile."""

DAMAGED = "it is damaged. Rename it, and the next check begins a new one"
NOT_OPENED = "it cannot be opened for writing. Look at the rights of the file and its folder"
REASONS = {
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_READONLY: NOT_OPENED,
    sqlite3.SQLITE_CANTOPEN: NOT_OPENED,
    sqlite3.SQLITE_PERM: NOT_OPENED,
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk is full or failing",
}

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """The learner's own file; it is made by the first thing that is noted. Every method raises ProgressUnavailable."""

    file: Path

    async def record(
        self, exercise: str, outcome: str, misconception: str | None = None, *, at: datetime | None = None
    ) -> None:
        """Note a try; `at` is now. One that was not attempted is no try, and nothing is noted."""
        if outcome not in (NOT_ATTEMPTED, NOT_YET, PASSED):
            raise ValueError(
                f"outcome is {outcome!r}; it must be {NOT_ATTEMPTED!r}, {NOT_YET!r} or {PASSED!r}"
            )
        row = {"exercise": exercise, "outcome": outcome, "misconception": misconception, "at": at or _now()}
        if outcome != NOT_ATTEMPTED:
            await self._write(lambda session: TryRepository(session).create(row))

    async def note_hint(self, exercise: str, *, at: datetime | None = None) -> int:
        """Note that the next hint is shown, and say its number; after the solution (4) that one again."""

        async def next_hint(session: AsyncSession) -> int:
            hints = HintRepository(session)
            number = await hints.shown(exercise) + 1
            if number <= LAST_HINT:
                await hints.create({"exercise": exercise, "number": number, "at": at or _now()})
            return min(number, LAST_HINT)

        return await self._write(next_hint)

    async def note_recall(self, question: str, known: bool, *, at: datetime | None = None) -> None:
        """Note whether the learner knew the answer of a question of a lesson, such as "07?2"."""
        row = {"question": question, "known": known, "at": at or _now()}
        await self._write(lambda session: RecallRepository(session).create(row))

    async def failed_tries(self, exercise: str) -> int:
        """How many tries were "not yet" since the last pass."""
        return await self._read(lambda session: TryRepository(session).failed(exercise))

    async def hints_shown(self, exercise: str) -> int:
        return await self._read(lambda session: HintRepository(session).shown(exercise))

    async def passed(self) -> set[str]:
        """The exercises that were passed once, whatever came later."""
        return passed_in(await self.tries())

    async def tries(self) -> list[Try]:
        return await self._read(lambda session: TryRepository(session).every())

    async def hints(self) -> list[HintShown]:
        return await self._read(lambda session: HintRepository(session).every())

    async def recalls(self) -> list[Recall]:
        return await self._read(lambda session: RecallRepository(session).every())

    def set_aside(self) -> Path:
        """Rename the file, so that a new one begins, and return its new place. Nothing is deleted or overwritten."""
        with _in_plain_words(self.file):
            self.file.stat()  # raises where there is none, before a name is taken
            place = _take_a_name(self.file)
            # The log goes first: beside a new file it would be taken for that one's.
            for ending in ("-wal", "-shm", ""):
                if (part := Path(f"{self.file}{ending}")).exists():
                    patiently(partial(part.replace, f"{place}{ending}"))
            return place

    async def _write(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async def attempt() -> T:
            async with unit_of_work(_sessions(self.file)) as session:
                await _make_tables(session)
                return await work(session)

        with _in_plain_words(self.file):
            self._make_folder()
            return await retry(attempt, attempts=ATTEMPTS, first_wait=0.05)

    async def _read(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async def attempt() -> T:
            # Where there is no file, an empty database in memory answers: to look leaves no trace.
            async with _sessions(self.file if self._exists() else None)() as session:
                await _make_tables(session)
                return await work(session)

        with _in_plain_words(self.file):
            return await retry(attempt, attempts=ATTEMPTS, first_wait=0.05)

    def _make_folder(self) -> None:
        self.file.parent.mkdir(exist_ok=True)

    def _exists(self) -> bool:
        return self.file.exists()


def progress_of(folder: Path) -> Progress:
    """The progress that is kept in a learner's copy of the course."""
    return Progress(folder / ".course" / "progress.db")


def passed_in(tries: Iterable[Try]) -> set[str]:
    return {each.exercise for each in tries if each.outcome == PASSED}


def _now() -> datetime:
    return datetime.now(UTC)


def _sessions(file: Path | None) -> async_sessionmaker[AsyncSession]:
    """Sessions on the file (None: on an empty database in memory) that leave no connection open."""
    if file:
        # A file that cannot be opened fails here: aiosqlite's thread would still report to a loop that has ended.
        sqlite3.connect(file).close()
    address = URL.create("sqlite+aiosqlite", database=str(file) if file else ":memory:")
    engine = create_engine(address, poolclass=NullPool, connect_args={"timeout": BUSY})

    @event.listens_for(engine.sync_engine, "connect")
    def wait_less(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY * 1000:.0f}")
        cursor.close()

    return create_session_factory(engine)


async def _make_tables(session: AsyncSession) -> None:
    await (await session.connection()).run_sync(Own.metadata.create_all)


@contextmanager
def _in_plain_words(file: Path) -> Iterator[None]:
    """Whatever the file, the disk or the driver has to say becomes ProgressUnavailable."""
    try:
        yield
    except Conflict as error:
        raise ProgressUnavailable(
            file, "another program holds it. Try again when that one has ended"
        ) from error
    except (SQLAlchemyError, sqlite3.Error, OSError, ValueError) as error:
        raise ProgressUnavailable(file, _reason(error)) from error


def _reason(error: Exception) -> str:
    cause: Any = getattr(error, "orig", None) or error
    known = REASONS.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    return known or getattr(cause, "strerror", None) or str(cause)


def _take_a_name(file: Path) -> Path:
    """An empty file of a name that was free: progress-1.db, progress-2.db, …"""
    for number in count(1):
        place = file.with_name(f"{file.stem}-{number}{file.suffix}")
        with suppress(FileExistsError):
            place.touch(exist_ok=False)
            return place
    raise AssertionError("unreachable")
