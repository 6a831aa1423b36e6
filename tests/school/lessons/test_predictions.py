"""A learner predicts before seeing: nothing around a question gives its answer away before the cell that reveals it."""

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_lib.lab import explanations
from course_lib.lab.explanations import sections
from course_lib.lab.guesses import NUMBERS
from course_lib.school.kit_files import NOTEBOOKS
from course_lib.school.learner.merging import without_outputs
from course_lib.school.lessons.predictions import FOLDED, Asked, fold, predictions

LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
EACH_LESSON = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
REVEALED = re.compile(r"The answer: \*\*(.*?)\*\*\.", re.DOTALL)
PROSE_BEHIND = 2
"""So many cells of prose behind a reveal stand on the same screen, on a projector of 1024 by 768."""


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def asked_in(notebook: Any) -> list[Asked]:
    return list(predictions(notebook))


def answer(notebook: Any, asked: Asked) -> str:
    """What the committed notebook reveals, as a page shows it."""
    outputs = notebook.cells[asked.reveals].outputs
    shown = "\n".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
    return str(REVEALED.findall(shown)[_place_among_reveals(notebook, asked)])


def _place_among_reveals(notebook: Any, asked: Asked) -> int:
    together = [other for other in asked_in(notebook) if other.reveals == asked.reveals]
    source = notebook.cells[asked.reveals].source
    return sorted(together, key=lambda each: source.index(f"{each.name}.reveal(")).index(asked)


def around(notebook: Any, asked: Asked) -> list[tuple[str, str]]:
    """What a learner may read before the reveal: prose before, between and behind, code's comments, texts and name."""
    before = [cell for cell in notebook.cells[max(0, asked.asks - 1) : asked.asks] if is_prose(cell)]
    between = notebook.cells[asked.asks : asked.reveals + 1]
    behind = [cell for cell in notebook.cells[asked.reveals + 1 :] if is_prose(cell)][:PROSE_BEHIND]
    named = [("name", asked.name.replace("_", " "))]
    prose = [(cell.id, cell.source) for cell in (*before, *filter(is_prose, between), *behind)]
    comments = [(cell.id, said) for cell in between for said in re.findall(r"#\s(.*)", code_of(cell))]
    return named + prose + comments + [(cell.id, texts_in(cell)) for cell in between]


def texts_in(cell: Any) -> str:
    """What its code holds as text, such as a caption, but for the questions that it asks."""
    tree = ast.parse(code_of(cell))
    asks = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "predict"
    ]
    own = {id(inner) for ask in asks for inner in ast.walk(ask)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in own]
    return " | ".join(node.value for node in texts if isinstance(node.value, str))


def is_prose(cell: Any) -> bool:
    return bool(cell.cell_type == "markdown")


def code_of(cell: Any) -> str:
    return "" if is_prose(cell) else str(cell.source)


def gives_away(text: str, answer: str, choices: Sequence[object] = ()) -> bool:
    """Whether the text says the answer: alone among the choices, or as a number or its word.

    "One" and "no" have other meanings: they count where a sentence begins with them.
    """
    if answer in ("True", "False") or any(
        _says(text, str(choice)) for choice in choices if str(choice) != answer
    ):
        return False
    return _says(text, answer) or any(_says(text, word) for word in words_for(answer))


def words_for(answer: str) -> list[str]:
    if not re.fullmatch(r"\d+", answer):
        return []
    return [word for word, number in NUMBERS.items() if number == int(answer)]


def _says(text: str, words: str) -> bool:
    begins = r"(?:^|[.:?!*]\s+)" if words in ("one", "once", "no") else r"(?<![\w.,])"
    return re.search(rf"{begins}{re.escape(words.lower())}(?!\w|[.,]\d)", text.lower()) is not None


@EACH_LESSON
def test_each_question_has_an_explanation_and_each_explanation_a_question(lesson: Path) -> None:
    asked = [each.question for each in predictions(read(lesson))]
    assert [*sections(explanations.FOLDER / f"{lesson.stem}.md")] == asked


@EACH_LESSON
def test_nothing_that_a_learner_reads_before_the_reveal_says_the_answer(lesson: Path) -> None:
    notebook = read(lesson)
    early = [
        f"{cell} says {answer(notebook, asked)!r}, the answer to {asked.question!r}"
        for asked in predictions(notebook)
        for cell, text in around(notebook, asked)
        if gives_away(text, answer(notebook, asked), asked.choices)
    ]
    assert not early, "\n".join(early)


@EACH_LESSON
def test_what_stands_between_a_question_and_its_reveal_is_folded_in_the_committed_lesson(
    lesson: Path,
) -> None:
    notebook = read(lesson)
    assert fold(read(lesson)) == notebook


@EACH_LESSON
def test_nothing_is_folded_in_a_learners_copy(lesson: Path) -> None:
    cells = without_outputs(read(lesson)).cells
    assert not [
        cell.id for cell in cells if "jupyter" in cell.metadata or FOLDED in cell.metadata.get("tags", ())
    ]


def small_lesson(*behind: str) -> Any:
    ask = new_code_cell('many = predict("How many?", answer=None)')
    look = new_code_cell("sent = look()")
    reveal = new_code_cell("many.reveal(len(sent))", metadata={"tags": ["nbval-ignore-output"]})
    return new_notebook(cells=[ask, look, reveal, *map(new_markdown_cell, behind)])


def test_outputs_are_folded_from_the_question_to_its_reveal_and_no_further() -> None:
    asks, looks, reveals, last = fold(small_lesson("And on.")).cells
    assert looks.metadata == {"jupyter": {"outputs_hidden": True}, "tags": [FOLDED]}
    assert reveals.metadata["tags"] == ["nbval-ignore-output", FOLDED]
    assert not asks.metadata
    assert not last.metadata


def test_a_question_is_never_folded() -> None:
    first, second = (
        new_code_cell(f'{name} = predict("How many?", answer=None)') for name in ("many", "more")
    )
    reveals = new_code_cell("display(many.reveal(1), more.reveal(2))")
    cells = fold(new_notebook(cells=[first, second, reveals])).cells
    assert [FOLDED in cell.metadata.get("tags", ()) for cell in cells] == [False, False, True]


def test_a_question_that_nothing_reveals_is_named() -> None:
    notebook = new_notebook(cells=[new_code_cell('many = predict("How many?", answer=None)')])
    with pytest.raises(ValueError, match="no cell reveals many"):
        fold(notebook)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It sent two statements.", "2"),
        ("All 24.", "24"),
        ("Twice.", "2"),
        ("One. So it is.", "1"),
        ("So it waits.", "it waits"),
    ],
)
def test_an_answer_in_the_prose_is_noticed(text: str, answer: str) -> None:
    notebook = small_lesson(text)
    (asked,) = predictions(notebook)
    assert [cell for cell, said in around(notebook, asked) if gives_away(said, answer)] == [
        notebook.cells[3].id
    ]


@pytest.mark.parametrize(
    ("text", "answer"),
    [("Lesson 02 says why.", "2"), ("At 2.5 s.", "2"), ("In one go.", "1"), ("On.", "none")],
)
def test_other_words_give_nothing_away(text: str, answer: str) -> None:
    assert not gives_away(text, answer)


def test_who_names_all_the_choices_gives_none_away() -> None:
    assert gives_away("SQLite takes it.", "sqlite", ("sqlite", "postgresql"))
    assert not gives_away("We ask SQLite and PostgreSQL.", "sqlite", ("sqlite", "postgresql"))
