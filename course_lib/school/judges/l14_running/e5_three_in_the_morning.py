"""Exercise 14.5, Three in the morning: the cause is found in what the server says of itself, and it alone is mended."""

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import create_engine
from course_lib.lab.postgres.server import own_server
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.registry import POSTGRES, judge
from course_lib.school.stages.incidents.breaking import WAYS, Incident, broken, without_cleaners
from course_lib.school.stages.incidents.causes import CAUSES
from course_lib.school.stages.incidents.scene import Way


@judge("14.5", on=(POSTGRES,))
async def mended_in_every_way(attempt: Attempt) -> None:
    with own_server() as server:
        without_cleaners(server)
        for way in WAYS:
            await _mended(attempt, way, server.create_database())


async def _mended(attempt: Attempt, way: type[Way], url: URL) -> None:
    """One incident: an attempt of its own, of the same kind, on the server that is broken."""
    engine = create_engine(url)
    here = type(attempt)(attempt.answer, engine, attempt.blocks, hidden=False)
    try:
        async with broken(way, url, attempt.chance, engine) as incident:
            named = await _named(here, engine)
            await _right(here, incident, named)
    finally:
        await here.close()


async def _named(here: Attempt, engine: AsyncEngine) -> object:
    try:
        return await here.call(engine)
    except NotYet as fault:
        if "inside a transaction block" in fault.told:
            fault.misconception = "inside a transaction"
            fault.told += " With AUTOCOMMIT each statement is its own transaction."
        raise


async def _right(here: Attempt, incident: Incident, named: object) -> None:
    cause = incident.way.cause
    before = f"The shop had this: *{cause}*. `{here.name}(engine)` returned {named!r:.40}."
    if wrong := await incident.wrong():
        raise here.not_yet(wrong.name, f"{before} {wrong.told}")
    here.require(
        not here.left_open(),
        "connection left open",
        f"{before} All is mended, and {here.left_open()} of its own connections are still open.",
    )
    here.require(
        isinstance(named, str) and named in CAUSES,
        "not a cause of the list",
        f"{before} All is mended. Return one of the causes that the task lists.",
    )
    here.require(named == cause, "wrong cause named", f"{before} All is mended, and the name is another one.")
