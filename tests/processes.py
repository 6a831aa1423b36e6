"""Programs that tests start for real, wait for, and see end."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from course_lib.lab.postgres import watcher

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+\S*")
only_posix = pytest.mark.skipif(os.name != "posix", reason="signals of other systems differ")


def outside_make() -> dict[str, str]:
    """The environment without what a `make VENV=… PYTHON=…` around these tests put into it."""
    outer = ("VENV", "PYTHON", "STEPS")
    return {
        name: value for name, value in os.environ.items() if name not in outer and not name.startswith("MAKE")
    }


def wait_for(look: Callable[[], Any], seconds: float = 300) -> Any:
    """What `look` returns once it is true; an error after so many `seconds`."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return seen


@contextmanager
def started(*words: str, folder: Path, **environment: str) -> Iterator[tuple[psutil.Process, str]]:
    """A program that announces an address: the process, in a group of its own, and the address."""
    output = folder / "output.txt"
    with output.open("w") as file:
        process = psutil.Popen(
            words, cwd=folder, env=outside_make() | environment, stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        announced = wait_for(lambda: ADDRESS.search(output.read_text()) or process.poll() is not None)
        assert isinstance(announced, re.Match), output.read_text()
        yield process, announced[0]
    finally:
        for left in (*process.children(recursive=True), process) if process.is_running() else ():
            left.kill()
        process.wait()


@contextmanager
def lab_with_a_kernel(address: str) -> Iterator[httpx.Client]:
    base, token = address.partition("/lab/")[0], address.rpartition("=")[2]
    with httpx.Client(base_url=base, headers={"Authorization": f"token {token}"}, timeout=300) as client:
        client.post("/api/kernels", json={"name": "python3"}).raise_for_status()
        yield client


def processes_of(parent: psutil.Process) -> list[psutil.Process]:
    """The process and its descendants, without the watcher of the PostgreSQL server that all programs share."""
    there = [parent, *parent.children(recursive=True)]
    return [process for process in there if watcher.__file__ not in words_of(process)]


def words_of(process: psutil.Process) -> list[str]:
    """None for one that has ended and whom nobody has asked yet how."""
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []


def assert_all_end(processes: list[psutil.Process]) -> None:
    assert psutil.wait_procs(processes, timeout=300)[1] == []
