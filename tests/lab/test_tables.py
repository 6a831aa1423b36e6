"""A table reads the same on a page and in a terminal."""

import re
from html import unescape

from nbconvert.filters.markdown_mistune import markdown2html_mistune

from course_lib.lab.tables import Table

PEOPLE = Table(
    caption="Two people", columns=("name", "posts"), rows=[("mira", 3), ("<b>", 0)], notes=["All of them."]
)


def test_the_text_has_caption_columns_rows_and_notes() -> None:
    assert repr(PEOPLE).splitlines() == [
        "Two people",
        "name  posts",
        "────  ─────",
        "mira  3",
        "<b>   0",
        "All of them.",
    ]


def test_the_page_escapes_what_it_shows() -> None:
    assert "&lt;b&gt;" in PEOPLE._repr_html_()
    assert "<b>" not in PEOPLE._repr_html_()


def test_the_page_has_a_caption_and_a_scope_for_each_column() -> None:
    assert "Two people</caption>" in PEOPLE._repr_html_()
    assert PEOPLE._repr_html_().count('scope="col"') == 2


def test_the_letters_of_the_page_are_as_large_as_those_around_it() -> None:
    assert PEOPLE._repr_html_().startswith('<table style="font-size:inherit">')


def test_a_column_of_code_is_set_as_code_on_the_page() -> None:
    table = Table("Sent", ("statement", "rows"), [("SELECT 1 < 2", 1), ("", 0)], code=["statement"])
    assert "<code>SELECT 1 &lt; 2</code></td>" in table._repr_html_()
    assert table._repr_html_().count("<code>") == 1
    assert "code" not in repr(table)


def test_a_column_of_code_keeps_its_signs_in_markdown() -> None:
    table = Table("Sent", ("statement", "rows"), [("SELECT *\n  FROM a || b", 1)], code=["statement"])
    assert r"| `SELECT * FROM a \|\| b` | 1 |" in table._repr_markdown_()


def test_a_table_without_rows_still_says_what_it_is() -> None:
    assert repr(Table(caption="Nobody", columns=("name",), rows=[])).startswith("Nobody\nname")


def test_the_markdown_has_caption_columns_rows_and_notes() -> None:
    assert PEOPLE._repr_markdown_().split("\n\n") == [
        "**Two people**",
        "| name | posts |\n| --- | --- |\n| mira | 3 |\n| &lt;b&gt; | 0 |",
        "All of them.",
    ]


def test_the_markdown_shows_each_letter_of_what_the_cells_hold() -> None:
    hard = r"a|b *c* _d_ `e` [f](g) ~h~ $1 \n & x_y <i>" + "\nend"
    table = Table(caption=hard, columns=(hard, "two"), rows=[(hard, hard)], notes=[hard])
    page = page_of(table._repr_markdown_())
    assert page.count(" ".join(hard.split())) == 5
    assert page.count("two") == 1


def page_of(markdown: str) -> str:
    """What a reader of the page sees."""
    html = markdown2html_mistune(markdown)
    return unescape(re.sub(r"<[^>]+>", "", html))
