"""Memory, processes and files are counted as they are, and the first bound that is passed is told."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from processes import wait_for

from course_lib.lab.processes import lives
from course_lib.school.classroom.grading.running import guard as guard_module
from course_lib.school.classroom.grading.running.guard import (
    BLOCK,
    NO_ROOM,
    Bounds,
    Guard,
    amount,
    memory_of,
    size_of,
)
from course_lib.school.classroom.grading.running.marked import MARK, Marked

WIDE = 10**12


def test_small_files_count_as_blocks_and_counting_ends_when_it_is_enough(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for number in range(10):
        (tmp_path / "deep" / str(number)).touch()
    assert size_of(tmp_path, WIDE) == 11 * BLOCK
    assert size_of(tmp_path, 0) > 0


def test_a_process_that_is_gone_takes_no_memory() -> None:
    process = psutil.Popen([sys.executable, "-c", "pass"])
    process.wait()
    assert memory_of([process], 0) == 0
    assert memory_of([psutil.Process()], 0) > 1_000_000


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        (Bounds(WIDE, 0, WIDE), "it started 1 processes; 0 are allowed"),
        (Bounds(1000, 9, WIDE), "it took more than 1 kB of memory"),
        (Bounds(WIDE, 9, 3_000_000), "it wrote more than 3 MB of files"),
    ],
)
def test_what_goes_beyond_a_bound_is_ended_and_the_bound_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bounds: Bounds, told: str
) -> None:
    monkeypatch.setenv(MARK, str(tmp_path))
    (tmp_path / "file").write_bytes(bytes(4_000_000))
    with Guard(Marked(str(tmp_path)), tmp_path, bounds) as guard:
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        known = psutil.Process(process.pid)
        wait_for(lambda: not lives(known), 30)
    process.wait()
    assert guard.why == told


def test_what_stays_within_its_bounds_is_ended_with_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARK, str(tmp_path))
    with Guard(Marked(str(tmp_path)), tmp_path, Bounds(WIDE, 9, WIDE)) as guard:
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        known = psutil.Process(process.pid)
    assert not lives(known)
    process.wait()
    assert guard.why == ""


def test_a_disk_that_fills_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "ROOM", 10**15)  # no disk has so much
    with Guard(Marked(str(tmp_path)), tmp_path, Bounds(WIDE, 9, WIDE)) as guard:
        wait_for(lambda: guard.why, 30)
    assert guard.why == NO_ROOM


def test_a_size_is_told_as_people_say_it() -> None:
    assert [amount(size) for size in (2_000_000_000, 1_500_000, 12)] == ["2 GB", "1.5 MB", "12 bytes"]
