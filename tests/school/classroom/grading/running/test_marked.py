"""What carries a mark is found and ended, however far it has gone from its parent, and nothing else is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from processes import wait_for

from course_lib.school.classroom.grading.running.marked import MARK, Marked

WAIT = "import time; time.sleep(300)"
LEAVES_A_STRANGER = (  # whose parent ends, and which has a session of its own
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c', {wait!r}], start_new_session=True)\n"
    "open({sign!r}, 'w')"
)


@pytest.fixture
def unmarked() -> Iterator[psutil.Process]:
    process = psutil.Popen([sys.executable, "-c", WAIT])
    yield process
    process.kill()
    process.wait()


def start(mark: str, code: str) -> psutil.Popen:
    return psutil.Popen(
        [sys.executable, "-c", code], env={**os.environ, MARK: mark}, stdout=subprocess.DEVNULL
    )


def test_a_child_that_its_parent_has_left_behind_is_found_and_ended(
    tmp_path: Path, unmarked: psutil.Process
) -> None:
    marked, sign = Marked(str(tmp_path)), tmp_path / "sign"
    start(str(tmp_path), LEAVES_A_STRANGER.format(wait=WAIT, sign=str(sign))).wait()
    wait_for(sign.exists)
    found = marked.there()
    assert len(found) == 1
    marked.end()
    assert psutil.wait_procs(found, timeout=60)[1] == []
    assert unmarked.is_running()


def test_who_was_there_before_and_who_has_another_mark_are_left_alone(tmp_path: Path) -> None:
    own = [start(str(tmp_path), WAIT), start("another", WAIT)]
    marked = Marked(str(tmp_path))
    wait_for(marked.there)
    marked.except_present().end()
    assert [process.is_running() for process in own] == [True, True]
    for process in own:
        process.kill()
        process.wait()
