"""A lesson as slides: nbconvert's exporter, with reveal.js beside the page, so that no other host is asked.

write_slides("05_transactions", Path("slides"))
"""

import shutil
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from course_lib.school.kit_files import NOTEBOOKS
from course_lib.school.lessons.course import lesson_named
from course_lib.school.lessons.vote_cards import vote_cards
from course_lib.school.making.slide_steps import steps

TEMPLATE = Path(__file__).with_name("slides.html.j2")
REVEAL = "reveal.js"
LOADED = ("dist/reveal.css", "dist/reveal.js", "dist/theme/white.css")


def write_slides(lesson: str, folder: Path) -> Path:
    """The slides of a lesson ("05_transactions", or "05"), as a page in `folder` that opens without a server.

    What the page loads lies beside it. Raises UnknownLesson.
    """
    import nbformat

    found = lesson_named(lesson)
    notebook = nbformat.read(NOTEBOOKS / found.file, as_version=4)
    notebook.cells = list(steps(notebook.cells, vote_cards(found)))
    page = folder / f"{found.name}.slides.html"
    _lay_reveal(folder / REVEAL)
    page.write_text(_page(notebook, found.title), encoding="utf-8", newline="\n")
    return page


def _page(notebook: Any, title: str) -> str:
    page, _ = _exporter().from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return str(page)


@cache
def _exporter() -> Any:
    """One for all lessons: to read its templates takes as long as to write a short page."""
    from nbconvert import SlidesExporter

    return SlidesExporter(
        raw_template=TEMPLATE.read_text("utf-8"),
        reveal_url_prefix=REVEAL,
        reveal_theme="white",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )


def _lay_reveal(target: Path) -> None:
    """Copy the three files of reveal.js that a page loads, and its licence, from the package that carries them."""
    with as_file(files("pyreveal") / "revealjs") as source:
        for name in (*LOADED, "LICENSE"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)
