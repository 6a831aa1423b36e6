"""JupyterLab and Notebook 7 in a real browser: started for a test, looked at and clicked as a learner does.

with chromium() as browser, course_lab(folder) as site:
    site.write("try.ipynb", ["1 + 1"])
    notebook = open_notebook(browser, site, "try.ipynb")
    notebook.run(0)
    notebook.output(0).get_by_text("2").click()
"""

import json
import os
import re
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import nbformat
import pytest
from processes import assert_all_end, processes_of, started

from course_lib.school.kit_files import ROOT

EXTENSION = ROOT / "course_lib/school/program/labextension"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 120_000  # milliseconds, for a machine that has much to do

# Playwright is there only where browsers are tested.
Browser: TypeAlias = Any
Page: TypeAlias = Any
Locator: TypeAlias = Any


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. Skips the test where there is none."""
    reason = "no browser here: Playwright is missing (the dependency group `browser`)"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    with api.sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        program = own if own.exists() else next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            pytest.skip(f"no browser here: none of {', '.join(PROGRAMS)}")
        api.expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Site:
    """A Jupyter server: its folder, its address and token, and where in it a notebook is opened."""

    folder: Path
    address: str
    token: str
    path: str

    @property
    def is_lab(self) -> bool:
        return self.path.startswith("/lab")

    def page_of(self, notebook: str) -> str:
        return f"{self.address}{self.path}/{notebook}?token={self.token}&reset"  # nothing of earlier pages

    def prefer(self, plugin: str, **settings: object) -> None:
        """A learner's settings for a plugin of JupyterLab; pages that are opened later follow them."""
        address = f"{self.address}/lab/api/settings/@jupyterlab/{plugin}"
        headers = {"Authorization": f"token {self.token}"}
        httpx.put(
            address, json={"raw": json.dumps(settings)}, headers=headers, timeout=300
        ).raise_for_status()

    def write(self, name: str, cells: Sequence[str]) -> Path:
        """A notebook with these cells; those that begin with `#` and a space are Markdown."""
        new = nbformat.v4
        made = [
            new.new_markdown_cell(cell) if cell.startswith("# ") else new.new_code_cell(cell)
            for cell in cells
        ]
        path = self.folder / name
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(new.new_notebook(cells=made, metadata={"kernelspec": kernel}), path)
        return path

    def read(self, name: str) -> Any:
        return nbformat.read(self.folder / name, as_version=4)


@contextmanager
def course_lab(folder: Path) -> Iterator[Site]:
    """`course lab` on a copy of the course that is made in `folder`, with the kit's extension as it is here."""
    words = ("-m", "course_lib.school.program.cli", "lab", "--dir", "copy", "--no-browser")
    with _served(folder, words) as announced:
        address, _, rest = announced.partition("/lab/tree/")
        yield Site(folder / "copy", address, rest.rpartition("=")[2], "/lab/tree")


@contextmanager
def notebook_7(folder: Path) -> Iterator[Site]:
    """Jupyter Notebook on `folder`, with the kit's extension as it is here."""
    token = secrets.token_hex(16)
    words = (
        "-m", "notebook", "--no-browser", "--ip=127.0.0.1", "--port=8890", "--allow-root",
        f"--IdentityProvider.token={token}",
    )  # fmt: skip
    with _served(folder, words) as announced:
        yield Site(folder, announced.partition("/tree")[0], token, "/notebooks")


@contextmanager
def _served(folder: Path, words: Sequence[str]) -> Iterator[str]:
    """The address that a server announces. In the end it is stopped as by Ctrl-C, and its kernels with it."""
    shared = folder / "share/jupyter"
    shutil.copytree(EXTENSION, shared / "labextensions/course-forms")
    where = {"JUPYTER_PATH": str(shared), "JUPYTER_CONFIG_DIR": str(folder / "config")}
    with started(sys.executable, *words, folder=folder, **where) as (server, address):
        yield address
        there = processes_of(server)
        os.kill(server.pid, signal.SIGTERM)
        assert_all_end(there)


@dataclass
class Notebook:
    """A notebook in a page. Code cells are counted from 0."""

    page: Page

    def cell(self, place: int) -> Locator:
        return self.page.locator(".jp-CodeCell").nth(place)

    def output(self, place: int) -> Locator:
        return self.cell(place).locator(".jp-Cell-outputArea")

    def button(self, place: int, name: str) -> Locator:
        return self.output(place).get_by_role("button", name=name, exact=True)

    def status(self, place: int) -> Locator:
        return self.output(place).get_by_role("status")

    def source(self, place: int) -> str:
        lines = self.cell(place).locator(".cm-line").all_inner_texts()
        return "\n".join(line.rstrip("\n") for line in lines)

    def run(self, place: int) -> None:
        """Run one cell, and wait for its end."""
        self._start(lambda: self._press_in(place, "Control+Enter"), place)

    def run_all(self) -> None:
        self._start(self._choose_run_all, self.page.locator(".jp-CodeCell").count() - 1)

    def _press_in(self, place: int, keys: str) -> None:
        self.edit(place)
        self.page.keyboard.press(keys)

    def _choose_run_all(self) -> None:
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def _start(self, act: Callable[[], None], place: int) -> None:
        """Act until the cell runs, for a page that is just open may not listen yet; then wait for its end."""
        before = self.prompt(place)
        for _ in range(10):
            act()
            with suppress(AssertionError):
                expect(self._prompt(place)).not_to_have_text(before, timeout=3_000)
                break
        self.wait_for_end(place, after=before)

    def edit(self, place: int) -> None:
        self.cell(place).locator(".cm-content").click()

    def save(self) -> None:
        with self.page.expect_response(lambda reply: reply.request.method == "PUT"):
            self.page.keyboard.press("Control+s")

    def prompt(self, place: int) -> str:
        return str(self._prompt(place).inner_text()).strip()

    def _prompt(self, place: int) -> Locator:
        return self.cell(place).locator(".jp-InputPrompt")

    @contextmanager
    def ends(self, place: int) -> Iterator[None]:
        """For a block that makes a cell run: until it has run once more."""
        before = self.prompt(place)
        yield
        self.wait_for_end(place, after=before)

    def wait_for_end(self, place: int, *, after: str = "[ ]:") -> None:
        old = re.escape(after)
        expect(self._prompt(place)).to_have_text(re.compile(rf"^(?!{old}$)\[\d+\]:$"))


def open_notebook(browser: Browser, site: Site, name: str) -> Notebook:
    """A notebook in a page of its own, when its kernel is ready."""
    page = browser.new_page(viewport={"width": 1100, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.goto(site.page_of(name))
    notebook = Notebook(page)
    expect(notebook.cell(0)).to_be_visible()
    expect(
        page.get_by_text("| Idle") if site.is_lab else page.locator("[data-status='idle']")
    ).to_be_visible()
    return notebook


def expect(locator: Locator) -> Any:
    """Playwright's own: it asks again until what is claimed is so."""
    from playwright import sync_api

    return sync_api.expect(locator)
