"""How a case is written: see the docstring of the package."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.db import WRITE_LOCK_FIRST, create_session_factory

DATABASES = ("sqlite", "postgres")

Run = Callable[..., Awaitable[object] | object]
Around = Callable[[int], AbstractAsyncContextManager[Sequence[tuple[Any, ...]]]]


class NotMeasured(Exception):
    """Raised by a case that cannot run here; its message is the reason, in words for the result."""


@dataclass(frozen=True)
class Place:
    """Where a case runs: "sqlite", "postgres" or "none", and an engine on the tables and rows that it asked for."""

    database: str
    rows: int = 0
    _engine: AsyncEngine | None = None

    @property
    def engine(self) -> AsyncEngine:
        assert self._engine is not None, "this case asked for no database"
        return self._engine

    @property
    def sessions(self) -> async_sessionmaker[AsyncSession]:
        return create_session_factory(self.engine)

    @asynccontextmanager
    async def session(self, calls: int) -> AsyncIterator[Sequence[tuple[AsyncSession]]]:
        """One session for all calls of a sample, in a transaction that is committed behind them."""
        async with self.sessions(execution_options=WRITE_LOCK_FIRST) as session, session.begin():
            yield [(session,)] * calls


@dataclass(frozen=True)
class Way:
    """One way to do the operation; `run` is timed, `around` is not."""

    run: Run
    around: Around | None = None

    @asynccontextmanager
    async def arguments(self, calls: int) -> AsyncIterator[Sequence[tuple[Any, ...]]]:
        if self.around is None:
            yield [()] * calls
            return
        async with self.around(calls) as arguments:
            yield arguments


@dataclass
class Ways:
    """All ways to do one operation, by name, and what they are compared with."""

    ways: Mapping[str, Way]
    base: str = "by hand"
    operations: int = 1
    rounds: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    group: str
    operation: str
    database: str
    rows: int
    ways: Callable[[Place], AsyncIterator[Ways]]
    part: str
    """The name of its module."""


CASES: list[Case] = []
"""In the order in which their modules were imported."""


def case(
    group: str, operation: str, *, databases: Sequence[str] = DATABASES, rows: int = 0
) -> Callable[[Callable[[Place], AsyncIterator[Ways]]], Callable[[Place], AsyncIterator[Ways]]]:
    """Adds what it decorates to the cases, once for each database."""

    def register(ways: Callable[[Place], AsyncIterator[Ways]]) -> Callable[[Place], AsyncIterator[Ways]]:
        CASES.extend(
            Case(group, operation, database, rows, ways, ways.__module__.rpartition(".")[2])
            for database in databases
        )
        return ways

    return register
