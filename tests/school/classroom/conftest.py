"""A course folder, and one whole round with real nbgrader that many tests look at."""

import copy
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from classrooms import (
    ANSWERS,
    HANGS,
    NAME,
    Cells,
    Round,
    answered,
    bringing,
    code,
    hand_in,
    name_of,
    notebook,
    place,
    submit,
)
from filelock import FileLock
from nbgrader.api import Gradebook

from course_lib.school import classroom
from course_lib.school.classroom.course_folder import released
from course_lib.school.classroom.grading.workers import crew
from course_lib.school.exercises.solutions import exercises
from course_lib.school.kit_files import SOLUTIONS
from course_lib.school.making.cutting import cut

T = TypeVar("T")
IMPATIENT = "import course_lib.school.attempts.time_limit as time_limit\n\ntime_limit.PATIENCE = 1.0"
PATCHES = (
    "import course_lib.school.checking as c\n\n\n"
    "async def ok(*a, **k):\n    pass\n\n\n"
    "c.grade = c.check = ok\ncheck = ok"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A course folder in which lesson 07 is released, by our own cut: that takes no process of nbgrader's."""
    folder = tmp_path / "my class"
    classroom.init(folder)
    released = folder / "release" / NAME / f"{NAME}.ipynb"
    released.parent.mkdir(parents=True)
    released.write_text(cut(SOLUTIONS / f"{NAME}.ipynb"), encoding="utf-8")
    return folder


def once_in_a_run(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What `make` gives of a new folder: the first worker that needs it lends it to the others.

    No test changes that folder; those that have to, change a copy.
    """
    own = factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    kept = run / f"{name}.pickle"
    with FileLock(run / f"{name}.lock"):
        if not kept.exists():
            kept.write_bytes(pickle.dumps(make(factory.mktemp(name) / "my class")))
        made: T = pickle.loads(kept.read_bytes())
    return made


@contextmanager
def workers(most: int) -> Iterator[None]:
    """Each process that grades takes seconds to start: no more of them than the subject needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew, "MOST", most)
        yield


@pytest.fixture
def one_worker() -> Iterator[None]:
    with workers(1):
        yield


@pytest.fixture(scope="session")
def once_released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder in which nbgrader released lesson 07; to be copied."""

    def release(folder: Path) -> Path:
        classroom.init(folder)
        classroom.release(folder, "07")
        return folder

    return once_in_a_run(tmp_path_factory, "once_released", release)


@pytest.fixture(scope="session")
def once_graded(once_released: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after Anna and Ben, all right, were graded; to be copied."""

    def grade(folder: Path) -> Path:
        shutil.copytree(once_released, folder)
        for student in ("anna", "ben"):
            submit(folder, student, bringing())
        with workers(1):
            classroom.grade(folder, "07")
        return folder

    return once_in_a_run(tmp_path_factory, "once_graded", grade)


@pytest.fixture
def ready(once_released: Path, tmp_path: Path) -> Path:
    """A course folder of one's own, in which lesson 07 is released, gradebook and all."""
    return shutil.copytree(once_released, tmp_path / "my class")


@pytest.fixture
def graded(once_graded: Path, tmp_path: Path) -> Path:
    """A course folder of one's own, in which Anna and Ben are graded, all right."""
    return shutil.copytree(once_graded, tmp_path / "my class")


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    return tmp_path / "handed in"


# The whole round, once


def wrong_with_odd_cells() -> Cells:
    """Ben gives the first wrong answer that was not given to him, deleted cells, and copied some."""
    wrong = {each.id: code for each in exercises() for code in each.wrong.values() if code != each.given}
    cells = [cell for cell in answered(wrong) if name_of(cell) not in ("setup", "07-3-answer", "07-3-check")]
    for name in ("07-2-answer", "07-2-check"):
        at = place(cells, name)
        cells.insert(at + 1, copy.deepcopy(cells[at]) | {"id": f"{name}-copy"})
    return cells


def right_with_a_warning() -> Cells:
    """Anna is right everywhere, and her first answer says something on the stream for errors."""
    head, documented, body = ANSWERS["07.1"].partition('"""\n')
    noise = '    print("looking", file=__import__("sys").stderr)\n'
    return answered(ANSWERS | {"07.1": head + documented + noise + body})


def hanging() -> Cells:
    """Chris has an answer that hangs, and a cell of his own that does."""
    cells = answered(ANSWERS | {"07.2": f"def headlines(session):\n    {HANGS.replace('pass', '    pass')}"})
    cells.insert(place(cells, "07-3-answer"), code(HANGS))
    cells.insert(place(cells, "07-1-answer"), code(IMPATIENT))
    return cells


def cheating() -> Cells:
    """Eve answers nothing, and puts the checks out of action."""
    cells = answered({})
    cells.insert(place(cells, "07-1-answer"), code(PATCHES))
    return cells


def round_in(folder: Path, once_released: Path) -> Round:
    """Lesson 07 handed in by five learners, collected, graded and reported."""
    handed_in = folder.parent / "handed in"
    shutil.copytree(once_released, folder)
    with (folder / "nbgrader_config.py").open("a", encoding="utf-8") as settings:
        settings.write("c.Execute.timeout = 15\n")
    broken: Cells = [*answered(ANSWERS), {"metadata": {}}]
    everybody = {
        "Anna Berg_11_assignsubmission_file_": right_with_a_warning(),
        "ben": wrong_with_odd_cells(),
        "chris": hanging(),
        "eve": cheating(),
    }
    for student, cells in everybody.items():
        hand_in(handed_in, f"{student}/{NAME}.ipynb", notebook(cells))
    collected = classroom.collect(folder, handed_in, "07")
    hand_in(folder, f"submitted/dora/{NAME}/{NAME}.ipynb", notebook(broken))  # as an older kit took it in
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        book.add_student("fritz")  # of the course, and has handed nothing in
    told: list[str] = []
    with workers(2):
        graded = classroom.grade(folder, "07", tell=told.append)
    page = classroom.report(folder, "07").read_text("utf-8")
    return Round(folder, released(folder, NAME), collected, graded, page, told)


@pytest.fixture(scope="session")
def whole_round(once_released: Path, tmp_path_factory: pytest.TempPathFactory) -> Round:
    """The whole round, gone through once in a run of the tests. It takes half a minute."""
    return once_in_a_run(tmp_path_factory, "whole_round", lambda folder: round_in(folder, once_released))
