"""The cells of a lesson as a class sees them: questions as text, vote cards, and each cell on its slide."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Any

from course_lib.lab.lesson import Prediction
from course_lib.school.lessons.vote_cards import VoteCard

HEADING = re.compile(r"^(?=#{1,2} )", re.MULTILINE)
LINK_TO_A_FILE = re.compile(r"\[([^\]\n]+)\]\((?!https?:)[^)\s]+\)")
SETUP = "Before you start"
CLOSING = "Before you leave"
SHORT, MOST_LINES = 300, 24
PREDICT, VOTE = "**Predict.**", "**Vote.**"

Part = tuple[str, Any]
"""The heading of a section, and a cell that stands in it."""


def steps(cells: Iterable[Any], cards: list[VoteCard]) -> Iterator[Any]:
    """The cells in their order, with what a class is asked between them, each with its place in a slide show."""
    parts = reduce(_with_card, cards, list(_for_a_class(cells)))
    shown = [cell for _, cell in parts]
    for before, cell, after in zip([None, *shown], shown, [*shown[1:], None], strict=False):
        cell.metadata["slideshow"] = {"slide_type": _place(cell, before, after)}
        yield cell


def _for_a_class(cells: Iterable[Any]) -> Iterator[Part]:
    """Each part of a cell with its section; without the cell that sets up, and those that close at the end."""
    section = ""
    for cell in cells:
        cell.source, closing, _ = cell.source.partition(CLOSING)
        for part in _prose(cell) if cell.cell_type == "markdown" else _code(cell):
            section = _title(part) or section
            if section != SETUP or part.cell_type == "markdown" or part.outputs:
                yield section, part
        if closing:
            return


def _with_card(parts: list[Part], card: VoteCard) -> list[Part]:
    """The parts with a card before the cell that settles it, and before the prose that leads to that cell.

    A prediction that asks the same gives way to the card.
    """
    place = next((place for place, part in enumerate(parts) if _settles(*part, card)), None)
    if place is None:
        return parts
    before = [part for part in parts[:place] if not _asks_the_same(*part, card)]
    last = before[-1][1]
    leads = last.cell_type == "markdown" and not _is_heading(last) and not _asks(last)
    vote = _asking(parts[place][1], card.question, f"{VOTE} {card.question}")
    before.insert(len(before) - leads, (card.section, vote))
    return before + parts[place:]


def _settles(section: str, cell: Any, card: VoteCard) -> bool:
    lines = [line.strip() for line in cell.source.splitlines()]
    return cell.cell_type == "code" and section == card.section and card.code in lines


def _asks_the_same(section: str, cell: Any, card: VoteCard) -> bool:
    asked = cell.metadata.get("asks")
    return section == card.section and asked is not None and asked in " ".join(card.question.split())


def _place(cell: Any, before: Any, after: Any) -> str:
    """Each `##` begins a slide, other prose one below it; so does an answer, and what needs room.

    Short prose that a heading follows has nothing to lead to: it reads the output above it, and comes there last.
    """
    if before is None or _is_heading(cell):
        return "slide"
    if _asks(before) or cell.source.startswith(VOTE):
        return "subslide"
    if _is_code(cell):
        follows_output = _is_code(before) and before.outputs
        is_figure, is_long = not cell.source, _lines(before) + _lines(cell) > MOST_LINES
        return "subslide" if is_figure or follows_output or is_long else "-"
    if _asks(cell):
        return "subslide" if _is_code(before) else "-"
    is_reading = _is_code(before) and before.source and (after is None or _is_heading(after))
    return "fragment" if is_reading and len(cell.source) < SHORT else "subslide"


def _prose(cell: Any) -> Iterator[Any]:
    """A cell of prose, cut before each heading in it."""
    from nbformat.v4 import new_markdown_cell

    for place, text in enumerate(filter(str.strip, HEADING.split(cell.source))):
        yield new_markdown_cell(LINK_TO_A_FILE.sub(r"\1", text).strip(), id=f"{cell.id}-{place}")


def _code(cell: Any) -> Iterator[Any]:
    """A cell of code; then, as a part of its own, the question it asks as text, or the figure it draws."""
    call = _cut_prediction(cell)
    figures = [output for output in cell.outputs if _is_figure(output)]
    cell.outputs = [
        _shown(output) for output in cell.outputs if not _is_figure(output) and not _is_question(output)
    ]
    if cell.source:
        yield cell
    if call:
        yield _question(cell, call)
    for place, figure in enumerate(figures):
        yield _alone(cell, figure, place)


def _cut_prediction(cell: Any) -> ast.Call | None:
    """Take `name = predict(…)` out of the code, and return the call."""
    for node in ast.parse(cell.source).body:
        match node:
            case ast.Assign(value=ast.Call(func=ast.Name(id="predict")) as call):
                lines = cell.source.splitlines()
                cell.source = "\n".join(lines[: node.lineno - 1] + lines[node.end_lineno :]).strip()
                return call
    return None


def _question(cell: Any, call: ast.Call) -> Any:
    asked = ast.literal_eval(call.args[0])
    choices = [ast.literal_eval(each.value) for each in call.keywords if each.arg == "choices"]
    listed = "".join(f"\n- {choice}" for choice in (choices[0] if choices else ()))
    return _asking(cell, asked, f"{PREDICT} {asked}\n{listed}")


def _asking(cell: Any, asked: str, text: str) -> Any:
    """What asks the class, as prose; the question stands in its metadata."""
    from nbformat.v4 import new_markdown_cell

    return new_markdown_cell(text, id=f"{cell.id}-asks", metadata={"asks": asked})


def _alone(cell: Any, figure: Any, place: int) -> Any:
    """A cell that shows a figure, and no code."""
    from nbformat.v4 import new_code_cell

    metadata = {"transient": {"remove_source": True}}
    return new_code_cell("", id=f"{cell.id}-figure-{place}", outputs=[figure], metadata=metadata)


def _title(cell: Any) -> str:
    first = cell.source.partition("\n")[0]
    return str(first.removeprefix("## ")) if cell.cell_type == "markdown" and first.startswith("## ") else ""


def _lines(cell: Any) -> int:
    """How many lines of a slide the source of a cell takes, roughly."""
    return sum(1 + len(line) // 70 for line in cell.source.splitlines())


def _is_heading(cell: Any) -> bool:
    return cell.cell_type == "markdown" and HEADING.match(cell.source) is not None


def _is_code(cell: Any) -> bool:
    return bool(cell.cell_type == "code")


def _asks(cell: Any) -> bool:
    return "asks" in cell.metadata


def _is_figure(output: Any) -> bool:
    html = output.get("data", {}).get("text/html", "")
    return "<img" in html or "<svg" in html


def _is_question(output: Any) -> bool:
    """Whether it repeats the question of a prediction, which has a place of its own."""
    return str(output.get("data", {}).get("text/markdown", "")).startswith(PREDICT)


def _shown(output: Any) -> Any:
    """An output as a slide shows it: without links to files, and without a word about who did not guess."""
    shown = output.get("data", {})
    if "text/markdown" in shown:
        _, _, no_guess = Prediction("", (), None).reveal("?").markdown.partition("**?**.")
        text = shown["text/markdown"].replace(no_guess, "")
        shown["text/markdown"] = LINK_TO_A_FILE.sub(r"\1", text)
    return output
