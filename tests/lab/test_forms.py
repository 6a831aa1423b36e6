"""A form is for a page that draws it; to everybody else a question is the note that it always was."""

from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from nbconvert import HTMLExporter

from course_lib.lab.forms import Ask, asking
from course_lib.school.making.slides import _page

LIGHT = 'from course_lib.lab.lesson import predict\npredict("Is it on?", choices=(True, "no"), answer={});'


@pytest.fixture(scope="module")
def kernel() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def shown(kernel: BlockingKernelClient, code: str, **told: str) -> dict[str, Any]:
    """What the cell displays, if the request is `told` this about it."""
    request = kernel.session.msg("execute_request", {"code": code, "silent": False}, metadata=told)
    kernel.shell_channel.send(request)
    displayed: dict[str, Any] = {}
    while (message := kernel.get_iopub_msg(timeout=300))["content"].get("execution_state") != "idle":
        displayed |= message["content"].get("data", {}) if message["msg_type"] == "display_data" else {}
    return displayed


def test_a_page_gets_the_form_beside_the_note(kernel: BlockingKernelClient) -> None:
    displayed = shown(kernel, LIGHT.format('"no"'), cellId="here")
    assert displayed[Ask.mime] == {
        "question": "Is it on?",
        "choices": [["True", "True"], ["no", '"no"']],
        "field": "choice",
        "answer": '"no"',
    }
    assert displayed["text/plain"] == "Predict. Is it on? You say: 'no'. The next cell tells."


def test_a_program_gets_the_note_alone(kernel: BlockingKernelClient) -> None:
    assert set(shown(kernel, LIGHT.format(None))) == {"text/markdown", "text/plain"}


@pytest.mark.parametrize(
    ("question", "field"),
    [("How many rows?", "number"), ("Eight users. How many?", "number"), ("What does it hold?", "text")],
)
def test_only_a_question_for_a_number_asks_for_one(question: str, field: str) -> None:
    assert asking(question, (), None).field == field


@pytest.mark.parametrize(("answer", "code"), [("it's", '"it\'s"'), ([200, 500], "[200, 500]"), (0, "0")])
def test_an_answer_is_told_as_code_that_gives_it(answer: object, code: str) -> None:
    assert asking("Which?", (), answer).answer == code
    assert eval(code) == answer


def test_exported_pages_and_slides_show_the_note() -> None:
    data = {
        Ask.mime: {"question": "secret key"},
        "text/markdown": "**Predict.** On?",
        "text/plain": "Predict. On?",
    }
    output = nbformat.v4.new_output("display_data", data=data)
    cell = nbformat.v4.new_code_cell("ask()", outputs=[output], execution_count=1)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    for page in (HTMLExporter().from_notebook_node(notebook)[0], _page(notebook, "Title")):
        assert "<strong>Predict.</strong> On?" in page
        assert "vnd.course" not in page
        assert "secret key" not in page
