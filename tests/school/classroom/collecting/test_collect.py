"""The newest notebook of each learner is taken in, and what is left out is told."""

import json
import re
import zipfile
from pathlib import Path

import nbformat
import pytest
from classrooms import ANSWERS, NAME, answered, code, hand_in, notebook
from spoilt_notebooks import ARCHIVES_TOLD, GOOD, MENDED, TAKEN_AS_IT_IS, TOLD, thirty

from course_lib.school import classroom
from course_lib.school.classroom import Notice
from course_lib.school.classroom.who_is_who import NAMES, answers_of, people_of
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


def test_copies_in_the_folders_of_a_class_are_theirs(folder: Path, handed_in: Path) -> None:
    for student, file in {
        "anna": f"Copy of {NAME}",
        "ben": f"Copy of {NAME}",
        "chris": f"my {NAME}_final",
    }.items():
        hand_in(handed_in, f"{student}/{file}.ipynb", notebook([*answered(ANSWERS), code(student)]))
    collected = classroom.collect(folder, handed_in, "07")
    assert (collected.students, collected.questions) == (["anna", "ben", "chris"], [])


def test_an_older_one_of_a_later_delivery_stays_beside_the_newer(folder: Path, handed_in: Path) -> None:
    newer, older = notebook(answered(ANSWERS)), notebook(answered({}))
    hand_in(handed_in, "first/anna/x.ipynb", newer)
    hand_in(handed_in, "second/anna/x.ipynb", older, age=600)
    classroom.collect(folder, handed_in / "first", "07")
    told = classroom.collect(folder, handed_in / "second", "07").notices
    assert [notice.told for notice in told] == [
        "anna/x.ipynb is older than anna/x.ipynb, which was collected before and stays."
    ]
    assert (folder / "submitted/anna" / NAME / f"{NAME}.ipynb").read_bytes() == newer
    kept = [path.read_bytes() for path in (folder / "handed_in" / NAME / "anna").glob("*.ipynb")]
    assert sorted(kept) == sorted([newer, older])


def test_what_is_replaced_is_kept_also_in_a_course_folder_of_an_older_kit(
    folder: Path, handed_in: Path
) -> None:
    old = notebook(answered({}))
    hand_in(folder, f"submitted/anna/{NAME}/{NAME}.ipynb", old)
    hand_in(handed_in, "anna/x.ipynb", notebook(answered(ANSWERS)), age=600)
    assert classroom.collect(folder, handed_in, "07").notices == [
        Notice("anna", "took the place of what was collected before.")
    ]
    assert old in [path.read_bytes() for path in (folder / "handed_in" / NAME / "anna").glob("*.ipynb")]


def test_a_mended_notebook_can_be_graded_and_its_original_is_kept(folder: Path, handed_in: Path) -> None:
    content = MENDED["UTF-16 with a mark, little end first"]
    hand_in(handed_in, "anna/x.ipynb", content)
    told = classroom.collect(folder, handed_in, "07").notices
    assert told == [Notice("anna", "anna/x.ipynb was mended: its encoding. Its original is kept.")]
    (original,) = (folder / "handed_in" / NAME / "anna").glob("*.ipynb")
    assert original.read_bytes() == content
    nbformat.validate(nbformat.read(folder / "submitted/anna" / NAME / f"{NAME}.ipynb", as_version=4))


def test_every_kind_of_spoilt_notebook_stops_nobody(folder: Path, handed_in: Path) -> None:
    kinds = {f"learner{number:03}": kind for number, kind in enumerate([*MENDED, *TOLD, *TAKEN_AS_IT_IS])}
    for student, kind in kinds.items():
        content = TOLD[kind][0] if kind in TOLD else {**MENDED, **TAKEN_AS_IT_IS}[kind]
        hand_in(handed_in, f"{student}/{NAME}.ipynb", content)
    for name, content in {name: told[0] for name, told in ARCHIVES_TOLD.items()}.items():
        hand_in(handed_in, f"zz/{name}", content)
    hand_in(handed_in, "anna/x.ipynb", GOOD)
    collected = classroom.collect(folder, handed_in, "07")
    assert collected.students == ["anna", *(student for student, kind in kinds.items() if kind not in TOLD)]
    told = {notice.student: notice.told for notice in collected.notices}
    for student, kind in kinds.items():
        word = TOLD[kind][1] if kind in TOLD else "was mended" if kind in MENDED else ""
        assert word in told.get(student, ""), kind
    for path in folder.glob("submitted/*/*/*.ipynb"):
        nbformat.validate(nbformat.read(path, as_version=4))


def test_a_class_of_thirty_with_eight_spoilt_notebooks_is_taken_in(folder: Path, handed_in: Path) -> None:
    kinds = thirty(handed_in)
    collected = classroom.collect(folder, handed_in, "07")
    assert collected.students == [student for student, kind in kinds.items() if kind not in TOLD]
    assert len(collected.students) == 25
    named = {notice.student for notice in collected.notices}
    assert named == {student for student, kind in kinds.items() if kind}


def test_what_is_unclear_is_asked_and_taken_in_once_it_is_answered(
    folder: Path, handed_in: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(handed_in, "anna/x.ipynb", GOOD)
    named = {"cell_type": "markdown", "id": "me", "metadata": {}, "source": "**Name:** Ben Kurz"}
    hand_in(handed_in, f"box/{NAME} (1).ipynb", notebook([*answered({}), named]))
    words = ["class", "collect", str(folder), "07", str(handed_in)]
    assert main(words) == 3
    shown = capsys.readouterr().out
    assert re.search(rf"box/{NAME} \(1\).ipynb +Ben Kurz +does not say whose it is", shown)
    assert "Taken in from 1 learner: anna." in shown
    assert answers_of(folder) == {f"box/{NAME} (1).ipynb": ""}
    written = json.loads((folder / NAMES).read_text("utf-8"))
    assert written["whose"] == {f"box/{NAME} (1).ipynb": "? Ben Kurz"}
    written["whose"][f"box/{NAME} (1).ipynb"] = "Ben Kurz"
    (folder / NAMES).write_text(json.dumps(written), encoding="utf-8-sig")
    assert main(words) == 0
    assert "Taken in from 2 learners: Ben_Kurz, anna." in capsys.readouterr().out
    assert people_of(folder)["Ben_Kurz"].name == "Ben Kurz"


def test_a_dry_run_says_what_becomes_of_each_file_and_writes_nothing(
    folder: Path, handed_in: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(handed_in, "anna/x.ipynb", GOOD)
    hand_in(handed_in, "anna/y.ipynb", notebook(answered({})), age=60)
    hand_in(handed_in, "ben/x.ipynb", b"")
    hand_in(handed_in, "index.html", b"<html></html>")
    hand_in(handed_in, f"{NAME}.ipynb", notebook(answered({})))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert main(["class", "collect", str(folder), "07", str(handed_in), "--dry-run"]) == 3
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    shown = [re.split(r"  +", line)[:3] for line in capsys.readouterr().out.splitlines()]
    for line in (
        ["anna/x.ipynb", "anna", "taken"], ["anna/y.ipynb", "anna", "older"], ["ben/x.ipynb", "ben", "left out"],
        ["index.html", "left out", "is the platform's own"],
    ):  # fmt: skip
        assert line in shown


def test_two_lessons_in_one_delivery_are_told_apart(folder: Path, handed_in: Path) -> None:
    other = code('await check("08.1", f)') | {"metadata": {"nbgrader": {"grade_id": "08-1-check"}}}
    for student in ("Anna Berg_11", "Anna Berg_12"):
        hand_in(
            handed_in,
            f"{student}_assignsubmission_file_/08_pagination.ipynb",
            notebook([other, code(student)]),
        )
        hand_in(
            handed_in,
            f"{student}_assignsubmission_file_/{NAME}.ipynb",
            notebook([*answered({}), code(student)]),
        )
    assert classroom.collect(folder, handed_in, "07").students == ["Anna_Berg_11", "Anna_Berg_12"]


def test_one_notebook_alone_can_be_collected(folder: Path, handed_in: Path) -> None:
    hand_in(handed_in, f"{NAME}_anna.ipynb", GOOD)
    assert classroom.collect(folder, handed_in / f"{NAME}_anna.ipynb", "07").students == ["anna"]


def test_gradescopes_names_are_read(folder: Path, handed_in: Path) -> None:
    content = "submission_9:\n  :submitters:\n  - :name: Anna Berg\n    :sid: '4711'\n"
    hand_in(handed_in, "submission_metadata.yml", content.encode() + b"#" * 500)
    hand_in(handed_in, f"submission_9/{NAME}.ipynb", GOOD)
    collected = classroom.collect(folder, handed_in, "07")
    assert (collected.students, collected.notices) == (["Anna_Berg"], [])
    assert people_of(folder)["Anna_Berg"].number == "4711"
