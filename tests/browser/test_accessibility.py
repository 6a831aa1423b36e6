"""Slides and exported lessons have no fault of the kit's own that axe finds; Jupyter's are listed, and left out."""

from pathlib import Path
from typing import Any

import pytest
from axe import axe_core, faults
from nbconvert import HTMLExporter

from course_lib.school.kit_files import NOTEBOOKS
from course_lib.school.lessons.course import Lesson, lessons, reference_pages
from course_lib.school.making.slides import write_slides

pytestmark = pytest.mark.browser

COLORS_OF_JUPYTER = (".jp-InputPrompt", ".jp-OutputPrompt", ".highlight span")
"""Too pale for axe: the numbers of cells, and some words of code. On slides their colours are the kit's."""
TABLE_OF_PANDAS = ".dataframe"
"""The column of row numbers has no name."""
LINKS_OF_JUPYTER = "link-in-text-block"
"""Told from the text around them by their colour alone. On slides they are underlined."""

each_lesson = pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
each_notebook = pytest.mark.parametrize(
    "name", [*(lesson.name for lesson in lessons()), *reference_pages()], ids=str
)


@pytest.fixture(scope="session")
def axe() -> str:
    return axe_core()


@pytest.fixture
def page(browser: Any) -> Any:
    """A page that asks nobody else: an exported lesson would fetch what draws its mathematics."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.route("http*://**", lambda request: request.abort())
    yield page
    page.close()


@each_notebook
def test_an_exported_lesson_has_no_fault_of_the_kits_own(
    name: str, page: Any, axe: str, tmp_path: Path
) -> None:
    exported = tmp_path / "lesson.html"
    exported.write_text(HTMLExporter().from_filename(str(NOTEBOOKS / f"{name}.ipynb"))[0], "utf-8")
    page.goto(exported.as_uri())
    left_out = (*COLORS_OF_JUPYTER, TABLE_OF_PANDAS)
    assert faults(page, axe, exclude=left_out, without=LINKS_OF_JUPYTER) == []


@each_lesson
def test_slides_have_no_fault(lesson: Lesson, page: Any, axe: str, tmp_path: Path) -> None:
    """On the screen the first one, with the number of the slide; in the layout for a printer all of them."""
    slides = write_slides(lesson.name, tmp_path).as_uri()
    page.goto(slides)
    page.wait_for_selector(".slide-number")
    on_screen = faults(page, axe)
    page.goto(f"{slides}?print-pdf")
    page.wait_for_selector(".pdf-page")
    assert on_screen + faults(page, axe, exclude=(TABLE_OF_PANDAS,)) == []


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("<html><title>t</title><main><h1>t</h1></main>", "html-has-lang"),
        ("<html lang=en><title>t</title><main><h1>t</h1><img src='data:,'></main>", "image-alt"),
        ("<html lang=en><title>t</title><main><h1>t</h1><h3>t</h3></main>", "heading-order"),
        ("<html lang=en><title>t</title><main><h1>t</h1><a href=x></a></main>", "link-name"),
        (
            "<html lang=en><title>t</title><main><h1>t</h1><p style='color:#999'>told</p></main>",
            "color-contrast",
        ),
    ],
)
def test_the_check_sees_a_fault(fault: str, rule: str, page: Any, axe: str) -> None:
    page.set_content(fault)
    assert [each.partition(":")[0] for each in faults(page, axe)] == [rule]
