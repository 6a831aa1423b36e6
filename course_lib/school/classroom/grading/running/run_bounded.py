"""nbgrader's step that runs a notebook, with a folder of its own for each, and bounds for what the code in it takes.

This module is imported only where notebooks are graded, because nbgrader takes a second to import.
"""

import asyncio
import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any

import psutil
from nbclient.exceptions import DeadKernelError
from nbclient.util import ensure_async
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute
from traitlets import Integer

from course_lib.school.classroom.grading.running.guard import NO_ROOM, Bounds, Guard, amount, has_room
from course_lib.school.classroom.grading.running.marked import MARK, Marked
from course_lib.school.classroom.results.graded_outcomes import TOO_LONG

FLOOD = 10
"""How many times the output that is allowed ends a notebook; once alone, it is cut, and the cell interrupted."""
CEILING = 2
"""How many times the memory that is allowed the system gives: the guard is to come first, with its sentence."""


class Stopped(Exception):
    """A learner's notebook could not be run to its end; the message says why, in words for a teacher."""


class RunBounded(Execute):  # type: ignore[misc]  # nbgrader ships no types
    """Runs a notebook in a working folder of its own, and ends what goes beyond its bounds."""

    memory = Integer(2_000_000_000, help="bytes of memory for a notebook and all it starts").tag(config=True)
    processes = Integer(64, help="processes of a notebook").tag(config=True)
    files = Integer(1_000_000_000, help="bytes of the files that a notebook writes").tag(config=True)
    most_output = Integer(10_000_000, help="bytes of output that a notebook shows").tag(config=True)
    reaction = Integer(15, help="seconds in which a kernel that was interrupted has to answer").tag(
        config=True
    )
    _now: "RunBounded | None" = None
    _halted = ""

    @classmethod
    def halt(cls, why: str) -> None:
        """Stop the notebook that runs in this process, and each that would be next."""
        cls._halted = why
        if cls._now:
            cls._now.guard.stop(why)

    def preprocess(self, nb: Any, resources: Any, km: Any = None) -> tuple[Any, Any]:
        self.shown, self.begin = 0, "before its first cell"
        bounds = Bounds(self.memory, self.processes, self.files)
        self.mark = os.environ.get(MARK) or secrets.token_hex(8)
        with (
            _working_folder(resources["metadata"]["path"]) as place,
            Guard(Marked(self.mark).except_present(), place, bounds) as self.guard,
        ):
            RunBounded._now = self
            if RunBounded._halted:
                self.guard.stop(RunBounded._halted)
            try:
                own = resources["metadata"] | {"path": str(place / "work")}
                super().preprocess(nb, resources | {"metadata": own}, km)
            except Exception as error:
                raise self._stopped(error) from error
            finally:
                RunBounded._now = None
        if self.guard.why:
            raise self._stopped(Stopped())
        return nb, resources

    def start_new_kernel(self, **options: Any) -> None:
        """In its own folder, and with limits that the system itself holds, where it can."""
        place = Path(self.resources["metadata"]["path"]).parent / "tmp"
        own = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(place))
        super().start_new_kernel(env=os.environ | own | {MARK: self.mark}, **options)
        if hasattr(psutil.Process, "rlimit"):
            kernel = psutil.Process(self.km.provisioner.pid)
            with suppress(psutil.Error, OSError):
                kernel.rlimit(psutil.RLIMIT_DATA, (CEILING * self.memory, CEILING * self.memory))
                kernel.rlimit(psutil.RLIMIT_FSIZE, (self.files, self.files))
                kernel.rlimit(psutil.RLIMIT_CORE, (0, 0))

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> tuple[Any, Any]:
        first = (cell.source.strip().splitlines() or [""])[0][:60]
        self.begin = f"in the cell that begins `{first}`"
        return super().preprocess_cell(cell, resources, index)  # type: ignore[no-any-return]

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Take what the kernel says, as long as there is room for it. An outcome of a check is always taken."""
        size = _size(msg["content"])
        self.shown += size
        beyond = self.shown > self.most_output and size
        if beyond and "course" not in msg["content"].get("metadata", {}):
            if self.shown - size <= self.most_output:
                told = f"\n(The output ends here: it was longer than {amount(self.most_output)}.)\n"
                cell.outputs.append(new_output("stream", name="stdout", text=told))
                self._interrupting = asyncio.ensure_future(self.km.interrupt_kernel())
            if self.shown > FLOOD * self.most_output:
                self.guard.stop(f"it showed more than {amount(FLOOD * self.most_output)}")
            return None
        return super().process_message(msg, cell, cell_index)

    async def on_cell_executed(self, **told: Any) -> None:
        """After a cell was interrupted: a kernel that does not even answer then is in the middle of a hang in C."""
        super().on_cell_executed(**told)
        if told["execute_reply"]["content"].get("ename") == TOO_LONG:
            try:
                await ensure_async(self.kc.kernel_info(reply=True, timeout=self.reaction))
            except (Empty, TimeoutError):
                self.guard.stop("it could not be interrupted")
                raise Stopped from None

    def _stopped(self, error: Exception) -> Exception:
        """Why the notebook ended, where that is known better here than by who raised the error."""
        if self.guard.why == NO_ROOM:
            return OSError(errno.ENOSPC, NO_ROOM)
        if self.guard.why:
            return Stopped(f"{self.guard.why} ({self.begin})")
        if isinstance(error, DeadKernelError):
            return Stopped(f"its kernel died ({self.begin})")
        return error


@contextmanager
def _working_folder(origin: str) -> Iterator[Path]:
    """A folder with what was handed in beside the notebook, and one for temporary files; both are removed."""
    place = Path(tempfile.mkdtemp(prefix="course-grading-"))
    try:
        if not has_room(place):
            raise OSError(errno.ENOSPC, NO_ROOM, str(place))
        shutil.copytree(origin, place / "work")
        (place / "tmp").mkdir()
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _size(content: Any) -> int:
    """About how many bytes a message shows."""
    texts = [content.get("text", ""), *content.get("data", {}).values(), *content.get("traceback", ())]
    return sum(len(text) if isinstance(text, str) else len(str(text)) for text in texts)
