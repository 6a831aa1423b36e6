"""Every lesson becomes slides that ask no other host, say all that the lesson says, and keep answers for later."""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_lib.school.kit_files import NOTEBOOKS
from course_lib.school.lessons.course import Lesson, UnknownLesson, lesson_named, lessons
from course_lib.school.lessons.vote_cards import VoteCard, vote_cards
from course_lib.school.making.slide_steps import steps
from course_lib.school.making.slides import write_slides

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


def cells_of(lesson: Lesson) -> list[Any]:
    cells: list[Any] = nbformat.read(NOTEBOOKS / lesson.file, as_version=4).cells
    return cells


def prose(lesson: Lesson) -> str:
    return "\n\n".join(cell.source for cell in cells_of(lesson) if cell.cell_type == "markdown")


def questions_of(lesson: Lesson) -> list[str]:
    """The question of each prediction of a lesson."""
    source = "\n".join(cell.source for cell in cells_of(lesson) if cell.cell_type == "code")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    asking = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "predict"]
    return [ast.literal_eval(call.args[0]) for call in asking]


def plain(markdown: str) -> str:
    """Words as a page shows them: without marks, and with single blanks."""
    return " ".join(re.sub(r"[`*]|^- ", "", markdown, flags=re.MULTILINE).split())


def place_of(words: str, page: Page) -> int:
    """The first slide that shows these words."""
    return next(place for place, slide in enumerate(page.slides) if plain(words) in plain(slide))


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


def test_each_question_is_asked_as_text_and_not_as_code(lesson: Lesson, page: Page) -> None:
    asked = plain(" ".join(page.slides))
    assert [question for question in questions_of(lesson) if plain(question) not in asked] == []
    assert "predict(" not in asked


def test_a_slide_never_shows_a_question_and_its_answer(page: Page) -> None:
    asking = [
        slide for slide in page.slides if re.search(r"^\s*(Predict|Vote)\. ", slide, flags=re.MULTILINE)
    ]
    assert asking
    assert [slide for slide in asking if "The answer:" in slide] == []


def test_each_vote_stands_before_the_cell_that_settles_it(lesson: Lesson, page: Page) -> None:
    for card in vote_cards(lesson):
        section = place_of(card.section, page)
        settled = [slide for slide in range(section, len(page.slides)) if card.code in page.slides[slide]]
        assert section <= place_of(f"Vote. {card.question}", page) < settled[0]


def test_a_vote_shows_four_choices_and_no_answer(lesson: Lesson, page: Page) -> None:
    votes = [slide for slide in page.slides if slide.strip().startswith("Vote.")]
    assert len(votes) == (0 if lesson.number == "00" else 2)
    assert [re.findall(r"^\s*([A-Z]) ", vote, flags=re.MULTILINE) for vote in votes] == [[*"ABCD"]] * len(
        votes
    )
    assert "Right is" not in "".join(page.slides)


def test_what_sets_up_and_what_closes_is_left_out(page: Page) -> None:
    before_you_start = next(slide for slide in page.slides if slide.strip().startswith("Before you start"))
    assert "import" not in before_you_start
    assert not re.search(r"Before you leave|dispose\(\)\s*$", "".join(page.slides))


def test_the_right_arrow_goes_through_every_slide(written: Path) -> None:
    assert 'navigationMode: "linear"' in written.read_text("utf-8")


def small_lesson() -> list[Any]:
    """A section with a prediction, the prose that leads to its answer, and the cell that answers."""
    from nbformat.v4 import new_code_cell, new_markdown_cell

    return [
        new_markdown_cell("## Count"),
        new_code_cell('n = 2\nhow_many = predict("How many?", choices=(1, 2), answer=None)'),
        new_markdown_cell("We count:"),
        new_code_cell("how_many.reveal(n)"),
    ]


def test_a_prediction_leaves_the_rest_of_its_cell() -> None:
    shown = [cell.source for cell in steps(small_lesson(), [])]
    assert shown == [
        "## Count",
        "n = 2",
        "**Predict.** How many?\n\n- 1\n- 2",
        "We count:",
        "how_many.reveal(n)",
    ]


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("How many?", ["## Count", "n = 2", "**Vote.** How many?", "We count:"]),
        (
            "Odd or even?",
            ["## Count", "n = 2", "**Predict.** How many?\n\n- 1\n- 2", "**Vote.** Odd or even?"],
        ),
    ],
)
def test_a_prediction_gives_way_to_a_card_that_asks_the_same(question: str, shown: list[str]) -> None:
    card = VoteCard(question, code="how_many.reveal(n)", section="Count")
    assert [cell.source for cell in steps(small_lesson(), [card])][:4] == shown


def test_a_figure_has_a_slide_of_its_own() -> None:
    figures = [cell for cell in steps(cells_of(lesson_named("07")), []) if cell.id.endswith("-figure-0")]
    assert [cell.metadata["slideshow"]["slide_type"] for cell in figures] == ["subslide"]
    assert "<figure" in figures[0].outputs[0].data["text/html"]


def test_slides_say_nothing_to_a_learner_at_a_keyboard(page: Page) -> None:
    assert not re.search("You made no guess|Put your answer in place", "".join(page.slides))


def test_a_drawing_is_shown_with_its_words(tmp_path: Path) -> None:
    text = write_slides("02_models", tmp_path).read_text("utf-8")
    assert re.search(r'<img alt="A row of accounts holds [^"]+" src="data:image/svg', text)


def test_links_to_files_that_are_not_beside_the_slides_become_words(tmp_path: Path) -> None:
    text = write_slides("05", tmp_path).read_text("utf-8")
    assert ".ipynb" not in text
    assert "04 Repositories" in text


def test_the_lesson_itself_stays_as_it_was(tmp_path: Path) -> None:
    before = (NOTEBOOKS / "05_transactions.ipynb").read_bytes()
    write_slides("05", tmp_path)
    assert (NOTEBOOKS / "05_transactions.ipynb").read_bytes() == before


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
