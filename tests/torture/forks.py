"""Programs of the kit in processes of their own, which begin in a moment and die at the moment that a part chooses.

    with forks() as programs:
        [ended] = programs.run(Program("alembic", ("upgrade", "head"), environment={...}, dies_at=7))
        ended.killed, ended.output, ended.moments

One process has imported everything and forks: a program costs 20 ms instead of 2 s. Its moments are counted in it: each
statement, before it is sent and after, and each COMMIT, or each change of a file below a folder. At the one that is
asked for, or a little later, it ends itself with SIGKILL, as an out-of-memory killer would.
"""

import asyncio
import contextlib
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

CHANGES = {"os.rename": 1, "os.remove": 0, "os.mkdir": 0, "os.rmdir": 0, "os.chmod": 0, "sqlite3.connect": 0}
"""What Python tells of before it changes a file, and which argument is the path that counts."""
IMPORTED = (
    "aiosqlite", "alembic.config", "asyncpg", "course_lib.lab.upgrades.alone", "course_lib.lab.upgrades.enum_types",
    "course_lib.school.checking", "course_lib.school.program.cli", "difflib", "nbformat.v4", "nbformat.v4.rwbase",
    "sqlalchemy.dialects.postgresql.asyncpg", "sqlalchemy.dialects.sqlite.aiosqlite",
)  # fmt: skip
PATIENCE = 300
"""Seconds after which programs that have not ended are taken to hang for ever."""


@dataclass(frozen=True)
class Program:
    """`name` is one of PROGRAMS, `dies_at` the number of a moment (0: it lives), `later` are seconds behind it.

    Moments are changes of files below the folder `watched`, or, without one, statements. `user` is another user of the
    system (0: this one), `largest` the bytes that a file may have (0: any).
    """

    name: str
    words: tuple[str, ...] = ()
    folder: str = "."
    environment: Mapping[str, str] = field(default_factory=dict)
    watched: str = ""
    dies_at: int = 0
    later: float = 0.0
    user: int = 0
    largest: int = 0


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit status or minus a signal, all that it printed, how many moments it came to."""

    status: int
    output: str
    moments: int

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL

    @property
    def in_one_line(self) -> str:
        """What it printed; a line that was broken at the edge of a terminal is whole again."""
        return " ".join(self.output.split())


class Forks:
    """The process that forks, from outside."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def run(self, *programs: Program) -> list[Ended]:
        """Let all of them go at once, and wait for the end of all."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        watchdog = threading.Timer(PATIENCE, os.killpg, (self.process.pid, signal.SIGKILL))
        watchdog.start()
        print(json.dumps([asdict(each) for each in programs]), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        watchdog.cancel()
        assert answer, f"not ended after {PATIENCE} seconds: {programs}"
        return [Ended(*each) for each in json.loads(answer)]


@contextlib.contextmanager
def forks() -> Iterator[Forks]:
    words = [sys.executable, "-c", "from torture.forks import serve; serve()"]
    here = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{here.parent}"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, env=environment, text=True, stdin=pipe, stdout=pipe, start_new_session=True
    ) as process:
        yield Forks(process)
        assert process.stdin is not None
        process.stdin.close()


# Inside the process that forks


def serve() -> None:
    """Each line that comes holds programs; each is answered with a line on how they ended."""
    sys.dont_write_bytecode = True
    for module in IMPORTED:
        __import__(module)
    gc.freeze()  # what was imported stays: no child has to look through it
    for line in sys.stdin:
        programs = [Program(**each) for each in json.loads(line)]
        sys.stdout.write(f"{json.dumps(_together(programs))}\n")
        sys.stdout.flush()


def _together(programs: Sequence[Program]) -> list[tuple[int, str, int]]:
    with contextlib.ExitStack() as files:
        logs = [[files.enter_context(tempfile.TemporaryFile()) for _ in range(2)] for _ in programs]
        start, go = os.pipe()
        children = []
        for program, (output, moments) in zip(programs, logs, strict=True):
            if not (child := os.fork()):
                os.close(go)
                os.read(start, 1)  # until the parent has forked them all
                _become(program, output, moments)
            children.append(child)
        os.close(start)
        os.close(go)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        return [
            (status, _all_of(output).decode(errors="replace"), len(_all_of(moments)))
            for status, (output, moments) in zip(statuses, logs, strict=True)
        ]


def _all_of(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _become(program: Program, output: IO[bytes], moments: IO[bytes]) -> None:
    """Be the program from now on, and end as it ends. This runs in the new process."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    os.environ.update(program.environment)
    os.chdir(program.folder)
    if program.largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (program.largest, program.largest))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if program.user:
        os.setgroups([])
        os.setgid(program.user)
        os.setuid(program.user)
    moment = partial(_moment, moments.fileno(), iter(range(1, 1_000_000)), program)
    if program.watched:
        _at_changes_of_files(moment, program.watched)
    else:
        _at_statements(moment)
    sys.argv = [program.name, *program.words]
    sys.exit(PROGRAMS[program.name](list(program.words)))


def _moment(log: int, numbers: Iterator[int], program: Program) -> None:
    os.write(log, b".")
    if next(numbers) != program.dies_at:
        return
    if not program.later:
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=_die_later, args=(program.later,), daemon=True).start()


def _die_later(seconds: float) -> None:
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


def _at_statements(moment: Callable[[], None]) -> None:
    from sqlalchemy import Engine, event

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(Engine, name, lambda *_: moment())


def _at_changes_of_files(moment: Callable[[], None], folder: str) -> None:
    def hear(name: str, told: tuple[Any, ...]) -> None:
        if name == "open":
            path, _, flags = told
            changes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        elif changes := name in CHANGES:
            path = told[CHANGES[name]]
        if changes and isinstance(path, str | os.PathLike) and str(path).startswith(folder):
            moment()

    sys.addaudithook(hear)


def _alembic(words: list[str]) -> int:
    from alembic.config import main

    main(words, prog="alembic")
    return 0


def _course(words: list[str]) -> int:
    from course_lib.school.program.cli import main

    return main(words)


def _lab(words: list[str]) -> int:
    """What `course lab --dir …` does before JupyterLab begins."""
    from course_lib.school.program import cli, for_everybody

    vars(for_everybody).update(examine=list, _open=lambda *_, **__: 0)
    return cli.main(["lab", *words])


def _check(words: list[str]) -> int:
    """A cell of an exercise notebook, whose answer is wrong: the check notes a try."""
    from course_lib.school.checking import check

    asyncio.run(check(words[0], 42))
    return 0


PROGRAMS = {"alembic": _alembic, "course": _course, "lab": _lab, "check": _check}
