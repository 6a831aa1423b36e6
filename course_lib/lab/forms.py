"""A note or a table that a page draws as a form: a click writes into the code of a cell.

The code stays the only place of an answer. Where nothing draws forms, the note or the
table is shown as it is. What draws them is the extension of JupyterLab in
course_lib/school/program/labextension: it knows these kinds by their `mime`, and reads
their fields by name.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from IPython import get_ipython

from course_lib.lab.markdown_note import Note

HOW_MANY = re.compile(r"\bhow (many|much|often)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Ask:
    """A question. A click writes `answer=…` behind it, and runs the cell.

    `choices` are pairs of a label and the code that is written for it; without them there
    is a `field` for a number, or for a text. `answer` is the code of the answer so far.
    """

    mime: ClassVar[str] = "application/vnd.course.ask+json"
    question: str
    choices: Sequence[tuple[str, str]]
    field: str
    answer: str | None


@dataclass(frozen=True)
class Sort:
    """Lettered lines to be put in order.

    A move writes `return "B A"` into the `function`, which stands in a cell above.
    """

    mime: ClassVar[str] = "application/vnd.course.sort+json"
    lines: Sequence[tuple[str, str]]
    function: str


@dataclass(frozen=True)
class Steps:
    """Transactions that stand halfway.

    A click lets one of the `open` do its next step: it adds the name to `order="…"`, and
    runs the cell. `states` tell why the others cannot.
    """

    mime: ClassVar[str] = "application/vnd.course.steps+json"
    names: Sequence[str]
    order: str
    open: Sequence[str]
    states: dict[str, str]


def drawn_as(form: Ask | Sort | Steps) -> dict[str, object]:
    """The form's entry in a MIME bundle; none where no page has sent the cell.

    JupyterLab and Notebook 7 tell which cell they run. A program that runs a notebook does
    not: for it the outputs are the same as without forms.
    """
    request: dict[str, dict[str, object]] = getattr(get_ipython(), "get_parent", dict)()
    return {form.mime: asdict(form)} if "cellId" in request.get("metadata", {}) else {}


class FormNote(Note):
    """A note that a page draws as a form."""

    def __init__(self, note: Note, form: Ask | Sort) -> None:
        super().__init__(note.markdown, plain=note.plain)
        self.form = form

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return drawn_as(self.form)


def asking(question: str, choices: Sequence[object], answer: object) -> Ask:
    field = "choice" if choices else "number" if HOW_MANY.search(question) else "text"
    labelled = [(str(choice), _code(choice)) for choice in choices]
    return Ask(question, labelled, field, None if answer is None else _code(answer))


def _code(value: object) -> str:
    """As one writes it; strings in the quotes that the formatter would choose."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
