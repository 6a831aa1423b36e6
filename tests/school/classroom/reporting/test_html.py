"""The parts of a page are HTML that is complete, and empty parts leave nothing."""

from course_lib.school.classroom.reporting.html import cell, listed, number, row, section, table, whole_page


def test_a_title_is_text_and_an_empty_part_leaves_no_line() -> None:
    page = whole_page("Anna & Ben", "", "<p>one</p>", "", "<p>two</p>")
    assert "<title>Anna &amp; Ben</title>" in page
    assert "<h1>Anna &amp; Ben</h1>\n<p>one</p>\n<p>two</p>\n</body>" in page


def test_without_rows_or_items_there_is_no_table_no_list_and_no_section() -> None:
    assert section("Exercises", table("How many", ["exercise"], []) + listed([])) == ""


def test_a_table_has_a_caption_and_a_head_for_each_column_and_row() -> None:
    made = table("How <many>", ["exercise", "met"], [row("07.1", [number(2.0), cell("<b>x</b>")])])
    assert "<caption>How &lt;many&gt;</caption>" in made
    assert '<th scope="col">exercise</th><th scope="col">met</th>' in made
    assert '<th scope="row">07.1</th><td class="number">2</td><td><b>x</b></td>' in made


def test_a_list_may_be_counted() -> None:
    assert listed(["a", "b"], "ol") == "<ol><li>a</li><li>b</li></ol>"
