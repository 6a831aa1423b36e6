"""What goes beyond its bounds ends one learner alone, who is named; all others are graded, and nothing stays behind."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from classrooms import NAME, SMALL_BOUNDS, bringing, points_in, submit

from course_lib.school import classroom

BOUNDS = f"{SMALL_BOUNDS}c.Execute.timeout = 6\n"
SLEEPER = "bounded-by-a-test"
NASTY = {
    # Seven levels are at most 128 processes: if nobody stops them, they end by themselves.
    "bomb": f"import os, time\nfor _ in range(7):\n    os.fork()\ntime.sleep(60)  # {SLEEPER}",
    "strangers": (
        "import subprocess, sys\nfor _ in range(20):\n    subprocess.Popen([sys.executable, '-c', "
        f"'import time; time.sleep(60)', '{SLEEPER}'], start_new_session=True)\nimport time\ntime.sleep(60)"
    ),
    "memory": "kept = []\nfor _ in range(30):\n    kept += [bytearray(b'x' * 20_000_000)]",
    "greedy": "kept = bytearray(4_000_000_000)",
    "files": (
        "import time\nfor number in range(40):\n    open(f'{number}.bin', 'wb').write(bytes(5_000_000))\n"
        "    time.sleep(0.1)"
    ),
    "flood": "import time\nwhile True:\n    print('x' * 1000)\n    time.sleep(0.01)",
    "deluge": (
        "import time\nwhile True:\n    try:\n        print('x' * 50_000)\n        time.sleep(0.01)\n"
        "    except KeyboardInterrupt:\n        pass"
    ),
    "family": (
        "import os, time\nfor _ in range(6):\n    if not os.fork():\n        kept = b'x' * 120_000_000\n"
        "        time.sleep(60)\ntime.sleep(60)"
    ),
    "exit": "import os\nos._exit(3)",
    "stubborn": "sum(range(10**12))  # in C, where no interrupt is heard",
}  # fmt: skip
TOLD = {
    "bomb": "processes; 12 are allowed",
    "strangers": "processes; 12 are allowed",
    "memory": "it took more than 400 MB of memory",
    "files": "it wrote more than 30 MB of files",
    "deluge": "it showed more than 1 MB",
    "family": "it took more than 400 MB of memory",
    "stubborn": "it could not be interrupted (in the cell that begins `sum(range",
    "exit": "its kernel died (in the cell that begins `import os`)",
}


@dataclass
class Ended:
    folder: Path
    told: dict[str, str]
    temporary: Path


@pytest.fixture(scope="module")
def ended(once_released: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    folder = shutil.copytree(once_released, tmp_path_factory.mktemp("bounded") / "class")
    with (folder / "nbgrader_config.py").open("a", encoding="utf-8") as settings:
        settings.write(BOUNDS)
    for student, source in NASTY.items():
        submit(folder, student, bringing(source))
    submit(folder, "zoe", bringing())
    own = tmp_path_factory.mktemp("tmp")  # others at work on this machine have folders of the same names
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(own))
        patch.setattr(tempfile, "tempdir", str(own))
        told = {each.student: each.told for each in classroom.grade(folder, "07").notices}
    yield Ended(folder, told, own)
    for process in sleepers():
        process.kill()


def sleepers() -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline", "status"])
    return [each for each in found if SLEEPER in (each.info["cmdline"] or ()) and each.pid != os.getpid()]


@pytest.mark.parametrize("student", TOLD)
def test_who_goes_beyond_a_bound_is_named_with_the_reason(ended: Ended, student: str) -> None:
    assert TOLD[student] in ended.told[student]
    assert "mend it there, or give points by hand" in ended.told[student]


def test_all_others_are_graded(ended: Ended) -> None:
    assert points_in(ended.folder)["zoe"] == "10.0"
    assert {student for student, points in points_in(ended.folder).items() if not points} >= set(TOLD)


def test_output_beyond_its_bound_is_cut_and_costs_its_cell_alone(ended: Ended) -> None:
    assert points_in(ended.folder)["flood"] == "10.0"
    graded = (ended.folder / f"autograded/flood/{NAME}/{NAME}.ipynb").read_text("utf-8")
    assert "The output ends here: it was longer than 100 kB." in graded
    assert len(graded) < 1_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system gives what it has")
def test_memory_that_the_system_refuses_is_an_error_of_its_cell_alone(ended: Ended) -> None:
    assert points_in(ended.folder)["greedy"] == "10.0"
    graded = (ended.folder / f"autograded/greedy/{NAME}/{NAME}.ipynb").read_text("utf-8")
    assert '"ename": "MemoryError"' in graded


def test_nothing_stays_behind(ended: Ended) -> None:
    assert sleepers() == []
    assert [*ended.temporary.glob("course-grading-*")] == []
    assert not [*(ended.folder / ".grading" / "apart").glob("*")]
    assert not (ended.folder / "autograded" / "bomb" / NAME).exists()
