"""`make torture PARTS=money` in small: each part with one or two tries, and each of its assertions seen to fail."""

from pathlib import Path
from random import Random

import pytest
from processes import only_posix
from sqlalchemy import insert, update
from torture import money
from torture.bank import Bank, Payment
from torture.parts import Bounds

from course_lib.lab.databases import fresh_url
from course_lib.lab.postgres import Server
from course_lib.models import Account, Transfer

pytestmark = pytest.mark.usefixtures("server")


async def test_tasks_cancelled_at_any_moment_lose_no_cent(tmp_path: Path) -> None:
    figures = await money.cancelled(Bounds(2), tmp_path, Random(1))
    assert figures[money.AUDITED] == 2


async def test_connections_cut_in_the_middle_lose_no_cent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(money, "PAYMENTS", 4)
    monkeypatch.setattr(money, "CUTS", 8)
    figures = await money.cut(Bounds(1), tmp_path, Random(1))
    assert figures[money.AUDITED] == 1
