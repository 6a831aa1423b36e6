"""The small form of `make torture PARTS=pages`: some listings made of chance, on both databases."""

from pathlib import Path
from random import Random

import pytest
from torture.pages import Counts, assert_tried, databases, prepared, try_listing


@pytest.mark.parametrize("name", ["sqlite", "postgres"])
async def test_each_listing_is_the_full_list_or_refused_by_name(name: str, tmp_path: Path) -> None:
    counts = Counts()
    with databases(tmp_path) as urls:
        engine = await prepared(urls[name])
        for number in range(10):
            await try_listing(engine, Random(number), counts)
        await engine.dispose()
    assert_tried(counts)
    assert counts["listings"] == 10
