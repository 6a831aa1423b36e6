"""A learner's function, a fresh database, and the truth about what happened between them: what every judge looks at."""

import asyncio
import re
import reprlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random
from types import FunctionType, MethodType
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.sql.base import Executable
from sqlalchemy.util.concurrency import greenlet_spawn

from course_lib.db import create_session_factory
from course_lib.lab.sql import Statements, watch
from course_lib.lab.unawaited import let_go
from course_lib.models import User
from course_lib.school.attempts.given_session import PASSED_BY, SESSION_NOT_USED, passed_by
from course_lib.school.attempts.lettered_answer import NotLetters, letters_in
from course_lib.school.attempts.lines_as_function import FILE, program_of
from course_lib.school.attempts.sandbox import check_call, finished, guarded
from course_lib.school.attempts.verdicts import NotYet

T = TypeVar("T")


class Attempt:
    """A learner's function, a fresh database with the sample people, and everything that happens between them.

    `engine` and `sessions` are for the judge and may be handed to the function. `sent` are the statements of the last
    call. `chance` gives numbers that differ between the visible rows and the hidden ones. `blocks` are the lettered
    lines or options of the task.
    """

    def __init__(
        self, answer: Callable[..., Any], engine: AsyncEngine, blocks: Mapping[str, str], *, hidden: bool
    ) -> None:
        self.answer, self.engine, self.blocks = answer, engine, blocks
        self.name = getattr(answer, "__name__", "your function")
        self.sessions = create_session_factory(engine)
        self.sent = Statements()
        self.chance = Random(7 if hidden else 2026)
        self.connections: list[Connection] = []
        event.listen(engine.sync_engine, "engine_connect", self.connections.append)

    @property
    def database(self) -> str:
        """'sqlite' or 'postgresql'."""
        return self.engine.dialect.name

    @asynccontextmanager
    async def running(
        self,
        function: Callable[..., Any] | None = None,
        *,
        expected: tuple[type[Exception], ...] = (),
    ) -> AsyncIterator[None]:
        """For a block that calls the learner's function in its own way: it is guarded, and `sent` records."""
        try:
            with watch(self.engine) as self.sent:
                async with guarded(function or self.answer, expected=expected):
                    yield
        except Exception as error:
            let_go(error)
            raise

    async def call(
        self,
        *arguments: Any,
        function: Callable[..., Any] | None = None,
        expected: tuple[type[Exception], ...] = (),
    ) -> Any:
        """What the function returns, or the `expected` error that it raised. Raises NotYet for any other mishap."""
        called = function or self.answer
        check_call(called, arguments)
        given = next((each for each in arguments if isinstance(each, AsyncSession)), None)
        with passed_by(given, self.engine) as strangers:
            try:
                async with self.running(called, expected=expected):
                    result = await finished(called(*arguments))
            except expected as error:
                result = error
            except NotYet as fault:
                self.require(not strangers(), SESSION_NOT_USED, PASSED_BY.format(name=self.name))
                if fault.raised:
                    fault.told = f"{fault.told} That was the call `{_in_words(called, arguments)}`."
                raise
        self.require(not strangers(), SESSION_NOT_USED, PASSED_BY.format(name=self.name))
        return result

    async def reply(self, asking: Awaitable[T], *, function: Callable[..., Any] | None = None) -> T:
        """The reply to a request that reaches the learner's routes: they are guarded, and `sent` records."""
        async with self.running(function):
            return await asking

    def not_yet(self, misconception: str, told: str) -> NotYet:
        """The diagnosis, with the statements of the last call as evidence."""
        return NotYet(misconception, told, sent=self.sent)

    def require(self, condition: object, misconception: str, told: str) -> None:
        if not condition:
            raise self.not_yet(misconception, told)

    def sent_at_most(self, most: int, misconception: str, why: str) -> None:
        """Raise NotYet for more statements than that in the last call; `why` says where they come from."""
        times = f"{len(self.sent)} statement{'s' * (len(self.sent) != 1)}"
        enough = "1 is enough" if most == 1 else f"{most} are enough"
        self.require(len(self.sent) <= most, misconception, f"`{self.name}` sent {times}; {enough}. {why}")

    def left_open(self) -> int:
        """How many connections are in use now: none should be, when every session and connection is closed."""
        return sum(not connection.closed for connection in self.connections)

    async def scalar(self, statement: Executable) -> Any:
        """The first value of the first row, read over a connection of its own: what is committed."""
        async with self.engine.connect() as connection:
            return await connection.scalar(statement)

    async def rows(self, statement: Executable) -> list[Any]:
        """All rows, read over a connection of its own: what is committed."""
        async with self.engine.connect() as connection:
            return list((await connection.execute(statement)).all())

    async def change(self, *statements: Executable) -> None:
        """Prepare the database: run and commit."""
        async with self.engine.begin() as connection:
            for statement in statements:
                await connection.execute(statement)

    async def key(self, username: str) -> int:
        """The id of a sample person: another one in the hidden rows."""
        return int(await self.scalar(select(User.id).where(User.username == username)))

    def order(self, letters: object, *, every: bool = False) -> list[str]:
        """The letters of an answer, once each, with `every` all there are; raises NotYet for anything else."""
        found = self._letters(letters, "not an order", f"Return letters out of {' '.join(self.blocks)}.")
        if left_out := [letter for letter in self.blocks if every and letter not in found]:
            without = f"without {', '.join(left_out)}. Use all of them."
            raise NotYet("letter left out", f"`{self.name}` returned {letters!r}, {without}")
        return found

    def choice(self, letter: object) -> str:
        """The one letter of an answer; raises NotYet for anything else."""
        wanted = f"Return one letter out of {' '.join(self.blocks)}."
        found = self._letters(letter, "not one letter", wanted)
        if len(found) != 1:
            raise NotYet("not one letter", f"`{self.name}` returned {letter!r}. {wanted}")
        return found[0]

    def _letters(self, letters: object, misconception: str, wanted: str) -> list[str]:
        if letters is None:
            raise NotYet("nothing returned", f"`{self.name}` returned None. {wanted}")
        try:
            return letters_in(letters, self.blocks)
        except NotLetters as error:
            returned = f"`{self.name}` returned {reprlib.repr(letters)}"
            told = f"{returned}: {error}." if error.twice else f"{returned}. {wanted}"
            raise NotYet(misconception, told) from None

    def program(self, lines: Sequence[str], *, first: str, names: Mapping[str, Any]) -> Callable[..., Any]:
        """The function that `first` begins and `lines` go on, made to run. Raises NotYet where they are no Python."""
        file = f"{FILE}{self.name}, {self.chance.random()}>"  # its own, for each has its own lines
        try:
            return program_of(lines, first=first, names=names, file=file)
        except SyntaxError as error:
            line = f"`{error.text.strip()}`" if error.text and error.text.strip() else "The last line"
            why = re.sub(r" on line \d+$", "", error.msg)  # the lines are lettered, and the first is hidden
            raise NotYet("not Python in this order", f"{line} cannot stand there: {why}.") from None

    async def close(self) -> None:
        """The end of the attempt."""
        await self.give_back()
        await self.engine.dispose()

    async def give_back(self) -> None:
        """Give back whatever the learner's code left open."""
        for connection in self.connections:
            if not connection.closed:
                with suppress(Exception):
                    await asyncio.wait_for(greenlet_spawn(connection.close), 5)


def _in_words(function: Callable[..., Any], arguments: Sequence[object]) -> str:
    """A call as a learner would write it."""
    kinds = {AsyncSession: "session", async_sessionmaker: "sessions", AsyncEngine: "engine"}
    words = [
        next((word for kind, word in kinds.items() if isinstance(each, kind)), _short(each))
        for each in arguments
    ]
    return f"{getattr(function, '__name__', 'it')}({', '.join(words)})"


def _short(thing: object) -> str:
    return thing.__name__ if isinstance(thing, type | FunctionType | MethodType) else reprlib.repr(thing)


def count_of(statement: Select[Any]) -> Select[Any]:
    """How many rows a statement has."""
    return select(func.count()).select_from(statement.order_by(None).subquery())
