"""Every lesson becomes slides that ask no other host, say all that the lesson says, and keep answers for later."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_lib.lab.course import LIST, Lesson, UnknownLesson, lessons
from course_lib.lab.slides import write_slides

LESSONS = lessons()
LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}
OF_CSS = re.compile(r"url\(\s*['\"]?(?!data:)([^)'\"]+)|@import\s+['\"]([^'\"]+)")


class Page(HTMLParser):
    """What a page loads, the text of its headings, and the text of each of its slides."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.headings: list[str] = []
        self.slides: list[str] = []
        self.depth = 0
        self.inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name == LOADS.get(tag)]
        self.headings += [""] if tag in ("h1", "h2") else []
        self.inside = [*self.inside, tag] if tag in ("h1", "h2", "style", "script", "a") else self.inside
        self.depth += tag == "section"
        self.slides += [""] if tag == "section" and self.depth == 2 else []

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "section"
        self.inside = self.inside[:-1] if self.inside[-1:] == [tag] else self.inside

    def handle_data(self, data: str) -> None:
        if self.inside[-1:] == ["style"]:
            self.loads += [first or second for first, second in OF_CSS.findall(data)]
        elif self.inside[-1:] in (["h1"], ["h2"]):
            self.headings[-1] += data
        if self.depth == 2:
            self.slides[-1] += data


def elsewhere(loads: list[str]) -> list[str]:
    """What is loaded from another host, or by a path that is not beside the page."""
    return [
        address
        for address in loads
        if not address.startswith("data:") and re.match(r"[a-z]+:|//|/|\.\.", address)
    ]


@pytest.fixture(scope="module", params=LESSONS, ids=lambda lesson: lesson.name)
def lesson(request: pytest.FixtureRequest) -> Lesson:
    found: Lesson = request.param
    return found


@pytest.fixture(scope="module")
def written(lesson: Lesson, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slides(lesson.name, tmp_path_factory.mktemp("pages") / "my slides")


@pytest.fixture(scope="module")
def page(written: Path) -> Page:
    return Page(written.read_text("utf-8"))


def prose(lesson: Lesson) -> str:
    cells: list[Any] = nbformat.read(LIST.parent / lesson.file, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_a_page_of_slides_loads_nothing_from_another_host(written: Path, page: Page) -> None:
    styles = [path.read_text("utf-8") for path in written.parent.rglob("*.css")]
    of_styles = [first or second for css in styles for first, second in OF_CSS.findall(css)]
    assert elsewhere([*page.loads, *of_styles]) == []


def test_everything_that_a_page_loads_lies_beside_it(written: Path, page: Page) -> None:
    beside = [address for address in page.loads if not address.startswith("data:")]
    assert "reveal.js/dist/reveal.js" in beside
    assert [address for address in beside if not (written.parent / address).is_file()] == []


def test_every_heading_of_the_lesson_begins_a_slide(lesson: Lesson, page: Page) -> None:
    headings = re.findall(r"^#{1,2} (.+)$", prose(lesson), flags=re.MULTILINE)
    assert [title.removesuffix("¶") for title in page.headings] == headings
    assert [
        title for title in headings if not any(slide.strip().startswith(title) for slide in page.slides)
    ] == []


def test_a_slide_never_shows_a_question_and_its_answer(page: Page) -> None:
    asking = [slide for slide in page.slides if "= predict(" in slide]
    assert asking
    assert [slide for slide in asking if "The answer:" in slide] == []


def test_slides_say_nothing_to_a_learner_at_a_keyboard(page: Page) -> None:
    assert not re.search("You made no guess|Put your answer in place", "".join(page.slides))


def test_a_mermaid_drawing_is_told_in_words(tmp_path: Path) -> None:
    text = write_slides("02_models", tmp_path).read_text("utf-8")
    assert "A row of accounts holds " in text
    assert "erDiagram" not in text


def test_links_to_files_that_are_not_beside_the_slides_become_words(tmp_path: Path) -> None:
    text = write_slides("05", tmp_path).read_text("utf-8")
    assert ".ipynb" not in text
    assert "04 Repositories" in text


def test_the_lesson_itself_stays_as_it_was(tmp_path: Path) -> None:
    before = (LIST.parent / "05_transactions.ipynb").read_bytes()
    write_slides("05", tmp_path)
    assert (LIST.parent / "05_transactions.ipynb").read_bytes() == before


def test_slides_are_the_same_each_time(tmp_path: Path) -> None:
    assert write_slides("05", tmp_path / "a").read_bytes() == write_slides("05", tmp_path / "b").read_bytes()


def test_a_lesson_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownLesson, match="there is no lesson '99'; there are 00_start_here, 01_engine"):
        write_slides("99", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "<script src='https://example.org/reveal.js'></script>",
        "<link rel='stylesheet' href='//example.org/white.css'>",
        "<style>@import 'https://example.org/font.css';</style>",
        "<style>p { background: url(https://example.org/dot.png) }</style>",
        "<img src='../../picture.png'>",
    ],
)
def test_the_check_sees_what_comes_from_elsewhere(text: str) -> None:
    assert len(elsewhere(Page(text).loads)) == 1
