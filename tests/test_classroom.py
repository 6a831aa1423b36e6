"""A teacher's round with real nbgrader: what is released, taken in, graded and told, also of odd notebooks."""

import copy
import csv
import json
import os
import re
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from nbgrader.api import Gradebook

from course_lib.lab import checking, classroom
from course_lib.lab.classroom import ClassroomError, Collected, Graded, Notice
from course_lib.lab.classroom.cells import Part
from course_lib.lab.classroom.folder import run_nbgrader
from course_lib.lab.classroom.incoming import as_folder, files_in, student_of
from course_lib.lab.classroom.results import NOT_YET, PASSED, SLIPS, Result, has_passed, met
from course_lib.lab.cli import main
from course_lib.lab.exercises import exercises, without_marks
from course_lib.lab.release import EXERCISES, SOLUTIONS, cut

NAME = "07_eager_loading"
ANSWERS = {each.id: without_marks(each.answer) for each in exercises() if each.lesson == NAME}
HANGS = "while True:\n    pass"
IMPATIENT = "import course_lib.lab.judging.sandbox as sandbox\n\nsandbox.PATIENCE = 1.0"
PATCHES = (
    "import course_lib.lab.checking as c\n\n\n"
    "async def ok(*a, **k):\n    pass\n\n\n"
    "c.grade = c.check = ok\ncheck = ok"
)
Cells = list[dict[str, Any]]


def name_of(cell: dict[str, Any]) -> str:
    return str(cell["metadata"].get("nbgrader", {}).get("grade_id", ""))


def answered(answers: dict[str, str]) -> Cells:
    """The cells of the exercise notebook as a learner hands it in, with these answers."""
    cells: Cells = json.loads(cut(SOLUTIONS / f"{NAME}.ipynb"))["cells"]
    for cell in cells:
        exercise = name_of(cell).removesuffix("-answer").replace("-", ".")
        if exercise in answers and name_of(cell).endswith("-answer"):
            cell["source"] = answers[exercise]
    return cells


def code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "id": f"own-{len(source)}", "metadata": {}, "source": source} | {
        "outputs": [], "execution_count": None,
    }  # fmt: skip


def notebook(cells: Cells) -> bytes:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def place(cells: Cells, name: str) -> int:
    return next(at for at, cell in enumerate(cells) if name_of(cell) == name)


def hand_in(folder: Path, path: str, content: bytes, *, age: float = 0) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (time.time() - age,) * 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A course folder in which lesson 07 is released, by our own cut: that takes no process of nbgrader's."""
    folder = tmp_path / "my class"
    classroom.init(folder)
    released = folder / "release" / NAME / f"{NAME}.ipynb"
    released.parent.mkdir(parents=True)
    released.write_text(cut(SOLUTIONS / f"{NAME}.ipynb"), encoding="utf-8")
    return folder


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    return tmp_path / "handed in"


# The whole round, once


@dataclass
class Round:
    folder: Path
    released: Path
    collected: Collected
    graded: Graded
    page: str
    progress: list[str]

    def table(self, name: str) -> list[dict[str, str]]:
        path = self.folder / "reports" / NAME / name
        return list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))

    def told_of(self, student: str) -> list[str]:
        return [notice.told for notice in self.collected.notices if notice.student == student]


def wrong_with_odd_cells() -> Cells:
    """Ben gives the first wrong answer that was not given to him, deleted cells, and copied some."""
    wrong = {each.id: code for each in exercises() for code in each.wrong.values() if code != each.given}
    cells = [cell for cell in answered(wrong) if name_of(cell) not in ("setup", "07-3-answer", "07-3-check")]
    for name in ("07-2-answer", "07-2-check"):
        at = place(cells, name)
        cells.insert(at + 1, copy.deepcopy(cells[at]) | {"id": f"{name}-copy"})
    return cells


def right_with_a_warning() -> Cells:
    """Anna is right everywhere, and her first answer says something on the stream for errors."""
    head, documented, body = ANSWERS["07.1"].partition('"""\n')
    noise = '    print("looking", file=__import__("sys").stderr)\n'
    return answered(ANSWERS | {"07.1": head + documented + noise + body})


def hanging() -> Cells:
    """Chris has an answer that hangs, and a cell of his own that does."""
    cells = answered(ANSWERS | {"07.2": f"def headlines(session):\n    {HANGS.replace('pass', '    pass')}"})
    cells.insert(place(cells, "07-3-answer"), code(HANGS))
    cells.insert(place(cells, "07-1-answer"), code(IMPATIENT))
    return cells


def cheating() -> Cells:
    """Eve answers nothing, and puts the checks out of action."""
    cells = answered({})
    cells.insert(place(cells, "07-1-answer"), code(PATCHES))
    return cells


@pytest.fixture(scope="module")
def whole_round(tmp_path_factory: pytest.TempPathFactory) -> Round:
    folder = tmp_path_factory.mktemp("classroom") / "my class"
    handed_in = folder.parent / "handed in"
    classroom.init(folder)
    with (folder / "nbgrader_config.py").open("a", encoding="utf-8") as settings:
        settings.write("c.Execute.timeout = 15\n")
    released = classroom.release(folder, "07")
    broken: Cells = [*answered(ANSWERS), {"metadata": {}}]
    everybody = {
        "Anna Berg_11_assignsubmission_file_": right_with_a_warning(),
        "ben": wrong_with_odd_cells(),
        "chris": hanging(),
        "dora": broken,
        "eve": cheating(),
    }
    for student, cells in everybody.items():
        hand_in(handed_in, f"{student}/{NAME}.ipynb", notebook(cells))
    collected = classroom.collect(folder, handed_in, "07")
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        book.add_student("fritz")  # of the course, and has handed nothing in
    told: list[str] = []
    graded = classroom.grade(folder, "07", tell=told.append)
    page = classroom.report(folder, "07").read_text("utf-8")
    return Round(folder, released, collected, graded, page, told)


def test_what_is_released_are_the_cells_of_the_exercise(whole_round: Round) -> None:
    assert json.loads(whole_round.released.read_bytes())["cells"] == answered({})


def test_each_learner_gets_the_points_of_what_passed(whole_round: Round) -> None:
    anna, ben, chris, *_ = whole_round.table("grades.csv")
    assert (anna["score"], anna["max_score"]) == (anna["max_score"], "10.0")
    assert ben["score"] == "0.0"
    assert (chris["07.2"], chris["score"]) == ("0.0", "8.0")


def test_a_check_without_an_outcome_gives_no_points_anywhere(whole_round: Round) -> None:
    rows = {row["student"]: row for row in whole_round.table("grades.csv")}
    assert rows["eve"]["score"] == "0.0"
    assert "Score: 0.0 / 10.0" in whole_round.graded.pages["eve"].read_text("utf-8")
    told = "07.1, 07.2, 07.3, 07.4, 07.5: no points, because the check told no outcome"
    assert any(str(notice).startswith(f"eve: {told}") for notice in whole_round.graded.notices)
    assert f"<li>eve: {told}" in whole_round.page.partition("Unusual notebooks")[2]


def test_who_handed_nothing_in_has_no_zero(whole_round: Round) -> None:
    rows = {row["student"]: (row["score"], row["state"]) for row in whole_round.table("grades.csv")}
    assert rows["fritz"] == ("", "not handed in")
    assert rows["dora"] == ("", "not graded")
    assert rows["ben"] == ("0.0", "graded")


def test_grading_says_whose_turn_it_is(whole_round: Round) -> None:
    students = ["Anna_Berg", "ben", "chris", "dora", "eve"]
    turns = [f"{number} of 5: {student}" for number, student in enumerate(students, start=1)]
    assert whole_round.progress == [*turns, "writing the learners' pages"]


def test_grading_says_who_was_stopped_and_where(whole_round: Round) -> None:
    chris = [notice.told for notice in whole_round.graded.notices if notice.student == "chris"]
    own = "a cell of their own in 07.3 did not end, and was stopped. It begins `while True:`."
    assert chris == [own, "07.2: the answer did not end, and was stopped by the check."]
    assert f"<li>chris: {own}</li>" in whole_round.page


def test_a_notebook_that_nbgrader_cannot_read_is_named_and_stops_nobody(whole_round: Round) -> None:
    log = whole_round.folder / "reports" / NAME / "grading.log"
    told = f"could not be graded; what nbgrader said is in {log}."
    assert whole_round.graded.notices[0] == Notice("dora", told)
    assert "for student 'dora'" in log.read_text("utf-8")


def test_a_hang_costs_the_points_of_its_exercise_alone(whole_round: Round) -> None:
    chris = {row["exercise"]: row for row in whole_round.table("outcomes.csv") if row["student"] == "chris"}
    assert [row["outcome"] for row in chris.values()] == [PASSED, NOT_YET, PASSED, PASSED, PASSED]
    graded = json.loads((whole_round.folder / f"autograded/chris/{NAME}/{NAME}.ipynb").read_bytes())
    own = next(cell for cell in graded["cells"] if "".join(cell["source"]) == HANGS)
    assert any(output.get("ename") == "TooLong" for output in own["outputs"])


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


def test_cells_that_were_put_back_say_so_to_the_learner(whole_round: Round) -> None:
    page = whole_round.graded.pages["ben"].read_text("utf-8")
    assert page.count("was put back for grading") == 2


def test_the_report_counts_misconceptions_and_names_who_passed(whole_round: Round) -> None:
    rows = {row["exercise"]: row for row in whole_round.table("exercises.csv")}
    first = rows["07.1"]
    assert (first["learners"], first["passed"], first["who passed"]) == ("4", "2", "Anna_Berg; chris")
    assert first["misconceptions"].startswith("1 of 4: ")
    assert rows["07.2"]["slips"] == "1 of 4: runs for ever"
    assert rows["07.3"]["stopped"] == "2"  # Ben deleted his answer, and Eve's check is out of action


def test_a_misconception_has_an_example_of_what_a_learner_was_told(whole_round: Round) -> None:
    ben = next(row for row in whole_round.table("outcomes.csv") if row["why"] == "not loaded")
    assert ben["told"].count("passed") == ben["told"].count("not yet") == 0
    assert f'1 of 4: not loaded<span class="example">For example: {escape(ben["told"])}' in whole_round.page
    assert len(ben["told"]) > 30


def test_the_report_leads_to_each_learners_page_and_has_the_points(whole_round: Round) -> None:
    found = re.findall(
        r'<a href="([^"]+)">([^<]+)</a>.*<td class="number">([\d.]+)</td></tr>', whole_round.page
    )
    assert [row[1:] for row in found] == [("Anna Berg", "10"), ("ben", "0"), ("chris", "8"), ("eve", "0")]
    for address, _, _ in found:
        assert (whole_round.folder / "reports" / NAME / address).resolve().is_file()


def test_the_report_is_a_page_that_needs_nothing_else(whole_round: Round) -> None:
    assert re.findall(r"<script|<link|<img|://", whole_round.page) == []
    assert whole_round.page.count("<caption>") == 2
    assert '<th scope="row">07.1 ' in whole_round.page
    assert "ben: 07.2: the answer cell stands there 2 times" in whole_round.page
    assert re.findall("<h2>(.+)</h2>", whole_round.page) == ["Exercises", "Learners", "Unusual notebooks"]


def test_grading_leaves_out_what_is_not_new(whole_round: Round) -> None:
    notebooks = sorted(whole_round.folder.glob("autograded/*/*/*.ipynb"))
    before = [path.stat().st_mtime_ns for path in notebooks]
    run_nbgrader(whole_round.folder, "autograde", NAME, heard=str)
    assert [path.stat().st_mtime_ns for path in notebooks] == before


# The course folder


def test_a_course_folder_has_every_solution_and_no_hint(folder: Path) -> None:
    sources = sorted(folder.glob("source/*/*.ipynb"))
    assert [path.name for path in sources] == sorted(path.name for path in SOLUTIONS.glob("*.ipynb"))
    text = (folder / "source" / NAME / f"{NAME}.ipynb").read_text("utf-8")
    assert "BEGIN SOLUTION" in text
    assert "await grade(" in text
    assert '"hint"' not in text


def test_a_second_init_keeps_what_a_teacher_changed(folder: Path) -> None:
    source = folder / "source" / NAME / f"{NAME}.ipynb"
    source.write_text("changed", encoding="utf-8")
    assert classroom.init(folder) == []
    assert source.read_text("utf-8") == "changed"


def test_init_says_what_is_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["class", "init", str(tmp_path / "class")]) == 0
    first, following, again = capsys.readouterr().out.splitlines()
    assert NAME in first
    assert following == f"Next: course class release {tmp_path / 'class'} 01"
    assert again.startswith("Nothing is new")


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(ClassroomError, match="not empty"):
        classroom.init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (lambda folder: classroom.release(folder, "77"), "'77' is no lesson"),
        (lambda folder: classroom.release(folder.parent, "07"), "no course folder.* course class init "),
        (lambda folder: classroom.collect(folder, folder / "nowhere", "07"), "no folder and no zip"),
        (lambda folder: classroom.grade(folder, "7"), 'Collect it first: course class collect ".*" 07 FROM'),
        (lambda folder: classroom.report(folder, "07"), 'Grade it first: course class grade ".*" 07'),
    ],
)
def test_a_step_that_cannot_be_taken_says_why(folder: Path, step: Callable[[Path], Any], told: str) -> None:
    with pytest.raises(ClassroomError, match=told):
        step(folder)


def test_nothing_is_collected_before_it_is_released(tmp_path: Path) -> None:
    classroom.init(tmp_path / "class")
    with pytest.raises(ClassroomError, match="Release it first"):
        classroom.collect(tmp_path / "class", tmp_path, "07")


def test_what_nbgrader_refuses_is_told(folder: Path) -> None:
    (folder / "source" / NAME / f"{NAME}.ipynb").write_text("{}", encoding="utf-8")
    with pytest.raises(ClassroomError, match=r"nbgrader generate_assignment .* failed"):
        classroom.release(folder, "07")


# Whose file it is


@pytest.mark.parametrize(
    ("path", "student"),
    [
        ("anna/anything.ipynb", "anna"),
        (f"anna/exercises/{NAME}.ipynb", "anna"),
        (f"anna_{NAME}.ipynb", "anna"),
        (f"{NAME}_anna.ipynb", "anna"),
        (f"{NAME}-12345.ipynb", "12345"),
        (f"anna/{NAME} (1).ipynb", "anna"),
        (f"anna/{NAME}-Copy2.ipynb", "anna"),
        (f"Anna Berg_4711_assignsubmission_file_/{NAME}.ipynb", "Anna_Berg"),
        (f"Anna Berg_4711_assignsubmission_file_{NAME}.ipynb", "Anna_Berg"),
        ("Zoë Ångström/x.ipynb", "Zoë_Ångström"),
        ("anna.ipynb", "anna"),
        (f"{NAME}.ipynb", ""),
        (f"exercises/{NAME}.ipynb", ""),
    ],
)
def test_a_path_says_whose_notebook_it_is(path: str, student: str) -> None:
    assert student_of(PurePosixPath(path), ["01_engine_and_sessions", NAME]) == student


@pytest.mark.parametrize("name", ["..", "/etc/passwd", "a\\b", "CON", "nul.txt", "=1+1", "-x", "a:b", "…"])
def test_a_name_is_never_a_path_nor_a_device_nor_a_formula(name: str) -> None:
    assert re.fullmatch(r"(\w[\w.-]*\w|\w)?", as_folder(name))
    assert as_folder(name).lower() not in {"con", "nul", "nul.txt"}


# Taking in


def test_folders_files_and_zips_of_learners_are_taken_in(folder: Path, handed_in: Path) -> None:
    content = notebook(answered(ANSWERS))
    hand_in(handed_in, "anna/work.ipynb", content)
    hand_in(handed_in, f"ben_{NAME}.ipynb", content)
    with zipfile.ZipFile(handed_in / "chris.zip", "w") as archive:
        archive.writestr(f"exercises/{NAME}.ipynb", content)
    collected = classroom.collect(folder, handed_in, "07")
    assert (collected.students, collected.notices) == (["anna", "ben", "chris"], [])
    for student in ("anna", "ben", "chris"):
        assert (folder / "submitted" / student / NAME / f"{NAME}.ipynb").read_bytes() == content


def test_a_zip_writes_nowhere_but_into_the_course_folder(folder: Path, tmp_path: Path) -> None:
    content = notebook(answered(ANSWERS))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in ("../../evil/x.ipynb", "/abs/x.ipynb", "..\\win\\x.ipynb", "__MACOSX/anna/._x.ipynb"):
            archive.writestr(path, content)
    before = {path for path in tmp_path.rglob("*") if folder not in path.parents}
    assert classroom.collect(folder, tmp_path / "all.zip", "07").students == ["abs", "evil", "win"]
    assert {path for path in tmp_path.rglob("*") if folder not in path.parents} == before


def test_a_folder_around_all_learners_is_no_learner(tmp_path: Path) -> None:
    for student in ("anna", "ben"):
        hand_in(tmp_path, f"class 7/{student}/x.ipynb", b"{}")
    assert [str(file.place) for file in files_in(tmp_path)] == ["anna/x.ipynb", "ben/x.ipynb"]


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


def test_a_zip_of_zips_is_opened_and_no_deeper_one(tmp_path: Path) -> None:
    content = b"{}"
    for name in ("x.ipynb", "anna.zip", "class.zip", "school.zip"):
        (tmp_path / name).write_bytes(content)
        with zipfile.ZipFile(tmp_path / "next", "w") as archive:
            archive.write(tmp_path / name, name)
        content = (tmp_path / "next").read_bytes()
    found = {
        name: [str(file.place) for file in files_in(tmp_path / name)] for name in ("class.zip", "school.zip")
    }
    assert found == {"class.zip": ["anna/x.ipynb"], "school.zip": ["class/anna.zip"]}


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
        f"{NAME}.ipynb does not say whose it is; it was left out. Name it {NAME}_ANNA.ipynb, "
        "with the learner's name for ANNA, or put it into a folder ANNA.",
        "anna: anna/notes.pdf is no notebook; it was left out.",
        f"ben: ben/08_pagination.ipynb belongs to lesson 08, not to {NAME}; it was left out.",
        f"chris: chris/x.ipynb has none of the cells of {NAME}; it was left out.",
        "dora: dora.zip is no zip that can be opened; it was left out.",
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
    assert [str(notice).partition(". ")[0] for notice in collected.notices] == [
        "Jürgen_Müller: has the same names as Müller_Jürgen",
        "Müller_Jürgen: has the same names as Jürgen_Müller",
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
    hand_in(handed_in, f"anna/{NAME}.ipynb", (EXERCISES / f"{NAME}.ipynb").read_bytes())
    collected = classroom.collect(folder, handed_in, "07")
    assert (collected.students, collected.notices) == (["anna"], [])


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


# Counting


def test_misconceptions_are_counted_the_most_frequent_first() -> None:
    whys = ["N+1"] * 3 + ["no order", ""]
    results = [Result(f"learner {number}", "07.1", NOT_YET, why) for number, why in enumerate(whys)]
    results += [Result("anna", "07.1", PASSED), Result("ben", "07.1", NOT_YET, "wrong signature")]
    assert [str(each) for each in met(results)] == [
        "3 of 7: N+1",
        "1 of 7: no order",
        "1 of 7: without a name",
    ]
    assert [str(each) for each in met(results, slips=True)] == ["1 of 7: wrong signature"]


def test_no_slip_is_a_misconception_of_an_exercise_and_each_is_told_by_a_check() -> None:
    assert SLIPS.isdisjoint({name for each in exercises() for name in each.wrong})
    lab = Path(checking.__file__).parent
    said = [file.read_text("utf-8") for place in ("checks", "judging") for file in (lab / place).glob("*.py")]
    assert {name for name in SLIPS if f'"{name}"' not in "".join(said)} == set()


# What a check must have told for its points


def told(*outcomes: str, exercise: str = "07.1") -> dict[str, Any]:
    cell = code("await check('07.1', f)\nawait grade('07.1', f)")
    facts = [{"exercise": exercise, "outcome": outcome, "misconception": None} for outcome in outcomes]
    return cell | {
        "outputs": [{"output_type": "display_data", "metadata": {"course": each}} for each in facts]
    }


def test_the_hidden_rows_have_the_last_word() -> None:
    assert has_passed(told("passed", "passed"))
    assert has_passed(told("not yet", "passed"))
    assert not has_passed(told("passed", "not yet"))


@pytest.mark.parametrize(
    "cell",
    [
        told(),
        told("passed"),
        told("passed", "passed", "passed"),
        told("passed", "passed", exercise="07.2"),
        told("passed", "well done"),
    ],
)
def test_an_outcome_too_few_too_many_or_of_another_exercise_is_no_pass(cell: dict[str, Any]) -> None:
    assert not has_passed(cell)


def test_a_part_says_what_it_is() -> None:
    assert str(Part("a", "answer", "", "07.1")) == "07.1: the answer cell"
    assert str(Part("s", "setup", "")) == "the setup cell"
