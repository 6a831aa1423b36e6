"""Every lesson's questions are found as they stand there."""

import re
from pathlib import Path

import nbformat
import pytest

from course_lib.school.lessons.course import Lesson, lessons
from course_lib.school.lessons.questions import Question, questions, questions_in

FOLDS = """
Answer in your head, then open the answer.

<details><summary>1. What does <code>await</code> do?</summary>It waits: <code>a &lt; b</code> &amp; more.</details>

Some words between.

<details><summary>12. Is it
`so`?</summary>

Yes. <b>Always.</b>
</details>
"""


def test_a_question_is_what_stands_in_the_summary_and_its_answer_what_is_folded() -> None:
    assert questions_in("07_eager_loading", FOLDS) == [
        Question("07?1", "07_eager_loading", "What does `await` do?", "It waits: `a < b` & more."),
        Question("07?2", "07_eager_loading", "Is it\n`so`?", "Yes. Always."),
    ]


def test_only_the_section_before_the_start_is_read(tmp_path: Path) -> None:
    late = "<details><summary>What to expect</summary>Two.</details>"
    prose = ["# Title", f"## Before you start\n\n{FOLDS}", f"## Try it\n\n{late}", late]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(each) for each in prose])
    nbformat.write(notebook, tmp_path / "07_eager_loading.ipynb")

    assert [question.id for question in questions(tmp_path)] == ["07?1", "07?2"]


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_each_lesson_has_three_questions_with_answers(lesson: Lesson) -> None:
    found = [question for question in questions() if question.lesson == lesson.name]

    assert [question.id for question in found] == [f"{lesson.number}?{place}" for place in (1, 2, 3)]
    for question in found:
        assert question.text.endswith("?")
        assert question.answer.endswith(".")
        assert not re.search(r"</?\w+>|^\d\.", question.text + question.answer)
