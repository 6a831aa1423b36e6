"""The picture at the top of the README: a prediction of lesson 00 and an exercise of lesson 07, run and photographed.

python tests/first_look.py

writes it anew, for light pages and dark ones, and prints its alt text. That takes Playwright and a browser.
"""

import shutil
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from course_lib.school.exercises.solutions import find
from course_lib.school.kit_files import NOTEBOOKS

PICTURES = {theme: NOTEBOOKS / "pictures" / f"first_look_{theme}.png" for theme in ("light", "dark")}
LESSON, PREDICTION, GUESS = "00_start_here.ipynb", "loop_cost", "4"
EXERCISE, MISTAKE = "07.1", "N+1"
SEEN_FROM = 1
"""The cell that prepares stands before what is shown."""
LETTER, AROUND = 8, 48  # pixels
LOOK = """
main { padding: 12px; }
.jp-Notebook { padding: 0 !important; }
.jp-InputPrompt, .jp-OutputPrompt, .jp-Collapser { display: none !important; }
"""


def run() -> list[Any]:
    """The four cells as a learner would have run them, with their outputs."""
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, _sources())))
    with TemporaryDirectory(prefix="course-look_") as folder:
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()
    shown: list[Any] = notebook.cells[SEEN_FROM:]
    for cell in shown:
        cell.outputs = cell.outputs[:1]  # a verdict has its evidence below it, which is a long table
    return shown


def told(cells: list[Any]) -> str:
    """The alternative text: what the cells told."""
    words = [" ".join(output.data["text/plain"].split()) for cell in cells for output in cell.outputs]
    return " ".join(["A prediction, what came of it, and the verdict on an exercise.", *words])


def photograph(cells: list[Any], theme: str, browser: Any) -> bytes:
    """The cells in the colours of JupyterLab's theme."""
    html, _ = HTMLExporter(theme=theme).from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    longest = max(len(line) for cell in cells for line in cell.source.splitlines())
    size = {"width": LETTER * longest + AROUND, "height": 800}
    page = browser.new_page(viewport=size, device_scale_factor=2)
    page.route("http*://**", lambda request: request.abort())
    page.set_content(html)
    page.add_style_tag(content=LOOK)
    taken: bytes = page.locator("main").screenshot()
    page.close()
    return taken


def _sources() -> list[str]:
    lesson = [cell.source for cell in nbformat.read(NOTEBOOKS / LESSON, as_version=4).cells]
    setup = next(source for source in lesson if "engine = await" in source)
    asks = next(source for source in lesson if source.startswith(f"{PREDICTION} = predict"))
    reveals = next(source for source in lesson if f"{PREDICTION}.reveal(" in source)
    answer = find(EXERCISE).wrong[MISTAKE]
    names = "from course_lib.models import Post, User\nfrom course_lib.school.checking import check"
    before = f"{setup}\n{names}\nfrom sqlalchemy import select\nfrom sqlalchemy.orm import selectinload"
    checks = f'await check("{EXERCISE}", {find(EXERCISE).function})'
    return [before, asks.replace("answer=None", f"answer={GUESS}"), reveals, answer, checks]


def main() -> None:
    from playwright.sync_api import sync_playwright

    cells = run()
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for theme, path in PICTURES.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(photograph(cells, theme, browser))
    print(told(cells))  # noqa: T201  it goes into the README


if __name__ == "__main__":
    main()
