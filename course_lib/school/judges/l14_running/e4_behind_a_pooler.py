"""Exercise 14.4, Behind a pooler: where connections change hands, nothing may stay in one behind the commit."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any
from uuid import uuid4

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import create_engine
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told as told_error
from course_lib.school.attempts.sandbox import finished
from course_lib.school.judges.l14_running.pooler import pooler
from course_lib.school.judges.registry import POSTGRES, judge

UNITS = 16
ASKED = (
    ("SELECT CAST(:number AS int) + 1", 21),
    ("SELECT CAST(:number AS int) + 2", 22),
    ("SELECT CAST(:number AS int) + 3", 23),
)
NO_CACHES = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}


@judge("14.4", on=(POSTGRES,))
async def fit_for_a_pooler(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    names = {"create_engine": create_engine, "event": event, "uuid4": uuid4}
    lines = [*attempt.blocks[letter].splitlines(), "return engine"]
    make = attempt.program(lines, first="async def make(url):", names=names)
    async with pooler(attempt.engine.url) as url, AsyncExitStack() as stack:
        bystander = await stack.enter_async_context(_client(create_engine(url, connect_args=NO_CACHES)))
        await _limit_of(bystander)
        refused: list[Exception] = []
        clients = [await stack.enter_async_context(_client(await finished(make(url)))) for _ in range(2)]
        order = Random(4)  # any but a regular one: the connections come in turn, too
        for _ in range(UNITS):
            for client in clients:
                if error := await _unit(client, *order.choice(ASKED)):
                    refused.append(error)
        limits = {await _limit_of(bystander) for _ in range(4)}
    _all_served(attempt, letter, refused)
    attempt.require(
        limits == {"0"},
        "SET that stays",
        f"With option {letter}, all was well for two clients. Then a third one, which has set nothing, asked for its "
        f"`statement_timeout`, several times: {', '.join(sorted(limits))}. A SET outlives the transaction, and the "
        "connection goes to somebody else.",
    )


@asynccontextmanager
async def _client(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    try:
        yield engine
    finally:
        await engine.dispose()


class WrongAnswer(Exception):
    """A statement got the answer of another one, and no error told it."""


async def _unit(engine: AsyncEngine, asked: str, wanted: int) -> Exception | None:
    """One piece of work; what was raised, if it was refused."""
    try:
        async with engine.begin() as connection:
            got = await connection.scalar(text(asked), {"number": 20})
    except (DBAPIError, OSError) as error:
        return error
    except Exception as error:  # asyncpg's own, raised before SQLAlchemy has a connection
        return error
    return None if got == wanted else WrongAnswer(f"`{asked}` with 20 was answered with {got}")


async def _limit_of(engine: AsyncEngine) -> Any:
    async with engine.begin() as connection:
        return await connection.scalar(text("SHOW statement_timeout"))


def _all_served(attempt: Attempt, letter: str, refused: list[Exception]) -> None:
    if not refused:
        return
    first = told_error(refused[0])
    report = f"With option {letter}, {len(refused)} of {2 * UNITS} pieces of work failed behind the pooler: {first}"
    if "startup parameter" in first:
        raise attempt.not_yet(
            "setting at the start",
            f"{report}. The connection at the server is not this client's: it has begun before.",
        )
    named = "prepared_statement_name_func" in attempt.blocks[letter]
    raise attempt.not_yet(
        "names alone" if named else "statement kept",
        f"{report}. A statement was prepared in one connection, and the next transaction got another one.",
    )
