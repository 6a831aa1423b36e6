"""Each lesson as a learner meets it: `course lab`, Run All, on a projector with the side bar open."""

from collections.abc import Iterator

import pytest
from browsers import Browser, Notebook, Site, course_lab, expect, open_notebook

from course_lib.school.exercises.solutions import find
from course_lib.school.kit_files import NOTEBOOKS

pytestmark = pytest.mark.browser
LESSONS = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
PROJECTOR = {"width": 1024, "height": 768}
WIDER_THAN_ITS_PLACE = """() => [...document.querySelectorAll(".jp-Notebook .cm-scroller, .jp-OutputArea-output")]
    .filter(each => each.scrollWidth > each.clientWidth + 1)
    .map(each => each.innerText.slice(0, 80))"""
ERROR = "[data-mime-type='application/vnd.jupyter.error']"


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COURSE_ROWS", "100000")  # a million take a minute, and show the same
        with course_lab(tmp_path_factory.mktemp("lessons")) as site:
            yield site


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs_without_an_error_and_fits_a_projector(
    lesson: str, browser: Browser, lab: Site
) -> None:
    notebook = open_notebook(browser, lab, lesson)
    notebook.page.set_viewport_size(PROJECTOR)
    notebook.run_all()
    assert notebook.page.locator(ERROR).count() == 0
    assert notebook.page.evaluate(WIDER_THAN_ITS_PLACE) == []
    notebook.page.close()


def test_a_whole_lesson_can_be_walked_by_keyboard_alone(browser: Browser, lab: Site) -> None:
    notebook = open_notebook(browser, lab, "00_start_here.ipynb")
    cells, code_cells = (notebook.page.locator(kind).count() for kind in (".jp-Cell", ".jp-CodeCell"))
    for _ in range(cells):
        notebook.page.keyboard.press("Shift+Enter")
    notebook.wait_for_end(code_cells - 1)
    assert notebook.page.locator(ERROR).count() == 0
    notebook.page.close()


def test_an_exercise_answered_wrongly_gives_a_hint_and_then_answered_rightly_passes(
    browser: Browser, lab: Site
) -> None:
    exercise = find("01.5")
    notebook = open_notebook(browser, lab, "exercises/ex01_engine_and_sessions.ipynb")
    answer, check = 9, 10
    notebook.run(0)
    name, wrong = next(iter(exercise.wrong.items()))
    write(notebook, answer, f'{wrong}\n\n\nhint("01.5")')
    expect(notebook.output(answer)).to_contain_text("Hint 1 of 3")
    notebook.run(check)
    expect(notebook.output(check)).to_contain_text(f"01.5 not yet: {name}")
    write(notebook, answer, exercise.answer)
    notebook.run(check)
    expect(notebook.output(check)).to_contain_text("01.5 passed")
    notebook.page.close()


def write(notebook: Notebook, place: int, source: str) -> None:
    """Put other code into a cell, and run it."""
    notebook.edit(place)
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.insert_text(source)
    notebook.run(place)
