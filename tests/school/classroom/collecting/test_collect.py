"""The newest notebook of each learner is taken in, and what is left out is told."""

import zipfile
from pathlib import Path

import pytest
from classrooms import ANSWERS, NAME, answered, code, hand_in, notebook

from course_lib.school import classroom
from course_lib.school.classroom import Notice
from course_lib.school.kit_files import EXERCISES
from course_lib.school.program.cli import main


def test_folders_files_and_zips_of_learners_are_taken_in(folder: Path, handed_in: Path) -> None:
    content = notebook(answered(ANSWERS))
    hand_in(handed_in, "anna/work.ipynb", content)
    hand_in(handed_in, f"ben_{NAME}.ipynb", content)
    hand_in(handed_in, f"ex{NAME}_dora.ipynb", content)
    with zipfile.ZipFile(handed_in / "chris.zip", "w") as archive:
        archive.writestr(f"exercises/{NAME}.ipynb", content)
    collected = classroom.collect(folder, handed_in, "07")
    everybody = ["anna", "ben", "chris", "dora"]
    assert (collected.students, collected.notices) == (everybody, [])
    for student in everybody:
        assert (folder / "submitted" / student / NAME / f"{NAME}.ipynb").read_bytes() == content


@pytest.mark.parametrize(("newer", "older"), [("a.ipynb", "b.ipynb"), ("b.ipynb", "a.ipynb")])
def test_of_two_notebooks_the_newer_one_is_taken(
    folder: Path, handed_in: Path, newer: str, older: str
) -> None:
    hand_in(handed_in, f"anna/{newer}", notebook(answered(ANSWERS)))
    hand_in(handed_in, f"anna/{older}", notebook(answered({})), age=60)
    told = f"anna/{older} is older than anna/{newer}; the newer one was taken."
    assert classroom.collect(folder, handed_in, "07").notices == [Notice("anna", told)]
    taken = folder / "submitted/anna" / NAME / f"{NAME}.ipynb"
    assert taken.read_bytes() == notebook(answered(ANSWERS))


def test_what_is_no_notebook_of_the_lesson_is_told_and_left_out(folder: Path, handed_in: Path) -> None:
    other = code('await check("08.1", f)') | {"metadata": {"nbgrader": {"grade_id": "08-1-check"}}}
    hand_in(handed_in, "anna/notes.pdf", b"%PDF\xff")
    hand_in(handed_in, "ben/08_pagination.ipynb", notebook([other]))
    hand_in(handed_in, "chris/x.ipynb", notebook([code("x = 1")]))
    hand_in(handed_in, "dora.zip", b"PK no zip")
    hand_in(handed_in, f"{NAME}.ipynb", notebook(answered(ANSWERS)))
    collected = classroom.collect(folder, handed_in, "07")
    assert collected.students == []
    assert [str(notice) for notice in collected.notices] == [
        "anna: anna/notes.pdf is no notebook; it was left out.",
        f"ben: ben/08_pagination.ipynb belongs to lesson 08, not to {NAME}; it was left out.",
        f"chris: chris/x.ipynb has none of the cells of {NAME}; it was left out.",
        "dora: dora.zip is no zip that can be opened; it was left out. Ask for it again.",
    ]
    assert [(each.place, each.why) for each in collected.questions] == [
        (f"{NAME}.ipynb", "does not say whose it is")
    ]


def test_collecting_again_takes_only_what_changed(folder: Path, handed_in: Path) -> None:
    hand_in(handed_in, "anna/x.ipynb", notebook(answered({})))
    hand_in(handed_in, "ben/x.ipynb", notebook(answered({})))
    classroom.collect(folder, handed_in, "07")
    stamps = [folder / "submitted" / student / NAME / "timestamp.txt" for student in ("anna", "ben")]
    before = [stamp.read_text() for stamp in stamps]
    hand_in(handed_in, "anna/x.ipynb", notebook(answered(ANSWERS)))
    collected = classroom.collect(folder, handed_in, "07")
    assert collected.notices == [Notice("anna", "took the place of what was collected before.")]
    assert [stamp.read_text() == old for stamp, old in zip(stamps, before, strict=True)] == [False, True]


def test_the_same_names_in_another_order_are_asked_about(folder: Path, handed_in: Path) -> None:
    for student in ("Jürgen_Müller", "Müller_Jürgen", "Müller_Anna"):
        hand_in(handed_in, f"{student}/x.ipynb", notebook(answered({})))
    collected = classroom.collect(folder, handed_in, "07")
    assert collected.students == ["Jürgen_Müller", "Müller_Anna"]
    assert [(each.place, each.guess) for each in collected.questions] == [
        ("Müller_Jürgen/x.ipynb", "Jürgen_Müller")
    ]


def test_a_learner_known_already_keeps_the_spelling(folder: Path, handed_in: Path) -> None:
    hand_in(handed_in, "Anna/x.ipynb", notebook(answered({})))
    classroom.collect(folder, handed_in, "07")
    hand_in(handed_in, "later/anna.ipynb", notebook(answered(ANSWERS)))
    assert classroom.collect(folder, handed_in / "later", "07").students == ["Anna"]


def test_collecting_says_how_many_there_are_in_all(
    folder: Path, handed_in: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(handed_in, "first/anna.ipynb", notebook(answered({})))
    hand_in(handed_in, "second/ben.ipynb", notebook(answered({})))
    for delivery in ("first", "second"):
        assert main(["class", "collect", str(folder), "7", str(handed_in / delivery)]) == 0
    told = capsys.readouterr().out
    assert "Taken in from 1 learner: ben.\n" in told
    assert "All whose notebooks are here now: 2 learners: anna, ben.\n" in told


def test_collecting_nothing_is_refused(
    folder: Path, handed_in: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handed_in.mkdir()
    assert main(["class", "collect", str(folder), "07", str(handed_in)]) == 1
    assert "there is no file in it" in capsys.readouterr().err
    hand_in(handed_in, f"{NAME}.ipynb", notebook(answered({})))
    assert main(["class", "collect", str(folder), "07", str(handed_in)]) == 1
    shown = capsys.readouterr()
    assert "does not say whose it is" in shown.out
    assert "the lines above say why" in shown.err


def test_the_exercises_of_a_learners_own_copy_can_be_handed_in(folder: Path, handed_in: Path) -> None:
    hand_in(handed_in, f"anna/{NAME}.ipynb", (EXERCISES / f"ex{NAME}.ipynb").read_bytes())
    collected = classroom.collect(folder, handed_in, "07")
    assert (collected.students, collected.notices) == (["anna"], [])
