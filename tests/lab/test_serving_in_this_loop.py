"""Routes of a check: behind a real server, guarded like any other code of a learner, and gone with their block."""

import asyncio
import signal
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import BackgroundTasks
from fastapi.responses import StreamingResponse
from learners import written
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.lab.serving_in_this_loop import served
from course_lib.models import Tag
from course_lib.school.attempts import time_limit
from course_lib.school.attempts.fresh_database import attempting
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.stages.web_requests import ask

Sessions = async_sessionmaker[AsyncSession]


async def test_a_route_is_committed_before_its_reply(sessions: Sessions, engine: AsyncEngine) -> None:
    seen: list[int | None] = []

    async def look() -> None:
        async with sessions() as another:
            seen.append(await another.scalar(select(func.count(Tag.id))))

    async with served(sessions) as site:

        @site.app.post("/tags")
        async def add(tasks: BackgroundTasks, session: AsyncSession = site.database) -> None:
            session.add(Tag(name="owls"))
            tasks.add_task(look)

        await site.ask("POST", "/tags")

    assert (site.happened, seen) == (["reply 200"], [1])


async def test_what_nobody_caught_is_raised_though_the_client_has_its_reply(sessions: Sessions) -> None:
    async def mail() -> None:
        raise ValueError("no such street")

    async with served(sessions) as site:

        @site.app.get("/")
        async def route(tasks: BackgroundTasks) -> None:
            tasks.add_task(mail)

        with pytest.raises(ValueError, match="no such street"):
            await site.ask("GET", "/")
        assert (await site.ask("GET", "/", expected=(ValueError,))).status_code == 200


async def test_a_stream_that_breaks_off_counts_as_a_500(sessions: Sessions) -> None:
    async def lines() -> AsyncIterator[str]:
        yield "a line"
        raise ValueError("no more lines")

    async with served(sessions) as site:

        @site.app.get("/")
        async def route() -> StreamingResponse:
            return StreamingResponse(lines())

        assert (await site.ask("GET", "/", expected=(ValueError,))).status_code == 500


async def test_a_stream_that_ends_the_program_ends_the_stream(sessions: Sessions) -> None:
    async def lines() -> AsyncIterator[str]:
        yield "a line"
        raise SystemExit

    async with served(sessions) as site:

        @site.app.get("/")
        async def route() -> StreamingResponse:
            return StreamingResponse(lines())

        with pytest.raises(SystemExit):
            await site.ask("GET", "/")


async def test_signals_stay_with_the_notebook(sessions: Sessions) -> None:
    before = signal.getsignal(signal.SIGINT)
    async with served(sessions) as site:
        await site.ask("GET", "/")
        assert signal.getsignal(signal.SIGINT) == before


async def test_the_end_of_the_block_leaves_no_task_and_no_port(sessions: Sessions) -> None:
    before = asyncio.all_tasks()
    async with served(sessions) as site:
        address = site.client.base_url

    assert asyncio.all_tasks() == before
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(address)


@pytest.mark.parametrize(
    ("line", "misconception", "told"),
    [
        ("while True: pass", "runs for ever", "`add_route`"),
        ("await asyncio.sleep(60)", "runs for ever", "`add_route`"),
        ("raise SystemExit", "leaves the program", "`add_route`"),
        ("1 / 0", "error in the code", "Line 4, `1 / 0`, raises ZeroDivisionError"),
        ("return session.connection()", "missing await", "coroutine"),
        ("session.add(Tag(name=None))", "error behind the route", "NOT NULL"),
    ],
)
async def test_a_route_that_goes_wrong_is_explained_and_the_server_ends(
    monkeypatch: pytest.MonkeyPatch, line: str, misconception: str, told: str
) -> None:
    monkeypatch.setattr(time_limit, "PATIENCE", 0.5)
    source = f"""
    def add_route(app, database):
        @app.get("/")
        async def route(session=database):
            {line}
    """
    before = asyncio.all_tasks()
    async with attempting(written(source, asyncio=asyncio, Tag=Tag), "sqlite", {}, hidden=False) as attempt:
        async with served(attempt.sessions) as site:
            await attempt.call(site.app, site.database)
            with pytest.raises(NotYet, match=f"^{misconception}: .*{told}"):
                await ask(attempt, site, "GET /")
        assert asyncio.all_tasks() == before
