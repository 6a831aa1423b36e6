"""A lesson as slides: nbconvert's exporter, with reveal.js beside the page, so that no other host is asked.

write_slides("05_transactions", Path("slides"))
"""

import re
import shutil
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from course_lib.lab.course import LIST, lesson_named
from course_lib.lab.lesson import Prediction

TEMPLATE = Path(__file__).with_name("slides.html.j2")
REVEAL = "reveal.js"
LOADED = ("dist/reveal.css", "dist/reveal.js", "dist/theme/white.css")
HEADING = re.compile(r"^(?=#{1,2} )", re.MULTILINE)
LINK_TO_A_FILE = re.compile(r"\[([^\]\n]+)\]\((?!https?:)[^)\s]+\)")


def write_slides(lesson: str, folder: Path) -> Path:
    """The slides of a lesson ("05_transactions", or "05"), as a page in `folder` that opens without a server.

    What the page loads lies beside it. Raises UnknownLesson.
    """
    import nbformat

    found = lesson_named(lesson)
    notebook = nbformat.read(LIST.parent / found.file, as_version=4)
    notebook.cells = list(_steps(notebook.cells))
    page = folder / f"{found.name}.slides.html"
    _lay_reveal(folder / REVEAL)
    page.write_text(_page(notebook, found.title), encoding="utf-8", newline="\n")
    return page


def _page(notebook: Any, title: str) -> str:
    from nbconvert import SlidesExporter

    exporter = SlidesExporter(
        raw_template=TEMPLATE.read_text("utf-8"),
        reveal_url_prefix=REVEAL,
        reveal_theme="white",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return str(page)


def _lay_reveal(target: Path) -> None:
    """Copy the three files of reveal.js that a page loads, and its licence, from the package that carries them."""
    with as_file(files("pyreveal") / "revealjs") as source:
        for name in (*LOADED, "LICENSE"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)


def _steps(cells: list[Any]) -> Iterator[Any]:
    """The cells as a slide show takes them: cut at headings, each with its place, questions asked once."""
    before = None
    for cell in (part for whole in cells for part in _parts(whole)):
        if cell.cell_type == "code":
            cell.outputs = [_shown(output) for output in cell.outputs if not _is_question(output)]
        cell.metadata["slideshow"] = {"slide_type": _place(cell, before)}
        before = cell
        yield cell


def _place(cell: Any, before: Any) -> str:
    """Each `##` begins a slide, other prose one below it; so does the answer to a prediction, and what needs room."""
    if cell.cell_type == "markdown":
        return "slide" if HEADING.match(cell.source) else "subslide"
    if before is None or before.cell_type == "markdown":
        return "-"
    is_answer = "= predict(" in before.source
    needs_room = before.outputs or any("<figure" in _html(output) for output in cell.outputs)
    return "subslide" if is_answer or needs_room else "-"


def _parts(cell: Any) -> Iterator[Any]:
    """A cell of prose, cut before each heading in it; another cell as it is."""
    from nbformat.v4 import new_markdown_cell

    if cell.cell_type != "markdown":
        yield cell
        return
    for place, text in enumerate(filter(None, HEADING.split(cell.source))):
        yield new_markdown_cell(LINK_TO_A_FILE.sub(r"\1", text).strip(), id=f"{cell.id}-{place}")


def _html(output: Any) -> str:
    return str(output.get("data", {}).get("text/html", ""))


def _is_question(output: Any) -> bool:
    """Whether it repeats the question of a prediction, which the code above it asks already."""
    return str(output.get("data", {}).get("text/markdown", "")).startswith("**Predict.**")


def _shown(output: Any) -> Any:
    """An output as a slide shows it: without links to files, and without a word about who did not guess.

    Of a Mermaid diagram it shows the words: a browser would ask another host how to draw it.
    """
    shown = output.get("data", {})
    shown.pop("text/vnd.mermaid", None)
    if "text/markdown" in shown:
        _, _, no_guess = Prediction("", (), None).reveal("?").markdown.partition("**?**.")
        text = shown["text/markdown"].replace(no_guess, "")
        shown["text/markdown"] = LINK_TO_A_FILE.sub(r"\1", text)
    return output
