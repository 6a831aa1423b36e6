"""The first page: in one screen what the kit does, taken from what README, lessons and checks show anyway."""

import re
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import nbformat

import reference
from course_lib.school.exercises.solutions import exercises
from course_lib.school.kit_files import NOTEBOOKS, ROOT, SOLUTIONS
from course_lib.school.lessons.course import lessons, reference_pages, table_of_lessons
from course_lib.school.lessons.predictions import FOLDED

TEMPLATE = Path(__file__).with_name("index.md")
README_BEGINS = re.compile(r"\A# .*?\n+(?P<lead>.*?)\n+<picture>.*? alt=\"(?P<picture>[^\"]+)\"", re.DOTALL)
INTERLEAVING = "Order "
VERDICT = "✗ **06.2 not yet: looked first.**"
"""Of all that checks say in the solutions, this stands on the first page."""


def first_page(places: list[str]) -> str:
    """`places` are those of all other pages; its tables of contents list them."""
    return Template(TEMPLATE.read_text("utf-8")).substitute(
        _readme_begins(),
        interleaving=_interleaving(),
        many=len(exercises()),
        verdict=_verdict(),
        table=table_of_lessons().markdown,
        lessons="\n".join(f"{lesson.title} <{lesson.name}>" for lesson in lessons()),
        pages="\n".join(f"{name.capitalize()} <{name}>" for name in reference_pages()),
        exercises=_listed(places, "exercises"),
        library="\n".join(f"library/{name}" for name in reference.modules()),
        teaching=_listed(places, "teaching"),
    )


def _readme_begins() -> dict[str, str]:
    """What the README says first, and the words beside its picture."""
    found = README_BEGINS.match((ROOT / "README.md").read_text("utf-8"))
    if found is None:
        raise ValueError("README.md does not begin with a title, what it is about, and a picture")
    return found.groupdict()


def _listed(places: list[str], folder: str) -> str:
    """The pages of a folder but its first: those of a lesson by the lesson's name, others by their own title."""
    titles = {lesson.name: lesson.title for lesson in lessons()}
    names = [Path(place).stem for place in places if Path(place).parent.name == folder]
    known = {name: titles.get(name.removeprefix("ex")) for name in names if name != "index"}
    return "\n".join(
        f"{title} <{folder}/{name}>" if title else f"{folder}/{name}" for name, title in known.items()
    )


def _interleaving() -> str:
    """The first one that a lesson shows openly, as its page shows it."""
    for output in _outputs(NOTEBOOKS / lesson.file for lesson in lessons()):
        if output.get("text/plain", "").startswith(INTERLEAVING):
            return str(output["text/html"])
    raise ValueError("no lesson shows an interleaving")


def _verdict() -> str:
    """The words of a check to a wrong answer, never the answer."""
    for output in _outputs(sorted(SOLUTIONS.glob("*.ipynb"))):
        if output.get("text/markdown", "").startswith(VERDICT):
            return str(output["text/markdown"]).partition("\n\n")[0]
    raise ValueError(f"no check says {VERDICT!r}")


def _outputs(paths: Any) -> Iterator[Any]:
    """What the notebooks show openly, form by form."""
    for path in paths:
        for cell in nbformat.read(path, as_version=4).cells:
            if FOLDED not in cell.metadata.get("tags", ()):
                yield from (output.get("data", {}) for output in cell.get("outputs", ()))
