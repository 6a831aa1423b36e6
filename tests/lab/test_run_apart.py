"""A coroutine ends where a loop is running, and what is left of connections elsewhere does not disturb it."""

import asyncio
import gc
import subprocess
import sys

import pytest

from course_lib.lab.run_apart import run_apart


async def test_a_result_comes_back_though_a_loop_is_running() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert run_apart(work()) == 7


async def test_an_error_comes_back_too() -> None:
    async def fails() -> None:
        raise LookupError("nobody")

    with pytest.raises(LookupError, match="nobody"):
        run_apart(fails())
    assert gc.isenabled()


async def test_nothing_is_collected_meanwhile() -> None:
    async def is_on() -> bool:
        return gc.isenabled()

    assert not run_apart(is_on())
    assert gc.isenabled()


LEFT_OPEN = """
import asyncio, gc, sys, time, warnings
from sqlalchemy import text
from course_lib.db import create_engine
from course_lib.lab.run_apart import run_apart
from course_lib.lab.databases import fresh_url

warnings.simplefilter("ignore")

async def leave_open():
    async with create_engine(fresh_url("sqlite")).connect() as connection:
        await connection.execute(text("SELECT 1"))

async def makes_garbage():
    gc.set_threshold(1)
    return [[number] for number in range(10_000)]

async def main():
    gc.set_threshold(10**9)
    for _ in range(30):
        await leave_open()
    run_apart(makes_garbage())
    gc.collect()
    time.sleep(0.2)

asyncio.run(main())
"""


def test_connections_that_nobody_closed_do_not_end_on_a_loop_that_is_gone() -> None:
    words = [sys.executable, "-c", LEFT_OPEN]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
