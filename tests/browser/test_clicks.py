"""A click in a form writes into the code of the cell and runs it; the keyboard can do all that a hand can."""

from collections.abc import Callable
from pathlib import Path

import pytest
from browsers import Browser, Locator, Notebook, Site, expect, notebook_7, open_notebook

pytestmark = pytest.mark.browser
Opened = Callable[..., Notebook]
IMPORT = "from course_lib.lab.lesson import predict"
LIGHT = 'light = predict("Is the light `on`?", choices=("on", "off"), answer=None)'
MANY = """many = predict(
    "How many statements?",
    answer=None,
)"""


def test_a_click_answers_a_prediction(opened: Opened) -> None:
    notebook = opened(IMPORT, LIGHT, 'light.reveal("off")')
    notebook.run_all()
    with notebook.ends(1):
        notebook.button(1, "off").click()
    assert notebook.source(1) == LIGHT.replace("None", '"off"')
    expect(notebook.button(1, "off")).to_have_attribute("aria-pressed", "true")
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text("You said off, and that is right")


def test_another_click_changes_the_answer(opened: Opened) -> None:
    notebook = opened(IMPORT, LIGHT.replace("None", "'on'"))
    notebook.run_all()
    with notebook.ends(1):
        notebook.button(1, "off").click()
    assert notebook.source(1) == LIGHT.replace("None", '"off"')


@pytest.mark.parametrize(("typed", "written"), [("3", "3"), ("-0.50", "-0.5")])
def test_enter_in_the_number_field_answers(opened: Opened, typed: str, written: str) -> None:
    notebook = opened(IMPORT, MANY)
    notebook.run_all()
    field = notebook.output(1).get_by_role("spinbutton", name="Your number")
    field.fill(typed)
    with notebook.ends(1):
        field.press("Enter")
    assert notebook.source(1) == MANY.replace("None", written)
    expect(field).to_have_value(written)
    expect(field).to_be_focused()


@pytest.mark.parametrize(("typed", "written"), [('a "red" one', r'"a \"red\" one"'), ("99,500", "99500")])
def test_a_question_for_neither_takes_a_text(opened: Opened, typed: str, written: str) -> None:
    ask = 'rest = predict("What does account 1 hold?", answer=None)'
    notebook = opened(IMPORT, ask)
    notebook.run_all()
    notebook.output(1).get_by_role("textbox", name="Your answer").fill(typed)
    with notebook.ends(1):
        notebook.button(1, "Answer").click()
    assert notebook.source(1) == ask.replace("None", written)


def test_an_empty_field_changes_nothing(opened: Opened) -> None:
    notebook = opened(IMPORT, MANY)
    notebook.run_all()
    notebook.button(1, "Answer").click()
    expect(notebook.status(1)).to_have_text("Write a number first.")
    assert notebook.source(1) == MANY


def test_each_question_of_a_cell_finds_its_own_answer(opened: Opened) -> None:
    notebook = opened(IMPORT, f"{LIGHT}\n{MANY}")
    notebook.run_all()
    field = notebook.output(1).get_by_role("spinbutton")
    field.fill("3")
    with notebook.ends(1):
        field.press("Enter")
    with notebook.ends(1):
        notebook.button(1, "on").click()
    written = f"{LIGHT.replace('None', chr(34) + 'on' + chr(34))}\n{MANY.replace('None', '3')}"
    assert notebook.source(1) == written


def test_a_call_without_answer_is_left_alone(opened: Opened) -> None:
    ask = LIGHT.replace(", answer=None", "")
    notebook = opened(IMPORT, f"{ask}\n{MANY}")
    notebook.run_all()
    notebook.button(1, "on").click()
    expect(notebook.status(1).first).to_contain_text("Write your answer into the cell")
    assert notebook.source(1) == f"{ask}\n{MANY}"


def test_the_keyboard_answers_and_no_key_reaches_the_notebook(opened: Opened) -> None:
    notebook = opened(IMPORT, LIGHT)
    notebook.run_all()
    notebook.button(1, "on").focus()
    notebook.page.keyboard.press("b")  # adds a cell, where the notebook hears it
    notebook.page.keyboard.press("Tab")
    with notebook.ends(1):
        notebook.page.keyboard.press("Enter")
    assert notebook.source(1) == LIGHT.replace("None", '"off"')
    expect(notebook.button(1, "off")).to_be_focused()
    assert notebook.page.locator(".jp-CodeCell").count() == 2


def test_ctrl_z_in_the_cell_takes_the_answer_back(opened: Opened) -> None:
    notebook = opened(IMPORT, LIGHT)
    notebook.run_all()
    with notebook.ends(1):
        notebook.button(1, "off").click()
    notebook.edit(1)
    notebook.page.keyboard.press("Control+z")
    assert notebook.source(1) == LIGHT


def test_a_saved_notebook_shows_the_answer_before_anything_runs(opened: Opened, lab: Site) -> None:
    notebook = opened(IMPORT, LIGHT)
    notebook.run_all()
    with notebook.ends(1):
        notebook.button(1, "off").click()
    notebook.save()
    again = opened(name=Path(notebook.page.url).name)
    expect(again.button(1, "off")).to_have_attribute("aria-pressed", "true")
    expect(again.button(1, "on")).to_have_attribute("aria-pressed", "false")


def test_a_reader_hears_the_question_as_the_name_of_the_group(opened: Opened) -> None:
    notebook = opened(IMPORT, LIGHT.replace("None", '"off"'))
    notebook.run_all()
    group = notebook.output(1).get_by_role("group", name="Predict. Is the light on?")
    expect(group.get_by_role("button", name="off", pressed=True)).to_be_visible()
    expect(notebook.status(1)).to_have_text("You say: off. The next cell tells.")


def test_markup_in_a_question_stays_text(opened: Opened) -> None:
    notebook = opened(IMPORT, 'predict("Is <b class=bold>it</b>?", choices=("<i>", "no"), answer=None)')
    notebook.run_all()
    expect(notebook.button(1, "<i>")).to_be_visible()
    expect(notebook.output(1).locator(".bold")).to_have_count(0)


def test_a_click_answers_in_notebook_7(browser: Browser, tmp_path: Path) -> None:
    with notebook_7(tmp_path) as site:
        site.write("try.ipynb", [IMPORT, LIGHT])
        notebook = open_notebook(browser, site, "try.ipynb")
        notebook.run(0)
        notebook.run(1)
        with notebook.ends(1):
            notebook.button(1, "off").click()
        assert notebook.source(1) == LIGHT.replace("None", '"off"')
        notebook.page.close()


ORDER = '''def right_order():
    """The letters in their order, with spaces between them."""
    # Your code here, in place of the next line.
    raise NotImplementedError'''
CHECK = (
    "from course_lib.school.checking import check",
    ORDER,
    'await check("05.3", right_order)',
)


def written(notebook: Notebook) -> str:
    """What stands in place of the last line of the answer."""
    return notebook.source(1).removeprefix(ORDER.removesuffix("raise NotImplementedError"))


def line(notebook: Notebook, letter: str) -> Locator:
    return notebook.output(2).locator(f"[data-letter={letter}] button")


def letters(notebook: Notebook, label: str) -> list[str]:
    inside = notebook.output(2).get_by_role("list", name=label).get_by_role("listitem")
    return [str(each.get_attribute("data-letter")) for each in inside.all()]


@pytest.fixture
def sorting(opened: Opened) -> Notebook:
    """The exercise 05.3, not attempted yet."""
    notebook = opened(*CHECK)
    notebook.run_all()
    expect(notebook.output(2)).to_contain_text("05.3 not attempted")
    return notebook


def test_what_is_not_attempted_shows_its_lines(sorting: Notebook) -> None:
    assert letters(sorting, "Your order") == []
    assert letters(sorting, "Left out") == list("ABCDEFG")
    assert line(sorting, "B").inner_text() == "Bawait session.commit()"


def test_clicks_build_an_order_that_the_check_reads(sorting: Notebook) -> None:
    for letter in "FDCEGBA":
        line(sorting, letter).click()
    assert written(sorting) == 'return "F D C E G B A"'
    assert letters(sorting, "Left out") == []
    with sorting.ends(2):
        sorting.button(2, "Check this order").click()
    expect(sorting.output(2)).to_contain_text("05.3 passed")
    assert letters(sorting, "Your order") == list("FDCEGBA")


def test_the_keyboard_takes_in_moves_and_leaves_out(sorting: Notebook) -> None:
    press = sorting.page.keyboard.press
    line(sorting, "A").focus()
    press("Enter")  # A
    press("ArrowDown")  # to B, the first that is left out
    press("Enter")  # A B
    press("ArrowDown")
    press("Alt+ArrowUp")  # A B C
    press("Alt+ArrowUp")
    expect(line(sorting, "C")).to_be_focused()
    expect(sorting.status(2)).to_have_text("C is line 2 of 3 in your order.")
    assert written(sorting) == 'return "A C B"'
    press("Enter")
    expect(sorting.status(2)).to_have_text("C is left out.")
    assert written(sorting) == 'return "A B"'


def test_when_all_is_left_out_nothing_is_attempted(sorting: Notebook) -> None:
    line(sorting, "A").click()
    line(sorting, "A").click()
    assert written(sorting) == "raise NotImplementedError"


def test_lines_are_dragged_into_and_inside_the_order(sorting: Notebook) -> None:
    mouse = sorting.page.mouse

    def drag(letter: str, target: Locator) -> None:
        line(sorting, letter).scroll_into_view_if_needed()
        start, end = line(sorting, letter).bounding_box(), target.bounding_box()
        mouse.move(start["x"] + 40, start["y"] + start["height"] / 2)
        mouse.down()
        mouse.move(end["x"] + 40, start["y"] - 8)
        mouse.move(end["x"] + 40, end["y"] + 4, steps=4)
        mouse.up()

    drag("D", sorting.output(2).get_by_role("list", name="Your order"))
    drag("B", line(sorting, "D"))
    assert written(sorting) == 'return "B D"'
    drag("D", line(sorting, "B"))
    assert written(sorting) == 'return "D B"'
    expect(sorting.status(2)).to_have_text("D is line 1 of 2 in your order.")


def test_ctrl_z_in_the_answer_takes_a_move_back_and_the_form_follows(sorting: Notebook) -> None:
    line(sorting, "A").click()
    sorting.edit(1)
    sorting.page.keyboard.press("Control+z")
    assert written(sorting) == "raise NotImplementedError"
    assert letters(sorting, "Your order") == []


def test_an_order_in_the_code_is_shown(opened: Opened) -> None:
    notebook = opened(CHECK[0], ORDER.replace("raise NotImplementedError", "return ['b', 'A']"), CHECK[2])
    notebook.run_all()
    assert letters(notebook, "Your order") == ["B", "A"]


def test_without_a_function_to_fill_in_nothing_is_written(opened: Opened) -> None:
    notebook = opened(CHECK[0], "right_order = lambda: 'A'", CHECK[2])
    notebook.run_all()
    line(notebook, "B").click()
    expect(notebook.status(2)).to_contain_text("No cell above has right_order")
    assert notebook.source(1) == "right_order = lambda: 'A'"


STEPS = (
    '''from sqlalchemy import update

from course_lib.db import WRITE_LOCK_FIRST, create_session_factory
from course_lib.lab.databases import open_database
from course_lib.lab.interleave import interleave
from course_lib.models import Account

engine = await open_database("sqlite")
sessions = create_session_factory(engine.execution_options(**WRITE_LOCK_FIRST))


async def pay(session):
    await session.execute(update(Account).values(balance=Account.balance + 1))
    yield "pays"
    await session.commit()
    yield "commits"''',
    'await interleave(sessions, {"A": pay, "B": pay}, order="", stop=True)',
)
A, B, BACK, ANEW = "A does a step", "B does a step", "one back", "start again"


@pytest.fixture
def stepping(opened: Opened) -> Notebook:
    notebook = opened(*STEPS)
    notebook.run_all()
    return notebook


def press(notebook: Notebook, *names: str) -> None:
    for name in names:
        with notebook.ends(1):
            notebook.button(1, name).click()


def test_each_button_lets_its_transaction_do_a_step(stepping: Notebook) -> None:
    press(stepping, A, B)
    assert stepping.source(1) == STEPS[1].replace('""', '"A B"')
    expect(stepping.output(1).get_by_role("cell", name="waits for A")).to_be_visible()
    expect(stepping.button(1, B)).to_be_disabled()
    expect(stepping.button(1, B)).to_have_attribute("title", "B: waits for A")
    expect(stepping.status(1)).to_have_text("A open, B waits for A.")
    press(stepping, A)
    expect(stepping.output(1).get_by_role("cell", name="… goes on: pays")).to_be_visible()


def test_a_step_is_taken_back_and_all_begins_again(stepping: Notebook) -> None:
    expect(stepping.button(1, BACK)).to_be_disabled()
    expect(stepping.button(1, ANEW)).to_be_disabled()
    press(stepping, A, B, BACK)
    assert stepping.source(1) == STEPS[1].replace('""', '"A"')
    press(stepping, ANEW)
    assert stepping.source(1) == STEPS[1]
    expect(stepping.output(1)).to_contain_text("No step yet: A not begun, B not begun")


def test_the_keyboard_steps_on_from_the_button_it_pressed(stepping: Notebook) -> None:
    stepping.button(1, A).focus()
    for order in ('"A"', '"A A"'):
        with stepping.ends(1):
            stepping.page.keyboard.press("Enter")
        expect(stepping.button(1, A)).to_be_focused()
        assert stepping.source(1) == STEPS[1].replace('""', order)


def test_an_order_that_the_code_makes_is_left_alone(opened: Opened) -> None:
    computed = STEPS[1].replace('""', "str()")
    notebook = opened(STEPS[0], computed)
    notebook.run_all()
    notebook.button(1, A).click()
    expect(notebook.status(1)).to_contain_text('Write order="A" into the cell')
    assert notebook.source(1) == computed


def test_forms_and_their_tables_grow_with_the_page(opened: Opened, lab: Site) -> None:
    large = {"theme": "JupyterLab Dark", "overrides": {"content-font-size1": "20px"}}
    lab.prefer("apputils-extension:themes", **large)
    notebook = opened(*STEPS)
    lab.prefer("apputils-extension:themes")
    notebook.run_all()
    for part in ("caption", "th", "button"):
        size = notebook.output(1).locator(part).first
        expect(size).to_have_css("font-size", "20px")
