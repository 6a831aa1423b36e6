"""The website's pages, before Sphinx reads them: nothing given away, nothing lost, each link leads somewhere."""

import ast
import os
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import reference
import staging
from nbformat.v4 import new_code_cell, new_notebook, new_output
from notebook_pages import SAID_OTHERWISE, exercises_page, lesson_page

from course_lib.school.exercises.solutions import exercises
from course_lib.school.kit_files import EXERCISES, NOTEBOOKS, ROOT
from course_lib.school.lessons.course import lessons
from course_lib.school.lessons.predictions import FOLDED, predictions

LINK = re.compile(r"(?<!!)\[(?:[^\]]|\][^(])*?\]\(([^)\s]+)\)")
FENCED = re.compile(r"^(`{3,}).*?^\1`*$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PROSE = "\n\n"

each_lesson = pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {place: page for place, page in staging.pages().items() if isinstance(page, str)}


def read(page: str) -> Any:
    return nbformat.reads(page, as_version=4)


def prose(place: str, page: str) -> str:
    """The Markdown of a page, without code."""
    text = PROSE.join(_markdown(page)) if place.endswith(".ipynb") else page
    return FENCED.sub("", text)


def _markdown(page: str) -> Iterator[str]:
    for cell in read(page).cells:
        if cell.cell_type == "markdown":
            yield cell.source
        for output in cell.get("outputs", ()):
            yield output.get("data", {}).get("text/markdown", "")


def dead_links(pages: dict[str, str]) -> list[str]:
    """Links between pages whose page or whose heading is not there, by the anchors of JupyterLab."""
    anchors = {
        place: {
            staging.jupyterlab_anchor(title.replace("`", "")) for title in HEADING.findall(prose(place, page))
        }
        for place, page in pages.items()
    }
    dead = []
    for place, page in pages.items():
        for link in LINK.findall(prose(place, page)):
            target, _, anchor = link.partition("#")
            there = _place(place, target) if target else place
            if "://" not in link and (there not in pages or (anchor and anchor not in anchors[there])):
                dead.append(f"{place}: {link}")
    return dead


def _place(page: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target))


def test_every_lesson_and_exercise_and_teachers_page_is_there(pages: dict[str, str]) -> None:
    files = [
        *NOTEBOOKS.glob("*.ipynb"),
        *EXERCISES.glob("*.ipynb"),
        *(NOTEBOOKS / "teaching").glob("*.md"),
    ]
    assert {path.relative_to(NOTEBOOKS).as_posix() for path in files} <= pages.keys()
    assert {f"library/{name}.md" for name in reference.modules()} <= pages.keys()


def test_every_link_leads_to_a_page_and_a_heading(pages: dict[str, str]) -> None:
    assert dead_links(pages) == []


@pytest.mark.parametrize("link", ["there.md", "here.md#No-such-heading", "#No-such-heading", "../here.md"])
def test_a_link_that_leads_nowhere_is_seen(link: str) -> None:
    assert dead_links({"here.md": f"# A page\n\n[on]({link}) [well](#A-page)"}) == [f"here.md: {link}"]


def test_a_file_that_is_no_page_is_named_without_a_link() -> None:
    page = "[lesson](../09.ipynb) [folder](../teaching) [readme](../../README.md#start) [none](../none.md)"
    shown = staging._without_other_files(page, "teaching/09.md", {"09.ipynb": ""})
    assert shown == "[lesson](../09.ipynb) folder readme [none](../none.md)"


def test_no_page_holds_a_line_of_a_solution(pages: dict[str, str], secret: set[str]) -> None:
    assert len(secret) > len(exercises())
    shown = {place: _plain(page) for place, page in pages.items()}
    told = [f"{place}: {line}" for place, text in shown.items() for line in secret if line in text]
    assert told == []


def test_a_line_of_a_solution_is_seen(secret: set[str]) -> None:
    solution = (NOTEBOOKS / "solutions/07_eager_loading.ipynb").read_text("utf-8")
    assert any(line in _plain(solution) for line in secret)


def _plain(page: str) -> str:
    return page.replace('\\"', '"')


@each_lesson
def test_from_a_question_to_its_reveal_all_outputs_are_folded(lesson: Any, pages: dict[str, str]) -> None:
    notebook = read(pages[lesson.file])
    questions = {asked.asks for asked in predictions(notebook)}
    behind = [
        cell
        for asked in predictions(notebook)
        for place, cell in enumerate(notebook.cells[: asked.reveals + 1])
        if place > asked.asks and place not in questions and cell.cell_type == "code"
    ]
    assert behind
    assert all(FOLDED in cell.metadata["tags"] for cell in behind)


@pytest.mark.parametrize(
    ("text", "folded"), [("3 statements\n", True), ("13 statements\n3", False), ("3.1 s\n", False)]
)
def test_an_output_that_repeats_the_answer_is_folded_too(text: str, folded: bool, tmp_path: Path) -> None:
    revealed = new_output("display_data", {"text/markdown": "The answer: **3**."})
    cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        new_code_cell('many = predict("How many?", answer=None)'),
        new_code_cell("many.reveal(len(sent))", outputs=[revealed]),
        new_code_cell("sent", outputs=[new_output("stream", text=text)]),
    ]
    path = tmp_path / "07_lesson.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    assert (FOLDED in read(lesson_page(path)).cells[-1].metadata.get("tags", ())) is folded


def test_nobody_is_asked_to_run_a_cell_of_a_page(pages: dict[str, str]) -> None:
    for said in SAID_OTHERWISE:
        assert any(said in path.read_text("utf-8") for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
        shown = [text for lesson in lessons() for text in _markdown(pages[lesson.file])]
        assert not any(said in text for text in shown)


def test_each_hint_stands_folded_behind_its_check() -> None:
    for path in sorted(EXERCISES.glob("*.ipynb")):
        cells = read(exercises_page(path)).cells
        for each in [each for each in exercises() if f"ex{each.lesson}" == path.stem]:
            check = next(place for place, cell in enumerate(cells) if f'check("{each.id}"' in cell.source)
            opened = re.findall(
                r"<details><summary>.*?</summary>\n\n(.*?)\n\n</details>", cells[check + 1].source, re.DOTALL
            )
            assert opened == each.hints


def test_the_reference_has_every_public_name_with_its_docstring() -> None:
    for name in reference.modules():
        page = reference.module_page(name).partition(f"<summary>{reference.WHOLE}")[0]
        body = ast.parse((ROOT / "course_lib" / f"{name}.py").read_text("utf-8")).body
        for node in body:
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and node.name[0] != "_"
            ):
                assert re.search(rf"^`+{{py:\w+}} {node.name}\b", page, re.MULTILINE)
                assert (ast.get_docstring(node) or "") in page


def test_the_lab_has_what_lessons_import_from_it_wherever_it_is_defined() -> None:
    page = reference.lab_page(
        ["from course_lib.lab.lesson import predict", "from course_lib.school.checking import check"]
    )
    assert re.findall(r"^`+{py:function} (\w+)", page, re.MULTILINE) == ["predict", "check"]


def test_pages_are_made_without_the_library_s_own_dependencies() -> None:
    """The website's environment has none of them."""
    look = "import sys, staging; staging.pages(); print({'sqlalchemy', 'fastapi', 'pandas'} & {*sys.modules})"
    place = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(NOTEBOOKS / "site")])}
    found = subprocess.run(
        [sys.executable, "-c", look], env=place, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "set()"


def test_what_has_not_changed_is_not_written_again_and_what_is_no_page_goes(tmp_path: Path) -> None:
    staging.write(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / "old.md").write_text("# Old")
    staging.write(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_section_that_the_readme_lost_is_named() -> None:
    with pytest.raises(ValueError, match=r"README\.md has no section 'Begin'"):
        staging._readme("Begin")
