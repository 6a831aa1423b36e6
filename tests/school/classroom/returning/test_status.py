"""Who has handed in what, what is graded and what is returned is read off the course folder."""

import csv
import shutil
from pathlib import Path

import pytest
from classrooms import NAME, Round, answered, hand_in, notebook

from course_lib.school import classroom
from course_lib.school.classroom.returning.status import (
    COLUMNS,
    GRADED,
    HANDED_IN,
    NOT_HANDED_IN,
    RETURNED,
    standings,
    table_of,
)
from course_lib.school.program.cli import main


@pytest.fixture
def graded(whole_round: Round, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole_round.folder, tmp_path / "my class"))


def states(folder: Path) -> dict[str, str]:
    return {each.student: each.state for each in standings(folder)}


def test_each_learner_stands_somewhere_and_who_handed_nothing_in_has_no_zero(graded: Path) -> None:
    found = {each.student: each for each in standings(graded, [NAME])}
    assert {student: each.state for student, each in found.items()} == {
        "Anna_Berg": GRADED, "ben": GRADED, "chris": GRADED, "dora": HANDED_IN, "eve": GRADED, "fritz": NOT_HANDED_IN,
    }  # fmt: skip
    assert (found["chris"].points, found["eve"].points, found["fritz"].points) == (8.0, 0.0, None)
    assert (found["Anna_Berg"].name, found["Anna_Berg"].max_points) == ("Anna Berg", 10)


def test_what_is_handed_back_is_returned_until_it_is_handed_in_again(graded: Path, tmp_path: Path) -> None:
    packed = classroom.hand_back(graded, "07")
    assert (states(graded)["ben"], packed.waiting) == (RETURNED, ["dora"])
    hand_in(tmp_path / "again", f"ben/{NAME}.ipynb", notebook(answered({})))
    classroom.collect(graded, tmp_path / "again", "07")
    assert (states(graded)["ben"], states(graded)["chris"]) == (HANDED_IN, RETURNED)
    assert "ben" in classroom.hand_back(graded, "07").waiting


def test_a_page_made_anew_is_not_the_one_that_was_returned(graded: Path) -> None:
    classroom.hand_back(graded, "07")
    page = graded / "feedback" / "ben" / NAME / f"{NAME}.html"
    page.write_text(page.read_text("utf-8") + "<!-- a comment -->", encoding="utf-8")
    assert (states(graded)["ben"], states(graded)["chris"]) == (GRADED, RETURNED)


def test_the_table_has_a_line_for_each_learner_and_a_count(graded: Path) -> None:
    lines = table_of(standings(graded)).splitlines()
    assert lines[1].split("  ")[0] == "Anna Berg"
    assert [line for line in lines if line.startswith("fritz")] == ["fritz      not handed in"]
    assert lines[-1] == "07: 5 of 6 handed in, 4 graded, 0 returned"


def test_the_command_writes_the_same_for_a_spreadsheet(
    graded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = graded / "status.csv"
    assert main(["class", "status", str(graded), "7", "--csv", str(file)]) == 0
    rows = [*csv.DictReader(file.read_text("utf-8-sig").splitlines())]
    assert [*rows[0]] == COLUMNS
    assert [row["state"] for row in rows if row["student"] == "dora"] == [HANDED_IN]
    assert "chris      graded 8/10" in capsys.readouterr().out


def test_a_folder_without_a_class_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["class", "status", str(folder)]) == 1
    assert "nobody has handed anything in yet" in capsys.readouterr().err
