"""A process is known by a name that no later one with its number has."""

import os
import subprocess
import sys

import psutil

from course_lib.lab.processes import identity, is_alive, lives


def test_a_process_that_runs_is_alive_under_its_name() -> None:
    assert is_alive(identity(os.getpid()))


def test_another_process_of_the_same_number_is_not_meant() -> None:
    number, _, started = identity(os.getpid()).partition("_")
    assert not is_alive(f"{number}_{int(started) - 60}")


def test_a_process_that_has_ended_is_not_alive_even_before_anybody_asked_how_it_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name, known = identity(process.pid), psutil.Process(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is a zombie
        assert not is_alive(name)
        assert not lives(known)
    assert not is_alive(name)
