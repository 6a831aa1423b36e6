"""The pages of the website as Sphinx reads them: made from the kit's own files, of which none is run or changed.

pages() holds each page by its place; write(folder) puts them there. A page has the place that its notebook has in
`notebooks`, so that links between notebooks stay as they are.
"""

import re
from pathlib import Path
from typing import Any

import nbformat

import reference
from course_lib.school.kit_files import EXERCISES, NOTEBOOKS, ROOT, TEACHING
from course_lib.school.lessons.course import lessons, reference_pages, word_list
from first_page import first_page
from notebook_pages import exercises_page, lesson_page

PICTURES = NOTEBOOKS / "pictures"
LINK = re.compile(r"\[([^\]]+)\]\((?!https?://|#)([^)#]+)(#[^)]*)?\)")

Pages = dict[str, str | bytes]


def pages() -> Pages:
    """Each page, and each picture, by its place under the source folder."""
    found: Pages = {lesson.file: lesson_page(NOTEBOOKS / lesson.file) for lesson in lessons()}
    found |= {f"{name}.ipynb": lesson_page(NOTEBOOKS / f"{name}.ipynb") for name in reference_pages()}
    found |= {f"exercises/{path.name}": exercises_page(path) for path in _notebooks(EXERCISES)}
    found |= {f"teaching/{path.name}": path.read_text("utf-8") for path in sorted(TEACHING.glob("*.md"))}
    found |= {f"library/{name}.md": reference.module_page(name) for name in reference.modules()}
    found["library/index.md"] = reference.library_page()
    found["library/lab.md"] = reference.lab_page(_code_of_notebooks())
    found["words.md"] = f"# Words\n\n{word_list().plain}\n"
    found |= {f"pictures/{path.name}": path.read_bytes() for path in sorted(PICTURES.glob("*.png"))}
    start, stuck = _readme("Start"), _readme("When you are stuck")
    found["run_it_yourself.md"] = f"# Run it yourself\n\n{start}\n\n## When you are stuck\n\n{stuck}\n"
    found["teaching/index.md"] = f"# For teachers\n\n{_readme('For teachers', top='../')}\n"
    found["index.md"] = first_page(list(found))
    return {place: _without_other_files(page, place, found) for place, page in found.items()}


def write(folder: Path) -> None:
    """Write the pages; what has not changed keeps its time, so that Sphinx need not read it again."""
    made = {folder / place: _bytes(page) for place, page in pages().items()}
    for old in [path for path in folder.rglob("*") if path.is_file() and path not in made]:
        old.unlink()
    for path, page in made.items():
        if not path.is_file() or path.read_bytes() != page:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(page)


def jupyterlab_anchor(title: str) -> str:
    """The address that JupyterLab gives a heading; links in the notebooks use it."""
    return title.replace(" ", "-")


def _notebooks(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.ipynb"))


def _code_of_notebooks() -> list[str]:
    paths = [*_notebooks(NOTEBOOKS), *_notebooks(EXERCISES)]
    return [cell.source for path in paths for cell in _read(path).cells if cell.cell_type == "code"]


def _read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def _bytes(page: str | bytes) -> bytes:
    return page.encode() if isinstance(page, str) else page


def _readme(title: str, *, top: str = "") -> str:
    """A section of the README, its headings a level higher, for a page from which `top` leads to the first one.

    Raises ValueError where there is none.
    """
    text = (ROOT / "README.md").read_text("utf-8")
    found = re.search(rf"^## {title}\n+(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"README.md has no section {title!r}")
    text = re.sub(r"^###", "##", found[1], flags=re.MULTILINE).strip()
    return LINK.sub(lambda link: f"[{link[1]}]({top}{_from_notebooks(link[2])}{link[3] or ''})", text)


def _from_notebooks(target: str) -> str:
    """A link of the README as it is written in the folder `notebooks`."""
    inside = target.removeprefix("notebooks/")
    return inside if inside != target else f"../{target}"


def _without_other_files(page: str | bytes, place: str, known: Pages) -> str | bytes:
    """Where a page names a file or a folder of the kit that is no page, its name stands without a link."""
    if isinstance(page, bytes) or not place.endswith(".md"):
        return page
    folder = (NOTEBOOKS / place).parent
    names = {(NOTEBOOKS / each).resolve() for each in known}

    def shown(link: re.Match[str]) -> str:
        there = (folder / link[2]).resolve()
        return link[1] if there.exists() and there not in names else link[0]

    return LINK.sub(shown, page)
