"""A course folder, and one whole round with real nbgrader that many tests look at."""

import copy
import os
import pickle
from pathlib import Path

import pytest
from classrooms import ANSWERS, HANGS, NAME, Cells, Round, answered, code, hand_in, name_of, notebook, place
from filelock import FileLock
from nbgrader.api import Gradebook

from course_lib.school import classroom
from course_lib.school.exercises.solutions import exercises
from course_lib.school.kit_files import SOLUTIONS
from course_lib.school.making.cutting import cut

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


def round_in(folder: Path) -> Round:
    """Lesson 07 released, handed in by five learners, collected, graded and reported."""
    handed_in = folder.parent / "handed in"
    classroom.init(folder)
    with (folder / "nbgrader_config.py").open("a", encoding="utf-8") as settings:
        settings.write("c.Execute.timeout = 15\n")
    released = classroom.release(folder, "07")
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
    graded = classroom.grade(folder, "07", tell=told.append)
    page = classroom.report(folder, "07").read_text("utf-8")
    return Round(folder, released, collected, graded, page, told)


@pytest.fixture(scope="session")
def whole_round(tmp_path_factory: pytest.TempPathFactory) -> Round:
    """The whole round, gone through once in a run of the tests: the first worker that needs it lends it to the others.

    It takes half a minute. No test changes its folder.
    """
    own = tmp_path_factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    kept = run / "whole_round.pickle"
    with FileLock(run / "whole_round.lock"):
        if not kept.exists():
            kept.write_bytes(pickle.dumps(round_in(tmp_path_factory.mktemp("classroom") / "my class")))
        whole_round: Round = pickle.loads(kept.read_bytes())
    return whole_round
