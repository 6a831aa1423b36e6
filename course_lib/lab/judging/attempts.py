"""What a check is made of: an attempt on a fresh database, the truth about its rows, and a diagnosis by name.

@judge("07.1", on=BOTH)
async def everybodys_posts(attempt: Attempt) -> None:
    async with attempt.sessions() as session:
        users = await attempt.call(session)
    attempt.sent_at_most(2, "N+1", "a statement for each user")
"""

import asyncio
import linecache
import reprlib
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from textwrap import indent
from traceback import clear_frames
from typing import Any

from sqlalchemy import Connection, Select, event, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.sql.base import Executable
from sqlalchemy.util.concurrency import greenlet_spawn

from course_lib.db import Base, create_engine, create_session_factory
from course_lib.lab.databases import fresh_url
from course_lib.lab.judging.sandbox import NotYet, check_call, finished, guarded
from course_lib.lab.people import FIRST_POST_AT, PASSWORD_HASH, add_people
from course_lib.lab.sql import Statements, watch
from course_lib.models import Post, User

SQLITE: tuple[str, ...] = ("sqlite",)
BOTH: tuple[str, ...] = ("sqlite", "postgres")

STRANGERS = ("ada", "bo", "chidi", "dana", "eske")
"""People of the hidden rows, who come before the sample people: so every key differs, and every count."""


@dataclass(frozen=True)
class Judge:
    """`run` looks at one attempt and raises NotYet; `on` names the databases it has to be run on."""

    run: "Callable[[Attempt], Awaitable[None]]"
    on: Sequence[str]


JUDGES: dict[str, Judge] = {}
"""By the exercise's id, filled when the lesson's module is imported."""


def judge(
    exercise: str, *, on: Sequence[str] = SQLITE
) -> "Callable[[Callable[[Attempt], Awaitable[None]]], Callable[[Attempt], Awaitable[None]]]":
    """Make a function the judge of an exercise, such as '07.1'."""

    def register(run: "Callable[[Attempt], Awaitable[None]]") -> "Callable[[Attempt], Awaitable[None]]":
        JUDGES[exercise] = Judge(run, on)
        return run

    return register


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
            _let_go(error)
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
        try:
            async with self.running(called, expected=expected):
                return await finished(called(*arguments))
        except expected as error:
            return error
        except NotYet as fault:
            if fault.misconception == "error in the code":
                fault.told = f"{fault.told.rstrip('.')}. That was the call `{_in_words(called, arguments)}`."
            raise

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
            raise NotYet(
                "letter left out", f"`{self.name}` returned {letters!r}: {', '.join(left_out)} is missing."
            )
        return found

    def choice(self, letter: object) -> str:
        """The one letter of an answer; raises NotYet for anything else."""
        wanted = f"Return one letter out of {' '.join(self.blocks)}."
        found = self._letters(letter, "not one letter", wanted)
        if len(found) != 1:
            raise NotYet("not one letter", f"`{self.name}` returned {letter!r}. {wanted}")
        return found[0]

    def _letters(self, letters: object, misconception: str, wanted: str) -> list[str]:
        found = letters.replace(",", " ").upper().split() if isinstance(letters, str) else letters
        if isinstance(found, list | tuple) and len(found) == 1 and len(str(found[0])) > 1:
            found = list(str(found[0]))  # "CAB" for "C A B"
        if (
            not isinstance(found, list | tuple)
            or not found
            or any(each not in [*self.blocks] for each in found)
        ):
            raise NotYet(misconception, f"`{self.name}` returned {letters!r}. {wanted}")
        if len(set(found)) < len(found):
            raise NotYet(misconception, f"`{self.name}` returned {letters!r}: a letter stands there twice.")
        return [str(each) for each in found]

    def program(self, lines: Sequence[str], *, first: str, names: Mapping[str, Any]) -> Callable[..., Any]:
        """The function that `first` begins and `lines` go on, made to run. Raises NotYet where they are no Python."""
        source = f"{first}\n{indent(chr(10).join(lines), '    ')}\n"
        file = f"<the lines of {self.name}, {self.chance.random()}>"  # its own, for each has its own lines
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        try:
            exec(compile(source, file, "exec"), space := dict(names))  # noqa: S102  the learner's own order
        except SyntaxError as error:
            line = f"`{error.text.strip()}`" if error.text and error.text.strip() else "The last line"
            raise NotYet("not Python in this order", f"{line} cannot stand there: {error.msg}.") from None
        made: Callable[..., Any] = next(space[name] for name in space if f"def {name}(" in first)
        return made

    async def close(self) -> None:
        """Give back whatever the learner's code left open."""
        for connection in self.connections:
            if not connection.closed:
                with suppress(Exception):
                    await asyncio.wait_for(greenlet_spawn(connection.close), 5)
        await self.engine.dispose()


@asynccontextmanager
async def attempting(
    answer: Callable[..., Any], database: str, blocks: Mapping[str, str], *, hidden: bool
) -> AsyncIterator[Attempt]:
    """An attempt on a fresh database; afterwards nothing of it is left, no connection and no task."""
    engine = create_engine(fresh_url(database), pool_size=20)
    tasks, threads = asyncio.all_tasks(), _driver_threads()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_end_threads, threads)
        stack.push_async_callback(engine.dispose)
        await _fill(engine, hidden=hidden)
        attempt = Attempt(answer, engine, blocks, hidden=hidden)
        stack.push_async_callback(attempt.close)
        stack.push_async_callback(_end, tasks)
        yield attempt


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    """End the tasks that are not among these; first they may end by themselves.

    To stop a task in the middle of a statement leaves the driver with an answer for nobody.
    """
    if left := asyncio.all_tasks() - tasks:
        await asyncio.wait(left, timeout=0.5)
    if left := asyncio.all_tasks() - tasks:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=5)


def _driver_threads() -> set[threading.Thread]:
    """aiosqlite has a thread for each connection."""
    return {thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name}


async def _end_threads(before: set[threading.Thread]) -> None:
    """Wait until no threads but these are left.

    After a MissingGreenlet the pool drops a connection without waiting for it: its thread would speak to a closed loop.
    """
    for _ in range(50):
        if not _driver_threads() - before:
            break
        await asyncio.sleep(0.01)


async def _fill(engine: AsyncEngine, *, hidden: bool) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        if hidden:
            await _add_strangers(connection)
        await add_people(connection)


async def _add_strangers(connection: AsyncConnection) -> None:
    users = [
        {
            "email": f"{name}@example.net",
            "username": name,
            "hashed_password": PASSWORD_HASH,
            "is_active": place % 2 == 0,
        }
        for place, name in enumerate(STRANGERS)
    ]
    await connection.execute(insert(User), users)
    keys = (await connection.scalars(select(User.id).order_by(User.id))).all()
    posts = [
        {
            "title": f"Notes of stranger {key}, part {part}",
            "content": "Nobody has read this yet.",
            "published": (key + part) % 3 > 0,
            "author_id": key,
            "created_at": FIRST_POST_AT,
            "updated_at": FIRST_POST_AT,
        }
        for key in keys
        for part in range(1 + key % 4)
    ]
    await connection.execute(insert(Post), posts)


def _in_words(function: Callable[..., Any], arguments: Sequence[object]) -> str:
    """A call as a learner would write it."""
    kinds = {AsyncSession: "session", async_sessionmaker: "sessions", AsyncEngine: "engine"}
    words = [
        next((word for kind, word in kinds.items() if isinstance(each, kind)), reprlib.repr(each))
        for each in arguments
    ]
    return f"{getattr(function, '__name__', 'it')}({', '.join(words)})"


def _let_go(error: BaseException) -> None:
    """Let go what the frames of an error hold.

    Behind a MissingGreenlet stands a coroutine that nobody awaits, and Python would warn of it in some later cell.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        each: BaseException | None = error
        while each is not None:
            clear_frames(each.__traceback__)
            each = each.__context__


def count_of(statement: Select[Any]) -> Select[Any]:
    """How many rows a statement has."""
    return select(func.count()).select_from(statement.order_by(None).subquery())
