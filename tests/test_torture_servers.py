"""`make torture PARTS=servers` in small: the combinations in which the most goes wrong, in one cache."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from processes import only_posix
from torture import servers
from torture.parts import Bounds

pytestmark = only_posix


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One that the account of the server can reach; what happens there happens one by one."""
    monkeypatch.setattr(servers, "LANES", 1)
    monkeypatch.setattr(servers, "AT_ONCE", 2)
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


async def test_after_server_watcher_and_user_were_killed_the_next_user_finds_all_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_process_alone = servers.HOW[1]
    monkeypatch.setattr(servers, "KILLED", [(servers.WHOM, first_process_alone)])
    figures = await servers.killed(Bounds(1), folder, Random(1))
    assert figures["times that the next user found all rows, and nothing else stayed"] == 1


async def test_users_who_come_at_once_while_the_watcher_ends_the_server_share_a_new_one(folder: Path) -> None:
    figures = await servers.at_once(Bounds(1), folder, Random(1))
    assert (figures[f"before: {servers.ENDING}"], figures["a new server"]) == (1, 1)
