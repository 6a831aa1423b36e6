"""A broken shop to look around in, before one writes what mends it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.db import create_engine
from course_lib.lab.postgres.server import own_server
from course_lib.school.stages.incidents.breaking import WAYS, broken, without_cleaners


@asynccontextmanager
async def broken_shop(cause: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a shop of its own that is broken in this way, until the block ends. Takes two seconds.

    Raises ValueError for a cause that is not on the list, and PostgresUnavailable.
    """
    kind = next((way for way in WAYS if way.cause == cause), None)
    if kind is None:
        raise ValueError(f"{cause!r} is none of {', '.join(sorted({way.cause for way in WAYS}))}")
    with own_server() as server:
        without_cleaners(server)
        engine = create_engine(url := server.create_database())
        try:
            async with broken(kind, url, Random(), engine):
                yield engine
        finally:
            await engine.dispose()
