"""Programs whose modules are imported already: a process forks for each run of one, which begins in a moment.

with ReadyProgram("alembic", imported=["course_lib.models"]) as program:
    finished = program.run("upgrade", "head", folder=PROJECT, environment=os.environ)

Each run has a process, a folder, an environment and streams of its own, as after `python -m alembic upgrade head`. What
a run of the real program has more is the import of its modules: a test of that starts the real one. Where a system
cannot fork, all runs do.
"""

import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self


class ReadyProgram:
    """`python -m module`, to be run to its end, again and again. `imported` are modules that it will need."""

    def __init__(self, module: str, *, imported: Sequence[str] = ()) -> None:
        self.module = module
        self._forks: subprocess.Popen[str] | None = None
        if hasattr(os, "fork"):
            words = [sys.executable, __file__, module, *imported]
            self._forks = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._forks:
            self._forks.communicate()

    def run(
        self, *words: str, folder: Path, environment: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        """Its exit status and what it said, as `subprocess.run` tells them."""
        if not (self._forks and self._forks.stdin and self._forks.stdout):
            return subprocess.run(
                [sys.executable, "-m", self.module, *words],
                cwd=folder, env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
        with TemporaryDirectory() as place:
            said = [Path(place, "stdout"), Path(place, "stderr")]
            order = {"words": words, "folder": str(folder), "environment": dict(environment)}
            print(json.dumps(order | {"streams": [*map(str, said)]}), file=self._forks.stdin, flush=True)
            status = int(self._forks.stdout.readline())
            return subprocess.CompletedProcess(
                [self.module, *words], status, *(each.read_text() for each in said)
            )


def _fork_as_ordered(module: str) -> None:
    """Read an order a line, and answer each with the exit status of its process."""
    gc.freeze()  # what was imported stays: nobody has to look through it again
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            _become(module, **json.loads(line))
            return
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


def _become(
    module: str, *, words: list[str], folder: str, environment: dict[str, str], streams: list[str]
) -> None:
    """Be what `python -m module` would be. This runs in the new process."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for stream, path in enumerate([os.devnull, *streams]):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), stream)
    sys.path[0] = folder
    sys.argv[1:] = words
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        importlib.import_module(name)
    _fork_as_ordered(sys.argv[1])
