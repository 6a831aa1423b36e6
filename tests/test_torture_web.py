"""The small form of `make torture PARTS=web`: a few bad, slow and vanishing clients of a real server, on both
databases."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import URL
from torture.clients import Served, answers_to, assert_money_agrees, is_well, served
from torture.pages import databases
from torture.web import EXPECTED, use_up_locks, use_up_pool, vanish_all, wait_on


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    with databases(tmp_path) as urls:
        yield urls[request.param]


@pytest.fixture
async def site(url: URL) -> AsyncIterator[Served]:
    async with served(url) as site:
        yield site


async def test_no_request_made_of_chance_is_a_server_error(site: Served) -> None:
    answers = await answers_to(site, Random(1), 150)
    assert answers.keys() >= EXPECTED
    assert await is_well(site)


async def test_slow_clients_keep_nobody_waiting_and_no_connection(site: Served) -> None:
    figures = await wait_on(site, Random(2), count=3)
    assert figures["requests sent byte by byte"] == figures["replies read slowly"] == 3
    await assert_money_agrees(site.own)


async def test_clients_that_vanish_take_no_money_and_no_connection_with_them(site: Served) -> None:
    figures: Counter[str] = Counter()
    for number in range(50):
        figures += await vanish_all(site, Random(number), str(number), count=6)
        if figures["vanished, and paid"] and figures["vanished before all was sent"]:
            return
    raise AssertionError(figures)


async def test_what_is_used_up_is_told_and_all_is_well_after_it(url: URL) -> None:
    figures = await use_up_locks(url) + await use_up_pool(url)
    assert figures["writers told to come again"] == figures["writers who waited, and were served"] == 15
