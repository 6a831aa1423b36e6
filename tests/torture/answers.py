"""Learners' code that hangs, exits, floods, forks and patches what it reaches: in a notebook's own check, and graded.

What each of MISDEEDS does stands in the body of an answer to 07.1. Small forms: tests/test_torture_answers.py for the
notebook's own check, and tests/school/classroom/grading/running/test_run_bounded.py for a class.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from textwrap import dedent, indent
from typing import Any

import psutil
from classrooms import ANSWERS, SMALL_BOUNDS, answered, bringing, code, notebook, points_in, submit
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook
from processes import wait_for

from course_lib.lab.processes import lives
from course_lib.school import classroom
from course_lib.school.classroom.grading.grade import Grading
from course_lib.school.exercises.outcomes import PASSED
from course_lib.school.exercises.solutions import find
from course_lib.school.learner.copies import start
from course_lib.school.learner.progress import progress_of
from torture.parts import Bounds, Figures, torture

EXERCISE = "07.1"
FOR_EVER, LEAVES, LEFT_OUT = "runs for ever", "leaves the program", ("people left out",)
GOES_ON, DIES, PATCHED = "sound", "dead", "patched"
"""What becomes of the kernel: the next check in it is right; it is gone; it is not what it was, and is restarted."""
SLEEPER = "torture-of-answers"
LONGEST = 30
"""Seconds after which a kernel that does not answer is given up, as a learner would restart it."""
EXERCISED = find(EXERCISE).function
BOUNDS = f"{SMALL_BOUNDS}c.Execute.timeout = 20\n"
IN_A_CLASS = 4
"""Learners with a misdeed in one class."""


@dataclass(frozen=True)
class Misdeed:
    """`verdicts` are those of the notebook's own check that name it; none where no check can come to a verdict."""

    body: str
    verdicts: tuple[str, ...] = ()
    kernel: str = GOES_ON


def hangs(body: str) -> Misdeed:
    return Misdeed(body, (FOR_EVER,))


def patches(body: str) -> Misdeed:
    return Misdeed(body, (), PATCHED)


MISDEEDS = {
    "a loop": hangs("while True:\n    pass"),
    "a wait": hangs("await asyncio.Event().wait()"),
    "a blocked event loop": hangs("time.sleep(1000)"),
    "a lock taken twice": hangs("lock = threading.Lock()\nlock.acquire()\nlock.acquire()"),
    "an asyncio lock taken twice": hangs("lock = asyncio.Lock()\nawait lock.acquire()\nawait lock.acquire()"),
    "a task of its own that is awaited for ever": hangs("await asyncio.create_task(asyncio.Event().wait())"),
    "a thread that is joined": hangs(
        "thread = threading.Thread(target=time.sleep, args=(30,), daemon=True)\nthread.start()\nthread.join()"
    ),
    "everything swallowed": hangs(
        "while True:\n    try:\n        time.sleep(0.001)\n    except BaseException:\n        pass"
    ),
    "everything swallowed between two awaits": hangs(
        "while True:\n    try:\n        await asyncio.sleep(0.01)\n    except BaseException:\n        pass"
    ),
    "endless print": hangs("while True:\n    print('x' * 1000)\n    time.sleep(0.001)"),
    "rows without end": hangs(
        "while True:\n    session.add(Tag(name=str(random.random())))\n    await session.flush()"
    ),
    "sys.exit": Misdeed("sys.exit(3)", (LEAVES,)),
    "exit": Misdeed("exit()", (LEAVES,)),
    "SystemExit": Misdeed("raise SystemExit", (LEAVES,)),
    "os._exit": Misdeed("os._exit(3)", kernel=DIES),
    "a kill of itself": Misdeed("os.kill(os.getpid(), signal.SIGKILL)", kernel=DIES),
    "an abort": Misdeed("os.abort()", kernel=DIES),
    "much memory": Misdeed("return [bytes(100_000_000) for _ in range(5)]", ("not a list of users",)),
    "a recursion": Misdeed("def down():\n    down()\ndown()", ("calls itself without end",)),
    "a thousand files": Misdeed(
        "with tempfile.TemporaryDirectory() as place:\n"
        "    return [open(f'{place}/{number}', 'w') for number in range(1000)]",
        ("not a list of users",),
    ),
    "a hundred threads": Misdeed(
        "for _ in range(100):\n    threading.Thread(target=time.sleep, args=(5,), daemon=True).start()\nreturn []",
        LEFT_OUT,
    ),
    "children": Misdeed(
        "for _ in range(5):\n"
        "    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3)', SLEEPER])\nreturn []",
        LEFT_OUT,
    ),
    "the event loop closed": Misdeed("asyncio.get_running_loop().close()", ("loop within a loop",)),
    "the database deleted": Misdeed("pathlib.Path(session.bind.url.database).unlink()\nreturn []", LEFT_OUT),
    "the tables dropped": Misdeed("await session.execute(text('DROP TABLE posts'))\nreturn []", LEFT_OUT),
    "another folder": Misdeed("os.chdir('/')\nreturn []", LEFT_OUT),
    "a folder that is gone": Misdeed(
        "os.chdir(place := tempfile.mkdtemp())\nos.rmdir(place)\nreturn []", LEFT_OUT
    ),
    "no streams": patches("sys.stdout = sys.stderr = None\nreturn []"),
    "another len": patches("builtins.len = lambda *_: 0\nreturn []"),
    "another isinstance": patches("builtins.isinstance = lambda *_: True\nreturn []"),
    "no json": patches("json.dumps = json.loads = None\nreturn []"),
    "no asyncio": patches("asyncio.wait = asyncio.timeout = asyncio.all_tasks = None\nreturn []"),
    "no sqlalchemy": patches("AsyncSession.scalars = AsyncSession.close = None\nreturn []"),
    "no judge": patches("assessing.judge_of = assessing._attempt = None\nreturn []"),
    "no checker": patches("sandbox.finished = attempt.Attempt.call = None\nreturn []"),
}
"""What learners' code does that it should not do, by its name."""
BOMBS = {
    # Seven levels are at most 128 processes: if nobody stops them, they end by themselves.
    "a bomb of forks": "for _ in range(7):\n    os.fork()\ntime.sleep(60)",
    "strangers": (
        "for _ in range(20):\n    words = [sys.executable, '-c', 'import time; time.sleep(60)', SLEEPER]\n"
        "    subprocess.Popen(words, start_new_session=True)\ntime.sleep(60)"
    ),
    "gigabytes of memory": "kept = []\nfor _ in range(60):\n    kept += [bytearray(b'x' * 20_000_000)]",
    "gigabytes of rows": (
        "import sqlite3\nrows = sqlite3.connect('rows.db', isolation_level=None)\nrows.execute('CREATE TABLE t (x)')\n"
        "while True:\n    rows.execute('INSERT INTO t VALUES (zeroblob(5_000_000))')\n    time.sleep(0.05)"
    ),
    "thousands of files": "for number in range(9000):\n    open(f'{number}.txt', 'w').close()\ntime.sleep(5)",
    "a thousand threads": (
        "for _ in range(1000):\n    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    ),
    "output without end": "while True:\n    print('x' * 50_000)",
    "an ignored alarm": "signal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True:\n    pass",
    "an ignored interrupt": "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass",
}
"""What a cell of a learner's own does, of which only a grader has to be safe."""
NAMES = f"""
import asyncio, builtins, json, os, pathlib, random, signal, subprocess, sys, tempfile, threading, time
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload
from course_lib.models import Post, Tag, User
from course_lib.school.attempts import attempt, sandbox, time_limit
from course_lib.school.checking import assessing, check
time_limit.PATIENCE, SLEEPER = 1.0, {SLEEPER!r}
"""


def answer_with(misdeed: Misdeed) -> str:
    """The answer of the exercise, which begins with the misdeed; it would be right without."""
    head, doc, right = ANSWERS[EXERCISE].partition('"""\n')
    return f"{head}{doc}{indent(dedent(misdeed.body), '    ')}\n{right}"


# The notebook's own check


class Kernel:
    """A real kernel in a learner's copy."""

    def __init__(self, client: NotebookClient) -> None:
        self.client = client
        provisioner: Any = client.km and client.km.provisioner
        self.process = psutil.Process(provisioner.pid)

    async def run(self, *sources: str) -> list[Any]:
        """What one cell of these sources shows. Raises DeadKernelError, and CellTimeoutError where no word comes."""
        cell = new_code_cell("\n\n".join(sources))
        self.client.nb.cells.append(cell)
        await self.client.async_execute_cell(cell, len(self.client.nb.cells) - 1)
        return list(cell.outputs)

    async def verdict(self, answer: str) -> str:
        """The verdict of the check; an error in the cell and a word on stderr are failures."""
        shown = await self.run(answer, f'await check("{EXERCISE}", {EXERCISED})')
        bad = [each for each in shown if each.output_type == "error" or each.get("name") == "stderr"]
        assert bad == [], bad
        [told] = [each.metadata["course"] for each in shown if "course" in each.get("metadata", {})]
        return str(told["misconception"] or told["outcome"])


@asynccontextmanager
async def kernel_in(copy: Path) -> AsyncIterator[Kernel]:
    place = {"metadata": {"path": str(copy / "exercises")}}
    client = NotebookClient(new_notebook(), timeout=LONGEST, allow_errors=True, resources=place)
    client.kernel_name = "python3"
    nowhere = subprocess.DEVNULL  # what a kernel says while it is dying
    async with client.async_setup_kernel(cleanup_kc=True, stdout=nowhere, stderr=nowhere):
        kernel = Kernel(client)
        await kernel.run(NAMES)
        yield kernel


@torture("answers", "misdeeds in a notebook's own check, and the right answer behind each")
async def in_a_notebook(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    names = chance.sample([*MISDEEDS], len(MISDEEDS))
    return await in_notebooks((name for _, name in zip(bounds, names, strict=False)), folder)


async def in_notebooks(names: Iterable[str], folder: Path) -> Figures:
    """One after the other in one kernel, until a misdeed ends it; the next one has a new kernel."""
    done: Counter[str] = Counter()
    start(copy := folder / "copy")
    waiting, more = iter(names), True
    while more:
        more = False
        async with kernel_in(copy) as kernel:
            for name in waiting:
                if not await is_sound_behind(name, kernel, copy, done):
                    more = True
                    break
    assert done["right answers passed behind"] > 0
    return done


async def is_sound_behind(name: str, kernel: Kernel, copy: Path, done: Counter[str]) -> bool:
    """Whether the kernel goes on: then the next check was right, and the try and the pass before are both kept."""
    misdeed, tries = MISDEEDS[name], len(await progress_of(copy).tries())
    if misdeed.kernel != GOES_ON:
        with suppress(DeadKernelError, CellTimeoutError):
            await kernel.run(answer_with(misdeed), f'await check("{EXERCISE}", {EXERCISED})')
        done[f"kernels that are {misdeed.kernel}"] += 1
        async with kernel_in(copy) as other:
            assert (passed := await other.verdict(ANSWERS[EXERCISE])) == PASSED, f"behind {name}: {passed}"
        done["right answers passed behind"] += 1
        return False
    verdict = await kernel.verdict(answer_with(misdeed))
    assert verdict in misdeed.verdicts, f"{name}: {verdict}"
    done["verdicts that name it"] += 1
    assert (passed := await kernel.verdict(ANSWERS[EXERCISE])) == PASSED, f"behind {name}: {passed}"
    done["right answers passed behind"] += 1
    assert len(await progress_of(copy).tries()) == tries + 2, f"{name}: a try is not kept"
    await asyncio.to_thread(
        wait_for, lambda: not any(map(lives, kernel.process.children(recursive=True))), 60
    )
    return True


# A class


@torture("answers", "misdeeds in what a class hands in, graded beside right answers")
async def in_a_class(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    done: Counter[str] = Counter()
    classroom.init(released := folder / "released")
    classroom.release(released, "07")
    with (released / "nbgrader_config.py").open("a", encoding="utf-8") as settings:
        settings.write(BOUNDS)
    everybody, places = chance.sample([*MISDEEDS, *BOMBS], len(MISDEEDS) + len(BOMBS)), iter(count(1))
    for _ in bounds:
        if not (names := [everybody.pop() for _ in range(min(IN_A_CLASS, len(everybody)))]):
            break
        place = shutil.copytree(released, folder / f"class {next(places)}")
        done.update(grade(place, names))
    assert done["named in the verdict"] + done["named with a reason"] > 0
    return done


def grade(place: Path, names: Sequence[str]) -> Counter[str]:
    """One class, with one learner for each misdeed and one who is right."""
    done: Counter[str] = Counter()
    for number, name in enumerate(names):
        submit(place, f"learner{number}", handed_in(name))
    submit(place, "zoe", bringing())
    with own_temporary_folder(place.parent) as temporary:
        graded = classroom.grade(place, "07")
        assert [*temporary.glob("course-grading-*")] == [], "a working folder stays"
    told = {each.student: each.told for each in graded.notices}
    points = points_in(place)
    assert points["zoe"] == "10.0", points
    results = {(each.student, each.exercise): each for each in Grading.of(place, "07", str).results()}
    for number, name in enumerate(names):
        student = f"learner{number}"
        if not points[student]:
            assert "could not be graded" in told[student], (name, told)
            done["named with a reason"] += 1
        elif name not in BOMBS:
            result = results[student, EXERCISE]
            assert result.outcome != PASSED or MISDEEDS[name].kernel == PATCHED, f"{name}: {result}"
            done["named in the verdict"] += result.outcome != PASSED
    assert sleepers() == [], f"of {names} processes stay: {sleepers()}"
    done["right beside them"] += 1
    return done


def handed_in(name: str) -> bytes:
    if name in BOMBS:
        return bringing(NAMES, BOMBS[name])
    cells = answered(ANSWERS | {EXERCISE: answer_with(MISDEEDS[name])})
    return notebook([code(NAMES), *cells])


def sleepers() -> list[psutil.Process]:
    return [each for each in psutil.process_iter(["cmdline"]) if SLEEPER in (each.info["cmdline"] or ())]


@contextmanager
def own_temporary_folder(folder: Path) -> Iterator[Path]:
    """Others at work on this machine have folders of the same names."""
    before, own = (os.environ.get("TMPDIR"), tempfile.tempdir), folder / "tmp"
    own.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(own)
    try:
        yield own
    finally:
        tempfile.tempdir = before[1]
        os.environ.pop("TMPDIR") if before[0] is None else os.environ.update(TMPDIR=before[0])
