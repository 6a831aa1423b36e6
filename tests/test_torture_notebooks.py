"""`make torture` of notebooks in small: a lesson whose kernel is killed in the middle, and which begins anew."""

from pathlib import Path
from random import Random

from test_notebooks import LESSONS
from torture.notebooks import Running, restart


async def test_a_lesson_begins_anew_when_its_kernel_was_killed(tmp_path: Path) -> None:
    running = Running(LESSONS[0], tmp_path)
    done = await restart(running, Random(3))

    assert done["kernels restarted"] == 1
    assert done["outputs as in the lesson"] > 15
