"""Two users of a JupyterHub at work at once, each in a copy and with a PostgreSQL of their own."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hubs import CannotTry, Hub, User, kit_for_all, memory_of, proxy_in, running, two_users
from jupyter_servers import run_cells, run_in_terminal
from other_users import folder_for_all
from processes import only_posix

pytestmark = [pytest.mark.hub, only_posix]
LESSONS = ("00_start_here.ipynb", "06_isolation.ipynb")
MEGABYTE = 1_000_000


@dataclass
class Seen:
    """What was seen of a user while the lessons ran."""

    most_memory: int = 0
    postgres_folders: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with folder_for_all() as folder:
        yield folder


@pytest.fixture(scope="module")
def proxy(folder: Path) -> Path:
    return or_say_what_is_missing(proxy_in, folder / "npm")


@pytest.fixture(scope="module")
def kit(folder: Path, proxy: Path) -> Path:
    return or_say_what_is_missing(kit_for_all, folder)


def or_say_what_is_missing(install: Callable[[Path], Path], folder: Path) -> Path:
    try:
        return install(folder)
    except CannotTry as why:
        pytest.fail(str(why), pytrace=False)


@pytest.fixture(scope="module")
def users(folder: Path) -> Iterator[list[User]]:
    (folder / "home").mkdir()
    with two_users(folder / "home") as users:
        yield users


@pytest.fixture(scope="module")
def hub(folder: Path, kit: Path, proxy: Path, users: list[User]) -> Iterator[Hub]:
    with running(kit, proxy, users, folder) as hub:
        yield hub


@pytest.fixture(scope="module")
def as_installed(kit: Path) -> dict[str, tuple[int, int]]:
    """The files of the kit before anybody worked."""
    return files_of(kit)


@pytest.fixture(scope="module")
def clients(as_installed: object, hub: Hub, users: list[User]) -> Iterator[list[httpx.Client]]:
    """Both at work in their servers, which started at once."""
    with ThreadPoolExecutor(len(users)) as at_once:
        clients = list(at_once.map(hub.log_in, users))
    yield clients
    for client in clients:
        client.close()


def files_of(kit: Path) -> dict[str, tuple[int, int]]:
    """Every file of the kit with its time and size, but for what Python and JupyterLab keep there for its owner."""
    there = (path for path in kit.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    kept = (path for path in there if path.name != "page_config.json")
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in kept}


def code_cells(client: httpx.Client, lesson: str) -> list[Any]:
    notebook = client.get(f"/api/contents/my_course/{lesson}").raise_for_status().json()["content"]
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and cell["source"].strip()]


def work_through(client: httpx.Client) -> list[str]:
    """Run the lessons in a user's copy; for each cell "" or the error that nobody expected."""
    told = []
    for lesson in LESSONS:
        cells = code_cells(client, lesson)
        outputs = run_cells(client, f"my_course/{lesson}", *(cell["source"] for cell in cells))
        told += [failure(cell, shown) for cell, shown in zip(cells, outputs, strict=True)]
    return told


def failure(cell: Any, outputs: list[Any]) -> str:
    expected = "raises-exception" in cell["metadata"].get("tags", [])
    errors = [f"{cell['id']}: {each['ename']}: {each['evalue']}" for each in outputs if "ename" in each]
    return "" if expected else "".join(errors)


@contextmanager
def watching(users: list[User]) -> Iterator[list[Seen]]:
    seen, over = [Seen() for _ in users], threading.Event()

    def look() -> None:
        while not over.wait(1):
            for user, noted in zip(users, seen, strict=True):
                noted.most_memory = max(noted.most_memory, memory_of(user.processes()))
                noted.postgres_folders |= user.postgres_folders()

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def test_two_users_work_at_once_each_in_a_copy_and_with_a_postgresql_of_their_own(
    as_installed: dict[str, tuple[int, int]],
    kit: Path,
    users: list[User],
    clients: list[httpx.Client],
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(len(users)) as at_once, watching(users) as seen:
        told = list(at_once.map(work_through, clients))
    seconds = time.monotonic() - began
    with capsys.disabled():
        cells = [f"{each.count('')} of {len(each)}" for each in told]
        memory = [f"{each.most_memory / MEGABYTE:.0f} MB" for each in seen]
        sys.stdout.write(f"\ncells without a fault: {cells}; most memory: {memory}; {seconds:.0f} s\n")
    assert all(len(each) > 50 for each in told)
    assert [line for each in told for line in each if line] == []
    assert all(len(each.postgres_folders) == 1 for each in seen)
    assert len(set.union(*(each.postgres_folders for each in seen))) == len(users)
    assert all((user.home / "my_course/.course/workspace.json").is_file() for user in users)
    assert len({user.home.stat().st_uid for user in users}) == (len(users) if users[0].account else 1)
    assert not (kit / "my_course").exists()
    assert files_of(kit) == as_installed


def test_course_lab_says_where_to_click_and_the_page_is_there(clients: list[httpx.Client]) -> None:
    client = clients[0]
    shown = run_in_terminal(client, "course lab; echo e''nd", until="end\r")
    page = f"{client.base_url}lab/tree/my_course/00_start_here.ipynb"
    assert page in shown
    assert client.get(page).status_code == 200
    assert "token=" not in shown
