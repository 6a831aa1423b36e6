"""In the table of anomalies each cell opens its steps, as wide as the table, by mouse and by keyboard."""

from collections.abc import Callable

import pytest
from browsers import Notebook, expect

pytestmark = pytest.mark.browser
MEASURE = """from course_lib.db import create_session_factory
from course_lib.lab.anomalies import measure
from course_lib.lab.databases import open_database

engine = await open_database("sqlite")
sessions = create_session_factory(engine)
levels = {f"way {number}": sessions for number in range(6)}
await measure(levels)"""
LAST_OF_ITS_ROW = 5
INSIDE = """element => {
    const [inner, outer] = [element, element.closest("table")].map(each => each.getBoundingClientRect());
    return inner.left >= outer.left && inner.right <= outer.right + 1 && inner.width > outer.width / 2;
}"""


def test_a_cell_opens_by_mouse_and_by_keyboard_and_shuts_the_other_of_its_row(
    opened: Callable[..., Notebook],
) -> None:
    notebook = opened(MEASURE)
    notebook.run(0)
    summaries, steps = (notebook.output(0).locator(kind) for kind in ("summary", "details > div"))
    expect(steps.first).to_be_hidden()

    summaries.nth(LAST_OF_ITS_ROW).click()
    expect(steps.nth(LAST_OF_ITS_ROW)).to_contain_text("left: 1=12 2=22")
    expect(steps.nth(LAST_OF_ITS_ROW)).to_be_visible()
    assert steps.nth(LAST_OF_ITS_ROW).evaluate(INSIDE)

    summaries.first.focus()
    notebook.page.keyboard.press("Enter")
    expect(steps.first).to_be_visible()
    expect(steps.nth(LAST_OF_ITS_ROW)).to_be_hidden()
    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Space")
    expect(steps.nth(1)).to_be_visible()
    assert notebook.page.locator(".jp-CodeCell").count() == 1
