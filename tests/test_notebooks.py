"""The lessons keep their form, carry honest outputs, and run in every way a learner runs them."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
PAGES = sorted(NOTEBOOKS.glob("[a-z]*.ipynb"))
"""To be looked up: no lessons, but they run and are compared in the same ways."""
WITHOUT_A_DATABASE = {"costs"}
"""It reads figures that were measured before."""
IGNORED = {"nbval-ignore-output", "nbval-skip"}
LAST_SECTIONS = [
    "Where it breaks",
    "On the other database",
    "What you have seen",
    "Try it",
    "In course_lib",
]


@pytest.fixture(autouse=True)
def _fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_ROWS", "100000")  # a million take a minute, and show the same


each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
each_notebook = pytest.mark.parametrize("lesson", [*LESSONS, *PAGES], ids=lambda path: path.stem)


def only(*beginnings: str) -> pytest.MarkDecorator:
    """Lessons and pages that `make test` runs in this way; `course test ways` runs all the others."""
    every = [*LESSONS, *PAGES]
    marks = [() if each.stem.startswith(beginnings) else (pytest.mark.ways,) for each in every]
    each = [pytest.param(path, marks=mark, id=path.stem) for path, mark in zip(every, marks, strict=True)]
    return pytest.mark.parametrize("lesson", each)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def cells(notebook: Any, kind: str) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def prose(notebook: Any) -> str:
    return "\n\n".join(cell.source for cell in cells(notebook, "markdown"))


def told(notebook: Any) -> str:
    """What the lesson explains when it reveals."""
    shown = [output.get("data", {}) for cell in cells(notebook, "code") for output in cell.outputs]
    return "\n\n".join(data.get("text/markdown", "") for data in shown)


def headings(notebook: Any) -> list[tuple[int, str]]:
    found = re.findall(r"^(#+) (.+)$", prose(notebook), flags=re.MULTILINE)
    return [(len(marks), title) for marks, title in found]


def is_compared(cell: Any) -> bool:
    """Whether a comparison of outputs can fail: pictures are never compared, and ignored cells are not either."""
    ignored = IGNORED & set(cell.metadata.get("tags", ()))
    return not ignored and any(
        set(output.get("data", ())) - {"image/png", "image/jpeg"} or output.get("text")
        for output in cell.outputs
    )


def faults_of_outputs(notebook: Any) -> list[str]:
    code = cells(notebook, "code")
    faults = [f"{cell.id} was never run" for cell in code if cell.execution_count is None]
    faults += [
        f"{cell.id} ends in an error" for cell in code if any(o.output_type == "error" for o in cell.outputs)
    ]
    faults += [
        f"{cell.id} writes to stderr" for cell in code if any(o.get("name") == "stderr" for o in cell.outputs)
    ]
    compared = sum(map(is_compared, code))
    if compared < 0.6 * len(code):
        faults.append(f"only {compared} of {len(code)} cells are compared")
    return faults


def faults_of_form(notebook: Any) -> list[str]:
    levels = headings(notebook)
    faults = (
        [] if [level for level, _ in levels].count(1) == 1 and levels[0][0] == 1 else ["not one title, first"]
    )
    faults += [
        f"{title!r} skips a level" for (above, _), (level, title) in pairwise(levels) if level > above + 1
    ]
    titles = [title for _, title in levels]
    faults += [
        f"no section {title!r}" for title in ["Before you start", *LAST_SECTIONS] if title not in titles
    ]
    text = prose(notebook)
    source = "\n".join(cell.source for cell in cells(notebook, "code"))
    faults += ["fewer than three predictions"] if len(re.findall(r"= predict\(", source)) < 3 else []
    faults += ["no belief refuted"] if "**That is wrong" not in text + told(notebook) else []
    faults += (
        ["a picture without alt text"] if re.search(r"!\[\]\(|<img(?![^>]*\balt=\"[^\"]+\")", text) else []
    )
    return faults + faults_of_cells(notebook)


def faults_of_cells(notebook: Any) -> list[str]:
    faults = [f"{cell.id} is long" for cell in cells(notebook, "code") if len(cell.source.splitlines()) > 15]
    kinds = "".join(cell.cell_type[0] for cell in notebook.cells)
    return faults + (["more than two code cells in a row"] if "ccc" in kinds else [])


def dead_links(notebook: Any, folder: Path) -> list[str]:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose(notebook))
    return [target for target in targets if not target.startswith("http") and not (folder / target).exists()]


def run(lesson: Path, folder: Path, *, times: int = 1, first: str = "") -> Any:
    """Run `first`, then every cell `times` times in a row, in one kernel; gives the notebook with its new outputs.

    A cell that raises ends it with its source and error.
    """
    notebook = read(lesson)
    notebook.cells.insert(0, code_cell(first))
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    with client.setup_kernel():
        for place, cell in enumerate(notebook.cells):
            for _ in range(times):
                client.execute_cell(cell, place)
    return notebook


@each_notebook
def test_every_lesson_was_run_and_its_outputs_are_compared(lesson: Path) -> None:
    assert faults_of_outputs(read(lesson)) == []


@each_lesson
def test_every_lesson_has_the_form_of_a_lesson(lesson: Path) -> None:
    assert faults_of_form(read(lesson)) == []


@each_notebook
def test_every_link_leads_somewhere(lesson: Path) -> None:
    assert dead_links(read(lesson), NOTEBOOKS) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_to_look_up_has_cells_like_a_lesson_and_refutes_a_belief(page: Path) -> None:
    notebook = read(page)
    assert faults_of_cells(notebook) == []
    assert "**That is wrong.**" in told(notebook)
    assert any(page.name in prose(read(lesson)) for lesson in LESSONS[1:])
    assert page.name in prose(read(LESSONS[0]))


def test_every_lesson_starts_with_the_same_setup_cell() -> None:
    setups = {
        next(cell.source for cell in cells(read(lesson), "code") if "engine = await" in cell.source)
        for lesson in LESSONS
    }
    assert len(setups) == 1


@pytest.mark.ways
@each_notebook
def test_every_cell_can_run_twice_in_a_row(lesson: Path, tmp_path: Path) -> None:
    run(lesson, tmp_path, times=2)
    assert list(tmp_path.iterdir()) == []


@only("01")
def test_every_cell_can_run_twice_in_a_row_on_postgresql(
    lesson: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_DATABASE", "postgres")
    run(lesson, tmp_path, times=2)
    assert list(tmp_path.iterdir()) == []


@only("04", "10")
def test_every_lesson_runs_on_postgresql(
    lesson: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_DATABASE", "postgres")
    run(lesson, tmp_path)


@only("13")
def test_every_lesson_goes_on_where_postgresql_cannot_start(lesson: Path, tmp_path: Path) -> None:
    missing = "from course_lib.lab.postgres import programs; programs.VERSION = 99"
    notebook = run(lesson, tmp_path, first=missing)
    assert ("Without PostgreSQL" in nbformat.writes(notebook)) == (lesson.stem not in WITHOUT_A_DATABASE)


def lesson_of(*code: Any, text: str = "# Title") -> Any:
    new = nbformat.v4
    return new.new_notebook(cells=[new.new_markdown_cell(text), *code])


def code_cell(source: str, *, output: str = "", count: int | None = 1) -> Any:
    outputs = [nbformat.v4.new_output("stream", text=output)] if output else []
    return nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=count)


def test_the_checks_see_a_lesson_without_outputs() -> None:
    assert "was never run" in faults_of_outputs(lesson_of(code_cell("1", count=None)))[0]
    assert faults_of_outputs(lesson_of(code_cell("1"), code_cell("2", output="2")))[-1] == (
        "only 1 of 2 cells are compared"
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("## No title", "not one title, first"),
        ("# One\n\n# Two", "not one title, first"),
        ("# One\n\n### Deep", "'Deep' skips a level"),
        ("# One\n\n![](picture.png)", "a picture without alt text"),
        ("# One", "fewer than three predictions"),
        ("# One", "no section 'Where it breaks'"),
    ],
)
def test_the_checks_see_a_lesson_out_of_form(text: str, fault: str) -> None:
    assert fault in faults_of_form(lesson_of(text=text))


def test_the_checks_see_a_dead_link() -> None:
    assert dead_links(lesson_of(text="# T\n\n[next](99_nowhere.ipynb)"), NOTEBOOKS) == ["99_nowhere.ipynb"]


def test_the_checks_see_a_cell_that_cannot_run_twice(tmp_path: Path) -> None:
    once = tmp_path / "once.ipynb"
    nbformat.write(lesson_of(code_cell("x = 1"), code_cell("del x")), once)
    run(once, tmp_path)
    with pytest.raises(CellExecutionError, match="NameError"):
        run(once, tmp_path, times=2)
