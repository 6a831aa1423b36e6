"""Whoever reads a notebook elsewhere, in mail or on a page that cleans HTML, sees tables and pictures, no mark-up."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import MarkdownExporter
from nbconvert.preprocessors.sanitize import SanitizeHTML
from traitlets.config import Config

from course_lib.school.kit_files import NOTEBOOKS

KEPT = [
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "div", "span", "blockquote", "pre", "code"),
    *("b", "i", "em", "strong", "s", "sub", "sup", "ins", "del", "mark", "small", "kbd", "q", "abbr", "a"),
    *("ol", "ul", "li", "dl", "dt", "dd", "details", "summary", "figure", "figcaption", "picture", "img"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"),
]
"""What GitHub keeps of HTML that others wrote; everything else is taken for text, or out."""
TWINS = ["image/svg+xml", "image/png", "text/markdown"]
STYLE = re.compile(r"<style.*?</style>", re.DOTALL)  # pandas writes one, and every page knows that

notebooks = sorted([*NOTEBOOKS.rglob("[0-9][0-9]_*.ipynb"), *NOTEBOOKS.glob("[a-z]*.ipynb")])
each_notebook = pytest.mark.parametrize(
    "notebook", notebooks, ids=lambda path: path.relative_to(NOTEBOOKS).as_posix()
)


class Words(HTMLParser):
    """The text that a reader sees on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen = ""
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.seen += data


def outputs(notebook: Path) -> list[Any]:
    cells = nbformat.read(notebook, as_version=4).cells
    return [output for cell in cells for output in cell.get("outputs", ()) if "data" in output]


def html_of(notebook: Path) -> list[str]:
    found = [output.data["text/html"] for output in outputs(notebook) if "text/html" in output.data]
    return [STYLE.sub("", html) for html in found]


def cleaned(html: str) -> str:
    return str(SanitizeHTML(tags=KEPT, attributes=["alt", "scope", "href"]).sanitize_html_tags(html))


def markup_in(markdown: str) -> list[str]:
    """HTML in an exported page, apart from that of a list that opens on request; code is no mark-up."""
    prose = re.sub(r"^```.*?^```|`[^`]*`|^    .*?$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"</?(?!details|summary)[a-z]\w*[ >]", prose)


def outputs_as_markdown(notebook: Path) -> str:
    """The outputs alone, as an exporter shows them that prefers what needs no HTML."""
    page = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(outputs=[output]) for output in outputs(notebook)]
    )
    rank = {"NbConvertBase": {"display_data_priority": [*TWINS, "text/html", "text/plain"]}}
    exporter = MarkdownExporter(exclude_input=True, config=Config(rank))
    return str(exporter.from_notebook_node(page)[0])


@each_notebook
def test_cleaned_html_still_says_what_it_said(notebook: Path) -> None:
    spoilt = [html[:80] for html in html_of(notebook) if Words(cleaned(html)).seen != Words(html).seen]
    assert spoilt == []


@each_notebook
def test_every_table_and_picture_has_a_twin_without_html(notebook: Path) -> None:
    shown = [
        output.data for output in outputs(notebook) if "dataframe" not in output.data.get("text/html", "")
    ]
    assert [
        data["text/plain"] for data in shown if "text/html" in data and not data.keys() & set(TWINS)
    ] == []


@each_notebook
def test_a_page_of_twins_has_no_markup(notebook: Path) -> None:
    if not any("dataframe" in html for html in html_of(notebook)):
        assert markup_in(outputs_as_markdown(notebook)) == []


@pytest.mark.parametrize("html", ["<svg><text>told</text></svg>", "<table><colgroup></colgroup></table>"])
def test_the_check_sees_what_a_cleaned_page_shows_as_markup(html: str) -> None:
    assert Words(cleaned(html)).seen != Words(html).seen


def test_the_check_sees_markup_in_markdown() -> None:
    assert markup_in("| a |\n\n<caption style='x'>b</caption>") == ["<caption ", "</caption>"]
    assert markup_in("`<b>` and\n```\n<i>\n```\n<details><summary>a</summary>") == []
