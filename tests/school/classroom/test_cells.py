"""Marked cells that are missing, copied or changed in what was handed in are told in plain words."""

from pathlib import Path

from classrooms import ANSWERS, Round, answered, hand_in, notebook, place

from course_lib.school import classroom
from course_lib.school.classroom.cells import Part, oddities


def test_a_part_says_what_it_is() -> None:
    assert str(Part("a", "answer", "", "07.1")) == "07.1: the answer cell"
    assert str(Part("s", "setup", "")) == "the setup cell"


def test_deleted_and_copied_cells_are_explained(whole_round: Round) -> None:
    twice = "stands there 2 times, as after splitting or pasting it."
    assert whole_round.told_of("ben") == [
        "the setup cell is missing. It is put back for grading.",
        f"07.2: the answer cell {twice} All of them are run, so the last one counts.",
        f"07.2: the check cell {twice} The last one is graded.",
        "07.3: the answer cell is missing. What stands in other cells is run and graded all the same.",
        "07.3: the check cell is missing. It is put back for grading.",
    ]
    assert (whole_round.told_of("Anna_Berg"), whole_round.told_of("chris")) == ([], [])


def test_a_changed_check_and_a_code_cell_made_text_are_told(folder: Path, handed_in: Path) -> None:
    cells = answered(ANSWERS)
    cells[place(cells, "07-1-check")]["source"] = "pass"
    at = place(cells, "07-2-answer")
    cells[at] = {key: cells[at][key] for key in ("id", "metadata", "source")} | {"cell_type": "markdown"}
    hand_in(handed_in, "anna/x.ipynb", notebook(cells))
    assert [notice.told for notice in classroom.collect(folder, handed_in, "07").notices] == [
        "07.1: the check cell was changed. The original is graded.",
        "07.2: the answer cell is no code cell any more. It is graded as code.",
    ]


def test_line_ends_and_the_composition_of_letters_are_no_change() -> None:
    parts = {"a": Part("a", "check", "x = 'é'\ny = 1\n")}
    marked = {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": "a"}}}
    assert list(oddities([marked | {"source": "x = 'e\u0301'\r\ny = 1"}], parts)) == []
    assert len(list(oddities([marked | {"source": "x = 'e'\ny = 1"}], parts))) == 1
