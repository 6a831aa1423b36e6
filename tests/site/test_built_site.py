"""The built website in a real browser, from a file server and from its folder: `course test site` runs these.

The kit is copied into a folder with a space in its name, and `make site` builds it there, in this kit's `.venv-site`.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from axe import axe_core, faults
from browsers import Browser, Page, expect
from processes import outside_make

from course_lib.school.kit_files import ROOT

pytestmark = pytest.mark.site

ENVIRONMENT = ".venv-site"
COPIED = ("course_lib", "notebooks", "README.md", "Makefile", "pyproject.toml")
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 400, "height": 800}
LESSON = "07_eager_loading.html"
WORD, WORD_IN = "sourdough", "07 Load what you need, once"
"""A word that the lesson's outputs have and its text has not."""
LOOKED_AT = (
    "index.html", "00_start_here.html", "06_isolation.html", LESSON, "08_pagination.html", "words.html",
    "exercises/ex07_eager_loading.html", "library/pagination.html", "library/lab.html",
    "teaching/07_eager_loading.html", "teaching/index.html", "run_it_yourself.html", f"search.html?q={WORD}",
)  # fmt: skip
OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"
WIDER = """
["html", "body", ".content"].filter(name => {
  const element = document.querySelector(name);
  return element.scrollWidth > element.clientWidth;
})
"""
PAINTED = "element => getComputedStyle(element).backgroundColor"


def make(folder: Path, target: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["make", target], cwd=folder, env=outside_make(), capture_output=True, text=True)


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("make") is None:
        pytest.skip("no make here")
    installed = make(ROOT, "install-site")
    assert installed.returncode == 0, installed.stderr
    kit = tmp_path_factory.mktemp("folder") / "a kit"
    kit.mkdir()
    (kit / ENVIRONMENT).symlink_to(ROOT / ENVIRONMENT)
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, kit / name)
    return kit


@pytest.fixture(scope="session")
def site(kit: Path) -> Path:
    """The folder of the built pages; a warning of Sphinx is an error."""
    built = make(kit, "site")
    assert built.returncode == 0, built.stdout + built.stderr
    assert "WARNING" not in built.stderr
    return kit / ".site/html"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A plain file server, and its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session", params=["http", "file"])
def address(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    if request.param == "file":
        yield f"{site.as_uri()}/"
    else:
        with served(site) as address:
            yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport=WIDE, color_scheme="light")
    yield page
    page.close()


class Links(HTMLParser):
    """What a built page names: its links, the anchors in it, and what it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.loads: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found["id"]} if "id" in found else set()
        self.links += [found["href"]] if tag == "a" and "href" in found else []
        self.loads += [found["src"]] if "src" in found else []
        self.loads += [found["href"]] if tag == "link" and "href" in found else []

    def handle_data(self, data: str) -> None:
        self.text += data


def read(site: Path) -> dict[str, Links]:
    return {path.as_uri(): Links(path.read_text("utf-8")) for path in site.rglob("*.html")}


def dead_links(site: Path) -> list[str]:
    pages = read(site)
    dead = []
    for here, page in pages.items():
        for link in page.links + page.loads:
            there, anchor = urldefrag(urljoin(here, link))
            if not there.startswith("file:"):
                continue
            missing = not Path(unquote(urlsplit(there).path)).is_file()
            if missing or (anchor and unquote(anchor) not in pages[there].anchors):
                dead.append(f"{here}: {link}")
    return dead


def test_every_link_leads_somewhere(site: Path) -> None:
    assert dead_links(site) == []


@pytest.mark.parametrize("link", ["none.html", "#none", "there.html#none"])
def test_a_link_that_leads_nowhere_is_seen(link: str, tmp_path: Path) -> None:
    (tmp_path / "here.html").write_text(f'<a href="{link}">on</a><a href="there.html#there">well</a>')
    (tmp_path / "there.html").write_text('<p id="there">')
    assert dead_links(tmp_path) == [f"{(tmp_path / 'here.html').as_uri()}: {link}"]


def test_no_page_holds_a_line_of_a_solution(site: Path, secret: set[str]) -> None:
    assert [(place, line) for place, page in read(site).items() for line in secret if line in page.text] == []


def test_no_link_is_left_to_a_notebook(site: Path) -> None:
    links = [link for page in read(site).values() for link in page.links]
    assert [link for link in links if re.search(r"\.(ipynb|md)\b", link)] == []


def test_a_second_build_changes_nothing(site: Path, kit: Path) -> None:
    def state() -> dict[Path, tuple[int, str]]:
        pages = {*site.rglob("*.html")} - {site / "search.html"}  # Sphinx writes that one each time
        return {path: (path.stat().st_mtime_ns, sha256(path.read_bytes()).hexdigest()) for path in pages}

    before = state()
    assert make(kit, "site").returncode == 0
    assert state() == before


def test_a_changed_lesson_changes_its_page_alone(site: Path, kit: Path) -> None:
    lesson = kit / "notebooks/09_services.ipynb"
    before, whole = lesson.read_text("utf-8"), (site / LESSON).read_bytes()
    lesson.write_text(before.replace("## Where it breaks", "## Where it breaks, as said anew"), "utf-8")
    assert make(kit, "site").returncode == 0
    assert "as said anew" in (site / "09_services.html").read_text("utf-8")
    assert (site / LESSON).read_bytes() == whole
    lesson.write_text(before, "utf-8")
    assert make(kit, "site").returncode == 0


def test_a_dead_link_ends_the_build_and_is_named(kit: Path, site: Path) -> None:
    teaching = kit / "notebooks/teaching/09_services.md"
    before = teaching.read_text("utf-8")
    teaching.write_text(f"{before}\n[nowhere](../99_nothing.ipynb)\n", "utf-8")
    failed = make(kit, "site")
    teaching.write_text(before, "utf-8")
    assert failed.returncode != 0
    assert "99_nothing.ipynb" in failed.stderr
    assert make(kit, "site").returncode == 0


def test_no_page_asks_another_host(address: str, site: Path, browser: Browser) -> None:
    page = browser.new_page(viewport=WIDE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in sorted(site.rglob("*.html")):
        page.goto(address + path.relative_to(site).as_posix())
    page.close()
    assert len(asked) > len(LOOKED_AT)
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


def test_search_finds_a_word_of_an_output(address: str, page: Page) -> None:
    page.goto(f"{address}index.html")
    page.get_by_role("textbox", name="Search").fill(WORD)
    page.keyboard.press("Enter")
    page.locator("#search-results").get_by_role("link", name=WORD_IN).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(WORD_IN)


def test_search_quotes_no_answer_and_works_without_an_error(address: str, page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda said: errors.append(said.text) if "favicon" not in said.location["url"] else None
    )
    page.goto(f"{address}search.html?q=deadlock")
    found = page.locator("#search-results")
    expect(found.get_by_role("link", name="06 Let two transactions meet")).to_be_visible()
    expect(found.get_by_text("Search finished")).to_be_visible()
    expect(found).not_to_contain_text("The answer:")
    assert errors == []


def test_what_came_of_a_prediction_is_closed_until_somebody_opens_it(address: str, page: Page) -> None:
    page.goto(address + LESSON)
    answer = page.get_by_text("The answer: an error.")
    expect(answer).not_to_be_visible()
    page.get_by_text("Guess first.").first.click()
    expect(answer).to_be_visible()
    page.get_by_text("Close it again").first.click()
    expect(answer).not_to_be_visible()


def test_hints_open_one_by_one(address: str, page: Page) -> None:
    page.goto(f"{address}exercises/ex07_eager_loading.html")
    expect(page.get_by_text("A skeleton:").first).not_to_be_visible()
    page.get_by_text("07.1: hint 3 of 3").click()
    expect(page.get_by_text("A skeleton:").first).to_be_visible()


def test_the_way_leads_from_lesson_to_lesson(address: str, page: Page) -> None:
    page.goto(address + LESSON)
    page.locator(".next-page").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("08 ")
    page.locator(".prev-page").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("07 ")


def test_the_first_page_shows_the_kit_in_one_screen(address: str, page: Page) -> None:
    page.goto(f"{address}index.html")
    box: Any = page.locator(".first-screen").bounding_box()
    assert box["y"] + box["height"] <= WIDE["height"]
    for shown in ("img.only-light", "table", ".verdict"):
        expect(page.locator(f".first-screen {shown}")).to_be_visible()


def test_the_dark_theme_is_dark_and_figures_stay_white(address: str, page: Page) -> None:
    page.goto(address + LESSON)
    while page.locator("body").get_attribute("data-theme") != "dark":
        page.locator(".content-icon-container .theme-toggle").click()
    assert lightness(page.locator("body").evaluate(PAINTED)) < 40
    assert lightness(page.locator("figure img[src^='data:image/png']").first.evaluate(PAINTED)) == 255


def lightness(color: str) -> int:
    return min(int(number) for number in re.findall(r"\d+", color)[:3])


@pytest.mark.parametrize("place", LOOKED_AT)
def test_nothing_is_wider_than_a_phone(place: str, address: str, browser: Browser) -> None:
    page = browser.new_page(viewport=NARROW)
    page.goto(address + place)
    page.evaluate(OPEN_ALL)
    too_wide = page.evaluate(WIDER)
    page.close()
    assert too_wide == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_no_fault(theme: str, size: dict[str, int], site: Path, browser: Browser) -> None:
    axe = axe_core()
    found = {}
    for place in LOOKED_AT:
        page = browser.new_page(viewport=size, color_scheme=theme)
        page.goto(f"{site.as_uri()}/{place}")
        page.evaluate(OPEN_ALL)
        found[place] = faults(page, axe)
        page.close()
    assert {place: each for place, each in found.items() if each} == {}
