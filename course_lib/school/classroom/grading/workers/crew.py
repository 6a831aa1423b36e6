"""Several processes that grade, each one learner at a time: who ends one of them ends the grading of one learner."""

import json
import os
import queue
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from course_lib.school.classroom.course_folder import ClassroomError, nbgraders_environment
from course_lib.school.classroom.grading.running.marked import Marked

MOST = 4
"""Processes that grade at once; each has a learner's notebook beside it."""
MEMORY = 1_000_000_000
"""Bytes of memory for each of them, that must be free."""
PATIENCE = 30.0
"""Seconds in which one that is not needed any more comes to its end."""
START = "from course_lib.school.classroom.grading.workers.worker import main; main()"
DIED = "the process that graded it ended. Grade again; if it stays so, look at what the notebook does."


@dataclass(frozen=True)
class Turn:
    """Something to tell of a learner: the turn begins, or is `over`, and `why` says what hindered it."""

    student: str
    over: bool = False
    why: str = ""
    log: str = ""


def size_for(students: int) -> int:
    """How many processes grade: one more than there are cores, because they wait at times; fewer without the memory."""
    free = psutil.virtual_memory().available // MEMORY
    return max(1, min(_cores() + 1, MOST, students, int(free)))


def _cores() -> int:
    """The cores that this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Worker:
    """One process that grades, as seen from here."""

    def __init__(self, place: tuple[Path, str], apart: Path, log: Path) -> None:
        folder, name = place
        self.is_alive = True
        self._mark = Marked(str(apart))
        with log.open("a", encoding="utf-8") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", START, name, str(apart)], cwd=folder, env=nbgraders_environment(),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, encoding="utf-8",
                start_new_session=True,  # Ctrl-C is for us, who end it in good order
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )  # fmt: skip

    def why_not(self) -> str:
        """Wait until it can begin; why it cannot, or ''."""
        return self._answer("").why

    def grade(self, student: str) -> Turn:
        """Give it a learner, and wait."""
        with suppress(OSError, ValueError):
            print(json.dumps(student), file=self._process.stdin, flush=True)
        return self._answer(student)

    def dismiss(self) -> None:
        """Let it come to its end: the notebook at work is stopped, and all else is finished."""
        with suppress(OSError, ValueError):
            if self._process.stdin:
                self._process.stdin.close()

    def end(self) -> None:
        """See it gone, and with it whatever its learners have started."""
        self.dismiss()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self._process.kill()
        self._process.wait()
        self._mark.end()
        if self._process.stdout:
            self._process.stdout.close()

    def _answer(self, student: str) -> Turn:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self.is_alive = False
            return Turn(student, True, DIED)
        told = json.loads(line)
        return Turn(student, True, told["why"], told["log"])


class Crew:
    """Grades learners, several at once. Each worker has a thread here that speaks with it."""

    def __init__(self, place: tuple[Path, str], apart: Path, log: Path) -> None:
        self._place, self._apart, self._log = place, apart, log
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[Turn | ClassroomError | None] = queue.SimpleQueue()
        self._workers: dict[int, Worker] = {}
        self._begin = threading.Event()
        self._stopped = False

    def grade(
        self, students: Iterable[str], heard: Callable[[Turn], object], *, size: int,
        first: Callable[[], object] = str,
    ) -> None:  # fmt: skip
        """Grade them all, and tell `heard` each turn. Who interrupts this loses only the learners that are at work.

        `first` is done before anybody is graded, while the others start.
        """
        for student in students:
            self._waiting.put(student)
        threads = [threading.Thread(target=self._work, args=[number]) for number in range(size)]
        for thread in threads:
            thread.start()
        try:
            first()
            self._begin.set()
            self._listen(heard, size)
        finally:
            self._stop()
            for thread in threads:
                thread.join()
            while not self._told.empty():
                if isinstance(turn := self._told.get(), Turn):
                    heard(turn)

    def _listen(self, heard: Callable[[Turn], object], at_work: int) -> None:
        while at_work:
            with suppress(queue.Empty):
                told = self._told.get(timeout=0.5)  # without an end, Windows would not hear Ctrl-C
                if isinstance(told, ClassroomError):
                    raise told
                if told:
                    heard(told)
                else:
                    at_work -= 1

    def _stop(self) -> None:
        self._stopped = True
        self._begin.set()
        for worker in list(self._workers.values()):
            worker.dismiss()

    def _work(self, number: int) -> None:
        """Grade as long as somebody waits. A worker that died is replaced."""
        try:
            while not (self._stopped or self._waiting.empty()):
                self._serve(number)
        except ClassroomError as error:
            self._told.put(error)
        self._told.put(None)

    def _serve(self, number: int) -> None:
        worker = Worker(self._place, self._apart / f"{number}-{secrets.token_hex(8)}", self._log)
        self._workers[number] = worker
        try:
            if (why := worker.why_not()) and not self._stopped:
                raise ClassroomError(f"nbgrader could not begin: {why}. What it said is in {self._log}.")
            self._begin.wait()
            while worker.is_alive and not self._stopped:
                student = self._waiting.get_nowait()
                self._told.put(Turn(student))
                self._told.put(worker.grade(student))
        except queue.Empty:
            pass
        finally:
            worker.end()
