"""Grading runs what is new, says whose turn it is, stops for nobody, and writes a page for each learner."""

import json
import re
import shutil
from pathlib import Path

import pytest
from classrooms import HANGS, NAME, Round, bringing, points_in, submit

from course_lib.school import classroom
from course_lib.school.classroom.course_folder import run_nbgrader
from course_lib.school.exercises.outcomes import NOT_YET, PASSED
from course_lib.school.exercises.solutions import exercises


def test_grading_says_whose_turn_it_is(whole_round: Round) -> None:
    students = ["Anna_Berg", "ben", "chris", "dora", "eve"]
    turns = [f"{number} of 5: {student}" for number, student in enumerate(students, start=1)]
    assert [line for line in whole_round.progress if " of " in line] == turns


def test_a_notebook_that_nbgrader_cannot_read_is_named_and_stops_nobody(whole_round: Round) -> None:
    log = whole_round.folder / "reports" / NAME / "grading.log"
    dora = whole_round.graded.notices[0]
    assert dora.student == "dora"
    assert dora.told.startswith("could not be graded: the notebook cannot be read (")
    assert f"hand it in again. What nbgrader said is in {log}." in dora.told
    assert "dora could not be graded" in log.read_text("utf-8")


@pytest.mark.usefixtures("one_worker")
def test_every_spoilt_notebook_is_named_and_no_step_ends_because_of_one(ready: Path) -> None:
    good = bringing()
    spoilt = {
        "ann": b"",
        "bea": b"\xef\xbb\xbf" + good,
        "cem": good.decode().encode("utf-16"),
        "dan": good[: len(good) // 2],
        "eva": b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "fay": good.replace(b'"nbformat": 4', b'"nbformat": 5'),
        "gus": good.replace(
            b'"metadata": {}, "nbformat"', b'"metadata": {"widgets": {"a/b": {}}}, "nbformat"'
        ),
        "hal": good.replace(b'"source": ["', b'"source": [null, "', 1),
    }
    for student, content in {**spoilt, "zoe": good}.items():
        submit(ready, student, content)
    told = {notice.student: notice.told for notice in classroom.grade(ready, "07").notices}
    assert set(told) == set(spoilt)
    assert {text.partition(" (")[0] for text in told.values()} == {
        "could not be graded: the notebook cannot be read"
    }
    assert points_in(ready)["zoe"] == "10.0"
    assert "zoe" in classroom.report(ready, "07").read_text("utf-8")
    assert classroom.regrade(ready, "07").changes == []


def test_a_hang_costs_the_points_of_its_exercise_alone(whole_round: Round) -> None:
    chris = {row["exercise"]: row for row in whole_round.table("outcomes.csv") if row["student"] == "chris"}
    assert [row["outcome"] for row in chris.values()] == [PASSED, NOT_YET, PASSED, PASSED, PASSED]
    graded = json.loads((whole_round.folder / f"autograded/chris/{NAME}/{NAME}.ipynb").read_bytes())
    own = next(cell for cell in graded["cells"] if "".join(cell["source"]) == HANGS)
    assert any(output.get("ename") == "TooLong" for output in own["outputs"])


def test_each_learner_gets_a_page_that_needs_no_network(whole_round: Round) -> None:
    assert list(whole_round.graded.pages) == ["Anna_Berg", "ben", "chris", "eve"]
    for page in whole_round.graded.pages.values():
        text = page.read_text("utf-8")
        assert "Score:" in text
        assert re.findall(r"""<script|(?:src|href)=["']?(?:https?:)?//|url\(["']?http""", text) == []


def test_a_page_for_learners_names_the_exercises_and_shows_no_marks(whole_round: Round) -> None:
    page = whole_round.graded.pages["ben"].read_text("utf-8")
    assert re.findall(r'<li><a href="#07-\d-check">([^<]+)</a>', page) == [
        f"{each.id} {each.title}" for each in exercises() if each.lesson == NAME
    ]
    assert "The check of 07.1 " in page
    assert re.findall("Test cell|HIDDEN TESTS|NotPassed|Student&#39;s|Student's", page) == []


def test_grading_leaves_out_what_is_not_new(whole_round: Round, tmp_path: Path) -> None:
    folder = shutil.copytree(whole_round.folder, tmp_path / "my class")
    notebooks = sorted(folder.glob("autograded/*/*/*.ipynb"))
    before = [path.stat().st_mtime_ns for path in notebooks]
    run_nbgrader(folder, "autograde", NAME, heard=str)
    assert [path.stat().st_mtime_ns for path in notebooks] == before
