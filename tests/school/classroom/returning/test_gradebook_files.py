"""Moodle and Canvas get their own columns; a row is filled only for whom it is, and nobody is forgotten silently."""

import csv
import shutil
from pathlib import Path

import pytest
from classrooms import NAME, Round

from course_lib.school.classroom import ClassroomError
from course_lib.school.classroom.returning.gradebook_files import CANVAS, MOODLE, fill, write
from course_lib.school.classroom.who_is_who import Person, remember
from course_lib.school.program.cli import main

WORKSHEET = """Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",\
"Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 11","Anna Berg",a@s.test,"Submitted for grading",,10.00,Yes,"Sunday, 1 March, 12:00",-,"<p>""Good""</p>"
"Participant 12","Anna Berg",b@s.test,"Submitted for grading",,10.00,Yes,-,-,
"Participant 13","Ben",c@s.test,"Submitted for grading",3.00,10.00,Yes,-,-,
"Participant 14","Gerda Lund",d@s.test,"No submission",,10.00,Yes,-,-,
"""
EXPORT = """Student,ID,SIS User ID,SIS Login ID,Section,07 Eager loading (4711),Current Score
    Points Possible,,,,,10.0,(read only)
"Berg, Anna",501,,anna,A,,50
"Chris",502,,chris,A,,
"Ben",503,,ben,A,9,
"""


@pytest.fixture
def graded(whole_round: Round, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(whole_round.folder, tmp_path / "my class"))
    (folder / "names.json").unlink()
    people = {
        "Anna_Berg": Person("Anna Berg", "Moodle", "12"),
        "ben": Person("Ben"),
        "chris": Person("Chris", "Canvas", "502"),
        "eve": Person("eve"),
    }
    remember(folder, people, {})
    return folder


def rows_of(path: Path, separator: str = ",") -> list[list[str]]:
    return [*csv.reader(path.read_text("utf-8-sig").splitlines(), delimiter=separator)]


def test_a_worksheet_of_moodle_gets_the_points_by_number_and_by_a_name_that_is_there_once(
    graded: Path, tmp_path: Path
) -> None:
    exported = tmp_path / "worksheet.csv"
    exported.write_text(WORKSHEET, encoding="utf-8")
    written = fill(graded, "07", MOODLE, exported)
    before, after = rows_of(exported), rows_of(written.path)
    assert [row[4] for row in after] == ["Grade", "", "10", "0", ""]
    assert [[*row[:4], *row[5:]] for row in after] == [[*row[:4], *row[5:]] for row in before]
    assert (written.learners, written.left_out) == (2, ["Chris", "eve"])
    assert exported.read_text("utf-8") == WORKSHEET


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_gradebook_of_canvas_gets_the_points_in_the_column_of_the_lesson(
    graded: Path, tmp_path: Path, separator: str
) -> None:
    exported = tmp_path / "grades.csv"
    rows = [*csv.reader(EXPORT.splitlines())]
    with exported.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    written = fill(graded, "07", CANVAS, exported)
    assert [row[5] for row in rows_of(written.path, separator)] == [
        "07 Eager loading (4711)",
        "10.0",
        "10",
        "8",
        "0",
    ]
    assert written.left_out == ["eve"]


def test_two_of_one_name_without_a_number_get_nothing(graded: Path, tmp_path: Path) -> None:
    exported = tmp_path / "worksheet.csv"
    exported.write_text(WORKSHEET.replace("Gerda Lund", "BEN"), encoding="utf-8")
    written = fill(graded, "07", MOODLE, exported)
    assert "Ben" in written.left_out
    assert [row[4] for row in rows_of(written.path)] == ["Grade", "", "10", "3.00", ""]


def test_in_another_language_the_teacher_names_the_column(graded: Path, tmp_path: Path) -> None:
    exported = tmp_path / "worksheet.csv"
    german = (
        WORKSHEET.replace("Identifier", "ID").replace("Grade,", "Bewertung,", 1).replace("Full name", "Name")
    )
    exported.write_text(german.replace("Participant", "Teilnehmer/in"), encoding="utf-8")
    with pytest.raises(
        ClassroomError, match=r"no columns 'grade' .*ID, Name, .*Name the right one with --column"
    ):
        fill(graded, "07", MOODLE, exported)
    assert [row[4] for row in rows_of(fill(graded, "07", MOODLE, exported, column="Bewertung").path)][
        2
    ] == "10"


def test_a_file_of_our_own_has_the_columns_that_the_importers_ask_for(graded: Path) -> None:
    moodle, canvas = (rows_of(write(graded, "07", kind).path) for kind in (MOODLE, CANVAS))
    assert moodle[0] == ["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)"]
    assert moodle[1][:4] == ["Participant 12", "Anna Berg", "10", "10"]
    assert canvas[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "07 Eager loading"]
    assert canvas[1] == ["    Points Possible", "", "", "", "", "10"]
    assert canvas[2:] == [["Chris", "502", "", "", "", "8"]]


def test_what_is_no_table_is_refused_by_its_name(graded: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("x.csv", "none.csv"):
        with pytest.raises(ClassroomError, match=f"{name} cannot be read as a table"):
            fill(graded, "07", MOODLE, tmp_path / name)


def test_the_command_says_who_is_left_out(graded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["class", "status", str(graded), "07", "--moodle"]) == 0
    assert "Not in it, since nothing says which line is theirs: Ben, Chris, eve." in capsys.readouterr().out
    assert main(["class", "status", str(graded), "--canvas"]) == 1
    assert "takes the points of one lesson: name it" in capsys.readouterr().err
    assert (graded / "reports" / NAME / "points_for_moodle.csv").is_file()
