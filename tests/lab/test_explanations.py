"""What explains a result is found by its question, and only there."""

from pathlib import Path

from course_lib.lab.explanations import explanation_of


def test_an_explanation_stands_below_its_question(tmp_path: Path) -> None:
    page = tmp_path / "01_first.md"
    page.write_text(
        "# Of lesson 01\n\n## How many?\n\nTwo: `a` and `b`.\n\nSo it is.\n\n## And now?\n\nOne.\n", "utf-8"
    )
    assert explanation_of("How many?", tmp_path) == "Two: `a` and `b`.\n\nSo it is."
    assert explanation_of("And now?", tmp_path) == "One."


def test_a_question_of_ones_own_has_no_explanation(tmp_path: Path) -> None:
    assert explanation_of("How many?", tmp_path) == ""
