"""Several processes grade at once; one that ends takes one learner with it, and Ctrl-C nothing that is whole."""

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
from classrooms import bringing, points_in, submit
from processes import only_posix, outside_make, wait_for

from course_lib.school import classroom
from course_lib.school.classroom.grading.running.marked import MARK
from course_lib.school.classroom.grading.workers.crew import size_for

MEETS_ITS_END = """
import os, pathlib, psutil, signal
worker = psutil.Process().parent()
while "grading.workers.worker" not in " ".join(worker.cmdline()):
    worker = worker.parent()
worker.kill()
"""
WAITS = "import pathlib, time\npathlib.Path({sign!r}).touch()\ntime.sleep(60)"


def marked(folder: Path) -> list[psutil.Process]:
    """What a grading in this folder has started, and what has not ended."""

    def marks(process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            mark = process.environ().get(MARK, "")
            return bool(mark.startswith(str(folder.resolve())) and process.status() != psutil.STATUS_ZOMBIE)
        return False

    return [process for process in psutil.process_iter() if marks(process)]


def test_who_kills_the_process_that_grades_is_named_and_all_others_are_graded(ready: Path) -> None:
    submit(ready, "anna", bringing(MEETS_ITS_END))
    for student in ("ben", "chris"):
        submit(ready, student, bringing())
    graded = classroom.grade(ready, "07")
    assert [notice.student for notice in graded.notices] == ["anna"]
    assert "the process that graded it ended. Grade again" in graded.notices[0].told
    assert points_in(ready) == {"anna": "", "ben": "10.0", "chris": "10.0"}
    assert marked(ready) == []


@only_posix
def test_ctrl_c_leaves_nothing_half_done_and_grading_goes_on(ready: Path, tmp_path: Path) -> None:
    sign = tmp_path / "at work"
    submit(ready, "anna", bringing())
    submit(ready, "ben", bringing(WAITS.format(sign=str(sign))))
    first = started(ready)
    wait_for(lambda: sign.exists() and (ready / "feedback/anna").exists())
    first.send_signal(signal.SIGINT)
    said, _ = first.communicate(timeout=120)
    assert first.returncode == 130
    assert "Stopped. To go on where it was: course class grade" in said
    assert marked(ready) == []
    assert not (ready / "autograded/ben").exists()
    submit(ready, "ben", bringing())
    said, _ = started(ready).communicate(timeout=120)
    assert said.splitlines()[:2] == ["1 of 2: anna is graded, and nothing is new", "2 of 2: ben"]
    assert points_in(ready) == {"anna": "10.0", "ben": "10.0"}


@only_posix
def test_nothing_stays_behind_where_the_program_itself_is_killed(ready: Path, tmp_path: Path) -> None:
    sign = tmp_path / "at work"
    submit(ready, "ben", bringing(WAITS.format(sign=str(sign))))
    program = started(ready)
    wait_for(sign.exists)
    program.kill()
    program.communicate()
    wait_for(lambda: marked(ready) == [])


def started(folder: Path) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "course_lib.school.program.cli", "class", "grade", str(folder), "07"]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=outside_make(),
    )  # fmt: skip


def test_there_are_no_more_processes_than_learners() -> None:
    assert size_for(1) == 1
    assert 1 <= size_for(30) <= 4
