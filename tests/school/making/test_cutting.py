"""What a learner gets is cut out of the solutions by nbgrader, and nothing of the answers is left in it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_lib.school.kit_files import EXERCISES
from course_lib.school.lessons.course import UnknownLesson, exercise_notebook
from course_lib.school.making import cutting as release
from course_lib.school.making.cutting import CannotCut, cut, solutions, write_exercises

ANSWER = '''async def double(number):
    """Twice the number."""
    ### BEGIN SOLUTION
    return number + number
    ### END SOLUTION'''
GIVEN = '''async def double(number):
    """Twice the number."""
    return number + 2'''
CHECK = """await check("07.1", double)
### BEGIN HIDDEN TESTS
await grade("07.1", double)
### END HIDDEN TESTS"""


def graded(source: str, name: str, **settings: Any) -> Any:
    """A code cell of nbgrader's, which has run."""
    told = {"schema_version": 3, "grade_id": name, "grade": False, "solution": False, "locked": False}
    cell = new_code_cell(source, id=name, metadata={"nbgrader": told | settings}, execution_count=3)
    cell.metadata.execution = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
    cell.outputs = [new_output("stream", text="the output of a solution")]
    return cell


def tagged(source: str, *tags: str) -> Any:
    marks = {"id": "-".join(tags), "metadata": {"tags": list(tags)}}
    return new_code_cell(source, **marks) if "await check" in source else new_markdown_cell(source, **marks)


def exercise(*more: Any) -> list[Any]:
    return [
        new_markdown_cell("## 07.1 Twice\n\n**make** · 5 minutes · 2 points\n\nDouble it.", id="task-1"),
        graded(ANSWER, "answer-1", solution=True),
        graded(CHECK, "check-1", grade=True, locked=True, points=2),
        tagged("Look at the plus.", "hint"),
        tagged("Because it is twice.", "reason"),
        tagged(
            'async def double(number):\n    return 2 * number\nawait check("07.1", double)', "other-answer"
        ),
        tagged("Either is good.", "trade-off"),
        tagged(
            '# Wrong: squared\nasync def double(number): ...\nawait check("07.1", double)', "wrong-answer"
        ),
        *more,
    ]


def solution(folder: Path, cells: list[Any]) -> Path:
    setup = graded("from course_lib.school.exercises.solutions import check, grade", "setup", locked=True)
    notebook = new_notebook(cells=[new_markdown_cell("# Exercises 07", id="title"), setup, *cells])
    path = folder / "07_eager_loading.ipynb"
    nbformat.write(notebook, path)
    return path


def exercises_of(solution: Path) -> Path:
    return EXERCISES.parent / exercise_notebook(solution.stem)


def given() -> Any:
    return tagged(f'# Wrong: plus two\n{GIVEN}\n\nawait check("07.1", double)', "wrong-answer", "given")


@pytest.mark.parametrize("path", solutions(), ids=lambda path: path.stem)
def test_every_exercise_is_what_its_solution_generates(path: Path) -> None:
    assert exercises_of(path).read_bytes() == cut(path).encode()


def test_every_exercise_has_its_solution() -> None:
    assert {*EXERCISES.glob("*.ipynb")} == {exercises_of(path) for path in solutions()}


def test_nothing_of_the_answers_is_left(tmp_path: Path) -> None:
    text = cut(solution(tmp_path, exercise()))
    left = [
        "number + number",
        "SOLUTION",
        "HIDDEN",
        "grade(",
        "plus",
        "Because",
        "2 * number",
        "Either",
        "# Wrong",
    ]
    assert [word for word in [*left, "the output", "iopub"] if word in text] == []


def test_task_stub_and_check_are_left(tmp_path: Path) -> None:
    notebook = nbformat.reads(cut(solution(tmp_path, exercise())), as_version=4)
    _, _, task, answer, check, _ = notebook.cells
    assert task.source.startswith("## 07.1 Twice")
    assert answer.source.endswith(
        '"""Twice the number."""\n'
        "    # Your code here, in place of the next line.\n"
        "    raise NotImplementedError"
    )
    assert check.source == 'await check("07.1", double)'


def test_a_given_wrong_answer_stands_in_place_of_the_stub(tmp_path: Path) -> None:
    notebook = nbformat.reads(cut(solution(tmp_path, exercise(given()))), as_version=4)
    assert [cell.source for cell in notebook.cells if cell.id == "answer-1"] == [GIVEN]


def test_nbgrader_accepts_the_exercise_and_its_cells_are_kept_from_deletion(tmp_path: Path) -> None:
    from nbgrader.nbgraderformat import MetadataValidator
    from nbgrader.utils import compute_checksum

    notebook = nbformat.reads(cut(solution(tmp_path, exercise(given()))), as_version=4)
    MetadataValidator().validate_nb(notebook)
    cells = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert [cell.metadata.nbgrader.checksum for cell in cells] == [compute_checksum(cell) for cell in cells]
    assert [cell.metadata.deletable for cell in cells] == [False, False, False]
    assert [cell.metadata.get("editable", True) for cell in cells] == [False, True, False]


def test_a_second_cut_gives_the_same_bytes(tmp_path: Path) -> None:
    path = solution(tmp_path, exercise(given()))
    assert cut(path) == cut(path)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([graded("### BEGIN SOLUTION\nx = 1", "open", solution=True)], "no end solution"),
        ([*exercise(), nbformat.from_dict(exercise()[1] | {"id": "copy"})], "Duplicate grade id: answer-1"),
        ([given()], "no answer cell stands before"),
        (exercise(tagged('x = 1\nawait check("07.1", x)', "given")), "starts with a line `# Wrong: NAME`"),
    ],
)
def test_a_solution_that_cannot_be_cut_is_named(tmp_path: Path, cells: list[Any], told: str) -> None:
    with pytest.raises(CannotCut, match="07_eager_loading") as caught:
        cut(solution(tmp_path, cells))
    assert told in caught.value.reason


@pytest.fixture
def two_solutions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two solutions, which stands for the kit's own."""
    monkeypatch.setattr(release, "SOLUTIONS", tmp_path)
    monkeypatch.setattr(release, "EXERCISES", tmp_path / "exercises")
    copy = solution(tmp_path, exercise()).read_bytes()
    (tmp_path / "08_pagination.ipynb").write_bytes(copy)
    return tmp_path


def test_one_exercise_or_all_are_written(two_solutions: Path) -> None:
    assert [path.name for path in write_exercises(only="08")] == ["ex08_pagination.ipynb"]
    assert [path.name for path in write_exercises()] == ["ex07_eager_loading.ipynb", "ex08_pagination.ipynb"]
    assert (two_solutions / "exercises/ex07_eager_loading.ipynb").read_bytes().endswith(b"}\n")


def test_a_lesson_without_a_solution_is_named(two_solutions: Path) -> None:
    with pytest.raises(UnknownLesson, match="'99'"):
        write_exercises(only="99")


def test_importing_release_does_not_import_nbgrader() -> None:
    heavy = "{'nbgrader', 'nbconvert', 'nbformat'}"
    source = f"import sys, course_lib.school.making.cutting; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", source], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
