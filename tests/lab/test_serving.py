"""A served application is a real server: reached over the network, silent, and gone when its block ends."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI

from course_lib.lab.serving import serve


@pytest.fixture
def app() -> FastAPI:
    """A greeting, a route that raises, and two that work on after their reply; `app.state.events` notes that work."""
    app = FastAPI()
    app.state.events = []

    async def work_on() -> None:
        await asyncio.sleep(0.2)
        app.state.events.append("work")

    @app.get("/hello", status_code=203)
    async def hello(tasks: BackgroundTasks, wait: float = 0) -> str:
        await asyncio.sleep(wait)
        tasks.add_task(work_on)
        return threading.current_thread().name

    async def break_late() -> None:
        await asyncio.sleep(0.2)
        raise ValueError("no log of this either")

    @app.get("/breaks-late")
    async def breaks_late(tasks: BackgroundTasks) -> None:
        tasks.add_task(break_late)

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("no log of this")

    return app


async def test_a_thread_of_its_own_answers(app: FastAPI) -> None:
    async with serve(app) as client:
        reply = await client.get("/hello")

    assert (reply.status_code, reply.json()) == (203, "course server_0")
    assert client.base_url.host == "127.0.0.1"


async def test_the_end_of_the_block_leaves_no_thread_and_no_port(app: FastAPI) -> None:
    before = threading.enumerate()
    with pytest.raises(KeyError):
        async with serve(app) as client:
            raise KeyError

    assert threading.enumerate() == before
    assert client.is_closed
    async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as late:
        with pytest.raises(httpx.ConnectError):
            await late.get("/hello")


async def test_the_end_waits_for_running_work_and_each_reply_is_noted(app: FastAPI) -> None:
    events = app.state.events
    async with serve(app, note=events.append) as client:
        await client.get("/hello")

    assert events == ["reply 203", "work"]


async def test_an_error_of_the_application_is_a_reply_and_no_log(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(app) as client:
        reply = await client.get("/broken")

    assert reply.status_code == 500
    assert caplog.text == ""


async def test_an_error_behind_a_reply_does_not_meet_the_next_request(app: FastAPI) -> None:
    async with serve(app) as client:
        replies = [await client.get(path) for path in ("/breaks-late", "/hello?wait=0.5")]

    assert [reply.status_code for reply in replies] == [200, 203]


async def test_an_application_that_cannot_start_says_so() -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.tables_that_nobody_made.open()
        yield

    with pytest.raises(RuntimeError, match="did not start"):
        async with serve(FastAPI(lifespan=lifespan)):
            pass
