"""Who skips a cell or leaves a mistake in one reads so under the next cell, in a learner's copy and nowhere else."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_servers import run_cells
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook, new_output
from processes import assert_all_end, lab_with_a_kernel, only_posix, processes_of, started

from course_lib.school.classroom.grading.running.kernels import fork_kernels
from course_lib.school.kit_files import NOTEBOOKS
from course_lib.school.learner import copies
from course_lib.school.lessons.course import exercise_notebook
from course_lib.school.program import missing_names
from course_lib.school.program.missing_names import load_ipython_extension

LESSON, EXERCISES = "05_transactions.ipynb", exercise_notebook("05_transactions")
CONFIG = Path(missing_names.__file__).with_name("ipython_config.py")
SETUP = "from course_lib.school.checking import check, hint\n\nsessions = 1"
ANSWER = "async def open_account(session, owner, sponsor, cents):\n    return 1"
CHECK = 'await check("05.2", open_account)'


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learner") / "copy"
    copies.start(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def _kernels_are_forked() -> Iterator[None]:
    """From a process that has imported what they need, where the system can; in JupyterLab and nbval they are not."""
    usual = KernelProvisionerFactory.instance().default_provisioner_name
    fork_kernels([missing_names.__name__])
    yield
    KernelProvisionerFactory.instance().default_provisioner_name = usual


@pytest.fixture(autouse=True)
def _kernels_read_the_kits_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "profile_default").mkdir()
    shutil.copy(CONFIG, tmp_path / "profile_default")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))


def outputs_of(*cells: str, folder: Path, **environment: str) -> list[list[Any]]:
    """What each of the cells shows, run one after the other in one kernel, as JupyterLab would run them."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=300,
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, "JPY_SESSION_NAME": str(folder / LESSON), **environment})
    return [cell.outputs for cell in notebook.cells]


def in_exercises(copy: Path, *cells: str, **environment: str) -> list[list[Any]]:
    notebook = {"JPY_SESSION_NAME": str(copy / EXERCISES)}
    return outputs_of(*cells, folder=copy / "exercises", **(notebook | environment))


def told(outputs: list[Any]) -> str:
    """The sentence that stands below the error, or ''."""
    error, *more = outputs
    assert error["ename"] == "NameError"
    return "".join(output["data"]["text/markdown"] for output in more)


def test_a_skipped_first_cell_is_named(copy: Path) -> None:
    [shown] = in_exercises(copy, CHECK)
    assert told(shown) == "`check` is not defined: run the first cell of this notebook, then this one."


def test_a_skipped_answer_is_named(copy: Path) -> None:
    *_, shown = in_exercises(copy, SETUP, CHECK)
    assert told(shown) == "`open_account` is not defined: run the cell above that defines it, then this one."


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (ANSWER.replace("return 1", "return (1"), 2),
        (ANSWER.replace("cents):", "cents:"), 1),
        (ANSWER.replace("return 1", "x = 1\n   return x"), 3),
        (ANSWER.replace("return 1", "x = 1\n    return x y"), 3),
    ],
)
def test_a_syntax_error_in_the_answer_is_named_with_its_line(copy: Path, answer: str, line: int) -> None:
    *_, shown = in_exercises(copy, SETUP, answer, CHECK)
    fault = f"the cell above that defines it has a syntax error in line {line}. Mend it, and run both."
    assert told(shown) == f"`open_account` is not defined: {fault}"


def test_an_answer_from_before_a_syntax_error_is_named_as_such(copy: Path) -> None:
    *_, shown = in_exercises(copy, SETUP, ANSWER, f"{ANSWER} +", "print(open_account(1, 2, 3, 4).close())")
    assert shown[-1]["data"]["text/markdown"] == (
        "`open_account` is still your earlier one: the cell above that defines it has a syntax error in line 2. "
        "Mend it, and run both."
    )


def test_a_syntax_error_is_forgotten_when_it_is_mended(copy: Path) -> None:
    *_, shown = in_exercises(copy, SETUP, f"{ANSWER} +", f"1 / 0\n{ANSWER}", CHECK)
    assert "run the cell above that defines it" in told(shown)
    *_, shown = in_exercises(copy, SETUP, f"{ANSWER} +", ANSWER, "open_account")
    assert [output["output_type"] for output in shown] == ["execute_result"]


def test_a_lesson_begun_in_the_middle_says_run_all_above(copy: Path) -> None:
    [shown] = outputs_of("async with sessions() as session:\n    pass", folder=copy)
    assert told(shown) == (
        "`sessions` is not defined: run the cells above this one first (*Run → Run All Above Selected Cell*)."
    )


@pytest.mark.parametrize(
    "cells",
    [
        ["no_such_name"],
        [SETUP, "def mine():\n    return no_such_name\n\nmine()"],
        ["def mine():\n    if False:\n        check = 1\n    return check\n\nmine()"],
        ["import fractions\nexec('check', vars(fractions))"],
        ["kept = [check for check in '']\n1 / 0", "kept"],
    ],
    ids=["a typing error", "inside a function", "a local name", "in other code", "no name is missing"],
)
def test_other_errors_stay_as_they_are(copy: Path, cells: list[str]) -> None:
    *_, shown = in_exercises(copy, *cells)
    assert len(shown) == 1


def test_a_name_that_was_there_and_was_deleted_is_no_skipped_cell(copy: Path) -> None:
    [setup, *_] = missing_names._code_of(copy / EXERCISES)
    *_, shown = in_exercises(copy, setup, "del check", "check")
    assert told(shown) == ""


@pytest.mark.parametrize("change", [{"NBGRADER_EXECUTION": "autograde"}, {"JPY_SESSION_NAME": ""}])
def test_graded_and_converted_notebooks_hear_nothing(copy: Path, change: dict[str, str]) -> None:
    [shown] = in_exercises(copy, CHECK, **change)
    assert told(shown) == ""


def test_the_kits_own_notebooks_hear_nothing() -> None:
    notebook = str(NOTEBOOKS / EXERCISES)
    [shown] = outputs_of(CHECK, folder=NOTEBOOKS / "exercises", JPY_SESSION_NAME=notebook)
    assert told(shown) == ""


@pytest.mark.parametrize("left", ["gone", "{ half"])
def test_a_notebook_that_cannot_be_read_is_no_second_error(copy: Path, left: str) -> None:
    notebook = copy / "own.ipynb"
    notebook.unlink(missing_ok=True) if left == "gone" else notebook.write_text(left)
    [shown] = outputs_of("check", folder=copy, JPY_SESSION_NAME=str(notebook))
    assert told(shown) == ""


def test_nbval_compares_a_name_error_as_before(copy: Path) -> None:
    cell = new_code_cell(
        CHECK, execution_count=1, metadata={"tags": ["raises-exception", "nbval-check-output"]}
    )
    told = {"ename": "NameError", "evalue": "name 'check' is not defined", "traceback": []}
    cell.outputs = [new_output("error", **told)]
    place = shutil.copytree(copy, copy.with_name("compared"), dirs_exist_ok=True) / "exercises" / "own.ipynb"
    nbformat.write(new_notebook(cells=[cell]), place)
    words = [sys.executable, "-m", "pytest", "-q", "--nbval", "-p", "no:cacheprovider", place.name]
    done = subprocess.run(words, cwd=place.parent, check=False, capture_output=True, text=True)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout


@only_posix
def test_a_learner_in_jupyterlab_reads_it(copy: Path) -> None:
    words = (sys.executable, "-m", "course_lib.school.program.cli", "lab", "--no-browser")
    with started(*words, folder=copy) as (course, address):
        with lab_with_a_kernel(address) as client:
            [shown] = run_cells(client, EXERCISES, CHECK)
        there = processes_of(course)
        os.killpg(course.pid, signal.SIGTERM)
        assert_all_end(there)
    assert "run the first cell of this notebook" in told(shown)


def test_each_kernel_of_this_environment_reads_the_same_configuration() -> None:
    installed = Path(sys.prefix, "etc", "ipython", "ipython_config.py")
    assert installed.read_text("utf-8") == CONFIG.read_text("utf-8")
    assert load_ipython_extension.__module__ in CONFIG.read_text("utf-8")
