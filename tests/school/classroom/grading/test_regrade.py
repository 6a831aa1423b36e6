"""Grading all again tells whose verdicts have changed, keeps what a teacher gave, and goes on after an interruption."""

import csv
import json
from pathlib import Path

import pytest
from classrooms import NAME, points_in, submit
from nbgrader.api import Gradebook

from course_lib.school import classroom
from course_lib.school.program.cli import main

CHECK = "07-1-check"
pytestmark = pytest.mark.usefixtures("one_worker")


@pytest.fixture
def judged_anew(graded: Path) -> Path:
    """Anna and Ben, all right; an older judge had refused Anna's first answer."""
    judged_otherwise(graded, "anna")
    return graded


def judged_otherwise(folder: Path, student: str) -> None:
    """Make the graded notebook and the gradebook what they would be with a judge that refuses 07.1."""
    file = folder / f"autograded/{student}/{NAME}/{NAME}.ipynb"
    notebook = json.loads(file.read_bytes())
    check = next(
        cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == CHECK
    )
    for output in check["outputs"]:
        output["metadata"]["course"] |= {"outcome": "not yet", "misconception": "N+1"}
    file.write_text(json.dumps(notebook), encoding="utf-8")
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        book.find_grade(CHECK, NAME, NAME, student).auto_score = 0
        book.db.commit()


def test_a_changed_verdict_is_told_with_what_it_was_and_a_teachers_own_points_and_words_stay(
    judged_anew: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = judged_anew
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        grade = book.find_grade(CHECK, NAME, NAME, "ben")
        grade.auto_score, grade.manual_score, grade.extra_credit = 0, 1.5, 0.25
        book.find_comment("07-1-answer", NAME, NAME, "ben").manual_comment = "Well argued."
        book.db.commit()

    assert main(["class", "regrade", str(folder), "07"]) == 0
    assert "\nanna: 07.1: not yet: N+1 -> passed, 0 -> 2 points\n" in capsys.readouterr().out
    assert points_in(folder) == {"anna": "10.0", "ben": "9.75"}
    text = (folder / "reports" / NAME / "changes.csv").read_text("utf-8-sig")
    assert [(row["student"], row["before"], row["after"]) for row in csv.DictReader(text.splitlines())] == [
        ("anna", "not yet: N+1", "passed")
    ]

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        grade = book.find_grade(CHECK, NAME, NAME, "ben")
        assert (grade.auto_score, grade.manual_score, grade.extra_credit, grade.score) == (2, 1.5, 0.25, 1.75)
        assert book.find_comment("07-1-answer", NAME, NAME, "ben").comment == "Well argued."
    assert "Well argued." in (folder / f"feedback/ben/{NAME}/{NAME}.html").read_text("utf-8")


def test_who_cannot_be_graded_now_keeps_the_verdict_and_is_named(judged_anew: Path) -> None:
    submit(judged_anew, "ben", b"{}")
    regraded = classroom.regrade(judged_anew, "07")
    assert [notice.student for notice in regraded.graded.notices] == ["ben"]
    assert [change.student for change in regraded.changes] == ["anna"]
    assert points_in(judged_anew)["ben"] == "10.0"


def test_an_interrupted_one_goes_on_with_those_who_are_left(judged_anew: Path) -> None:
    def interrupts(line: str) -> None:
        if line == "2 of 2: ben":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classroom.regrade(judged_anew, "07", tell=interrupts)
    told: list[str] = []
    assert classroom.regrade(judged_anew, "07", tell=told.append).earlier == ["anna"]
    assert told == ["1 of 2: anna is graded, and nothing is new", "2 of 2: ben"]
    assert classroom.regrade(judged_anew, "07").earlier == []
    assert (judged_anew / "reports" / NAME / "changes.csv").read_text("utf-8-sig").count("anna") == 1
