"""Exercise 16.1, One session, one machine: what reads goes to the standby, and what writes stays with the primary."""

import inspect
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI, Request
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from course_lib.db import READ_ONLY, Base, create_engine, create_session_factory
from course_lib.lab.databases import fresh_url
from course_lib.lab.sql import Statements, watch
from course_lib.models import Tag
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.sandbox import check_call
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l16_more_machines.two_machines import given_back
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import shown

OLD, NEW = "as it was", "as it is"
"""The name of one tag: the standby does not know yet that it was changed."""
TAG = 900
READS = ("GET", "HEAD", "OPTIONS")


class Cancelled(Exception):
    """What a route raises."""


@judge("16.1")
async def one_session_one_machine(attempt: Attempt) -> None:
    check_call(attempt.answer, ("request",))
    await attempt.change(insert(Tag).values(id=TAG, name=NEW))
    async with _standby() as standby, _Machines(attempt, standby).in_use() as machines:
        for method in READS:
            await _reads(attempt, machines, method)
        await _adds(attempt, machines, "POST")
        await _changes(attempt, machines, "PATCH")
        await _adds(attempt, machines, "PUT")
        await _deletes(attempt, machines, "DELETE")
        for method in ("POST", "GET"):
            await _fails(attempt, machines, method)


@asynccontextmanager
async def _standby() -> AsyncIterator[AsyncEngine]:
    """Another database in place of a standby: it refuses each write, and what is new never arrives."""
    engine = create_engine(fresh_url("sqlite"), pool_size=5)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            await connection.execute(insert(Tag).values(id=TAG, name=OLD))
        async with given_back(engine):
            yield engine.execution_options(**READ_ONLY)
    finally:
        await engine.dispose()


class _Machines:
    """`asked` is what the standby was asked in the last request."""

    def __init__(self, attempt: Attempt, standby: AsyncEngine) -> None:
        self.attempt, self.standby = attempt, standby
        self.asked = Statements()
        self.sessions: list[AsyncSession] = []
        self.app = FastAPI()
        self.app.state.sessions = attempt.sessions
        self.app.state.readers = create_session_factory(standby)

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator["_Machines"]:
        """Sessions that nobody has closed are closed in the end, or Python warns of them later."""
        try:
            yield self
        finally:
            for session in self.sessions:
                with suppress(Exception):
                    await session.close()

    @asynccontextmanager
    async def request(self, method: str) -> AsyncIterator[AsyncSession]:
        """What FastAPI does with a dependency that yields: the block is the route."""
        attempt, scope = self.attempt, {"type": "http", "method": method, "path": "/tags", "headers": []}
        with watch(self.standby) as self.asked:
            async with attempt.running(expected=(Cancelled, DBAPIError)):
                made = attempt.answer(Request({**scope, "query_string": b"", "app": self.app}))
                if not inspect.isasyncgen(made):
                    raise await _no_generator(attempt, made)
                try:
                    async with asynccontextmanager(lambda: made)() as yielded:
                        session = _checked(attempt, yielded)
                        self.sessions.append(session)
                        yield session
                except RuntimeError as error:
                    if "generator didn't" not in str(error):
                        raise
                    raise attempt.not_yet(
                        "not one yield",
                        f"`{attempt.name}` has to yield once for each request, and end: {told(error)}.",
                    ) from None
        self.all_given_back(f"A {method} is over")

    def all_given_back(self, when: str) -> None:
        for engine, name in ((self.attempt.engine, "primary"), (self.standby, "standby")):
            open_ones = engine.pool.checkedout()  # type: ignore[attr-defined]
            self.attempt.require(
                not open_ones,
                "session never closed",
                f"{when}, and a connection of the {name} is still in use. The sixteenth such request finds none.",
            )

    @property
    def at_work(self) -> list[str]:
        """The machines of which a connection is in use."""
        both = {"primary": self.attempt.engine, "standby": self.standby}
        return [name for name, engine in both.items() if engine.pool.checkedout()]  # type: ignore[attr-defined]


async def _no_generator(attempt: Attempt, made: object) -> NotYet:
    if inspect.iscoroutine(made):
        made.close()
        return attempt.not_yet(
            "returned, not yielded",
            f"`{attempt.name}` returns. What stands behind a `yield` runs when the route has ended; behind a `return` "
            "nothing does, so nobody commits or closes.",
        )
    return attempt.not_yet(
        "not an async generator",
        f"`{attempt.name}` gave {shown(made)}. FastAPI wants an `async def` with a `yield`, as it was given.",
    )


def _checked(attempt: Attempt, session: object) -> AsyncSession:
    if isinstance(session, AsyncSession):
        return session
    raise attempt.not_yet("no session", f"`{attempt.name}` yields {shown(session)}, and no session.")


def _keeps_to_one(attempt: Attempt, machines: _Machines, method: str, did: str) -> None:
    """Of a request that writes, the standby hears nothing."""
    attempt.require(
        not machines.asked,
        "one session, two servers",
        f"A {method} {did}, and the standby was asked, too. It does not know yet what "
        "the same session has written on the primary.",
    )


async def _reads(attempt: Attempt, machines: _Machines, method: str) -> None:
    async with machines.request(method) as session:
        name = await session.scalar(select(Tag.name).where(Tag.id == TAG))
        at_work = machines.at_work
    attempt.require(
        name == OLD or method == "GET",
        "GET alone reads",
        f"A {method} was answered by the primary. It changes nothing, as a GET does not: `READING` has them all.",
    )
    attempt.require(
        name == OLD,
        "reads on the primary",
        f"A {method} was answered by the primary: the standby has nothing to do.",
    )
    attempt.require(
        at_work == ["standby"],
        "holds a connection of both",
        f"While a {method} read on the standby, it held a connection of {' and '.join(at_work) or 'none'}.",
    )


async def _written(attempt: Attempt, machines: _Machines, method: str, did: str, error: DBAPIError) -> NotYet:
    if any(not each.text.startswith("SELECT") for each in machines.asked):
        return attempt.not_yet(
            "writes go to the standby", f"A {method} {did} on the standby, which refuses it: {told(error)}."
        )
    return attempt.not_yet("write refused", f"A {method} {did}, and that was refused: {told(error)}.")


async def _adds(attempt: Attempt, machines: _Machines, method: str) -> None:
    did, name, seen = "added a tag", f"by a {method}", 0
    try:
        async with machines.request(method) as session:
            session.add(Tag(name=name))
            await session.flush()
            seen = len((await session.scalars(select(Tag).where(Tag.name == name))).all())
    except DBAPIError as error:
        raise await _written(attempt, machines, method, did, error) from None
    _keeps_to_one(attempt, machines, method, f"{did} and counted {seen} of it")
    attempt.require(
        seen == 1, "own write not seen", f"A {method} {did}, and did not find it in its own session."
    )
    attempt.require(
        await attempt.scalar(select(Tag.id).where(Tag.name == name)),
        "commit missing",
        f"A {method} {did} and ended well. Afterwards the tag is not there.",
    )


async def _changes(attempt: Attempt, machines: _Machines, method: str) -> None:
    did = "read a tag and changed it"
    try:
        async with machines.request(method) as session:
            tag = await session.get(Tag, TAG)
            name, tag.name = tag.name, "as it will be"  # type: ignore[union-attr]
            await session.flush()
    except DBAPIError as error:
        raise await _written(attempt, machines, method, did, error) from None
    _keeps_to_one(attempt, machines, method, f"{did}: it read {name!r}")
    found = await attempt.scalar(select(Tag.name).where(Tag.id == TAG))
    attempt.require(
        found == "as it will be", "commit missing", f"A {method} {did}. Its name is still {found!r}."
    )


async def _deletes(attempt: Attempt, machines: _Machines, method: str) -> None:
    did = "deleted a tag"
    try:
        async with machines.request(method) as session:
            await session.execute(delete(Tag).where(Tag.id == TAG))
    except DBAPIError as error:
        raise await _written(attempt, machines, method, did, error) from None
    _keeps_to_one(attempt, machines, method, did)
    found = await attempt.scalar(select(Tag.name).where(Tag.id == TAG))
    attempt.require(found is None, "commit missing", f"A {method} {did}, and it is still there.")


async def _fails(attempt: Attempt, machines: _Machines, method: str) -> None:
    with suppress(Cancelled):
        async with machines.request(method) as session:
            if method not in READS:
                session.add(Tag(name="half done"))
                await session.flush()
            else:
                await session.scalar(select(Tag.id))
            raise Cancelled(f"the {method} breaks off")
        raise attempt.not_yet(
            "error swallowed", f"The route of a {method} raised an error, and nobody heard of it."
        )
    machines.all_given_back(f"The route of a {method} has raised an error")
    left: Sequence[Any] = await attempt.rows(select(Tag.id).where(Tag.name == "half done"))
    attempt.require(
        not left,
        "commits after an error",
        f"The route of a {method} had added a tag, and raised an error. The tag is there all the same.",
    )
