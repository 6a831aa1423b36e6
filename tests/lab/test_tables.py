"""A table reads the same on a page and in a terminal."""

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


def test_a_column_of_code_is_set_as_code_on_the_page_alone() -> None:
    table = Table("Sent", ("statement", "rows"), [("SELECT 1 < 2", 1), ("", 0)], code=["statement"])
    assert "<code>SELECT 1 &lt; 2</code></td>" in table._repr_html_()
    assert table._repr_html_().count("<code>") == 1
    assert "code" not in repr(table)


def test_a_table_without_rows_still_says_what_it_is() -> None:
    assert repr(Table(caption="Nobody", columns=("name",), rows=[])).startswith("Nobody\nname")
