"""The words of a learner and of a teacher at the command line: what they print, and what they refuse."""

import asyncio
import json
from pathlib import Path

import pytest
from learner_copies import everything

from course_lib.school.exercises.solutions import exercises
from course_lib.school.kit_files import ROOT
from course_lib.school.learner import copies, places
from course_lib.school.learner.progress import progress_of
from course_lib.school.lessons.course import exercise_notebook
from course_lib.school.program import asking, cli
from course_lib.school.program.asking import copy_at, prepare

KEYS = ["id", "lesson", "kind", "minutes", "hints", "wrong_answers", "points", "done"]


@pytest.fixture
def copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert cli.main(["start", str(tmp_path / "my copy")]) == 0
    capsys.readouterr()
    return tmp_path / "my copy"


def run(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert cli.main([str(word) for word in words]) == 0
    return capsys.readouterr().out


def test_exercises_are_listed_for_a_program(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(progress_of(copy).record("07.2", "passed"))
    rows = json.loads(run(capsys, "exercises", "--json", "--dir", copy))
    assert [row["id"] for row in rows] == [exercise.id for exercise in exercises()]
    assert all(list(row) == KEYS for row in rows)
    assert [row["id"] for row in rows if row["done"]] == ["07.2"]
    [row] = [row for row in rows if row["id"] == "07.2"]
    assert (row["lesson"], row["kind"], row["minutes"]) == ("07_eager_loading", "fix", 8)
    assert (row["hints"], row["wrong_answers"], row["points"]) == (3, 3, 2)


def test_exercises_are_listed_for_a_reader(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(progress_of(copy).record("07.2", "passed"))
    shown = run(capsys, "exercises", "--dir", copy)
    [line] = [line for line in shown.splitlines() if line.startswith("07.2")]
    assert line.split() == ["07.2", "Headlines", "fix", "8", "2", "✓"]


def test_progress_is_shown_for_the_copy_around(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(progress_of(copy).record("07.2", "passed"))
    monkeypatch.chdir(copy / "exercises")
    assert "You passed 1 of " in run(capsys, "progress")


def test_progress_is_written_into_files_to_hand_on(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(progress_of(copy).record("07.2", "passed"))
    page, table = tmp_path / "page.html", tmp_path / "table.csv"
    words = ("progress", "--dir", copy, "--html", page, "--csv", table, "--name", "Mira Berg")
    assert run(capsys, *words) == f"Page: {page}\nTable: {table}\n"
    assert f"1 of {len(exercises())} exercises passed" in page.read_text("utf-8")
    assert all("Mira Berg" in file.read_text("utf-8") for file in (page, table))


def test_a_review_of_nothing_says_so(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "review", "--dir", copy).startswith("Nothing is due.")


def test_an_update_without_news_changes_nothing(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*.ipynb")}
    run(capsys, "update", "--dir", copy)
    assert {path: path.read_bytes() for path in copy.rglob("*.ipynb")} == before


def test_a_reset_keeps_what_was_there(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = copy / exercise_notebook("07_eager_loading")
    given = notebook.read_text("utf-8")
    mine = given.replace("with_posts", "my_posts")
    notebook.write_text(mine, encoding="utf-8", newline="\n")
    run(capsys, "reset", "7", "--dir", copy)
    assert notebook.read_text("utf-8") == given
    assert any(path.read_text("utf-8") == mine for path in (copy / ".course" / "backups").rglob("*.ipynb"))


@pytest.mark.parametrize(
    "words",
    [
        ("reset", "99", "--dir", "{copy}"),
        ("update", "--dir", "{folder}"),
        ("progress", "--dir", "{folder}"),
        ("progress", "--dir", "{copy}", "--html", "{copy}/00_start_here.ipynb"),
        ("review", "--dir", "{folder}"),
        ("exercises", "--dir", "{folder}"),
        ("class", "release", "{folder}", "07"),
        ("class", "report", "{folder}", "07"),
        ("slides", "99", "{folder}"),
        ("cut", "99"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_mistake_gets_a_sentence_and_no_traceback(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert cli.main([word.format(copy=copy, folder=tmp_path) for word in words]) == 1
    assert capsys.readouterr().err.startswith("✗ ")


def test_the_place_of_the_copy_is_the_named_one_the_one_around_or_the_usual_one(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JUPYTERHUB_USER", "JUPYTERHUB_SERVICE_PREFIX", "COURSE_COPY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert copy_at(Path("named")) == tmp_path / "named"
    assert copy_at(None) == ROOT / "my_course"
    monkeypatch.chdir(copy / "exercises")
    assert copy_at(None) == copy


@pytest.fixture
def shared_kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kit on a hub, beside which its owner has made a copy; the learner's home is `home`."""
    monkeypatch.setattr(asking, "ROOT", tmp_path / "kit")
    monkeypatch.setenv("JUPYTERHUB_USER", "anna")
    monkeypatch.delenv("COURSE_COPY", raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    copies.start(tmp_path / "kit" / "my_course")
    return tmp_path / "kit"


def test_beside_a_shared_kit_nobody_works_in_the_copy_of_its_owner(
    shared_kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (shared_kit, shared_kit / "my_course", shared_kit / "my_course" / "exercises"):
        monkeypatch.chdir(place)
        assert copy_at(None) == tmp_path / "home" / "my_course"
    assert copy_at(shared_kit / "my_course") == shared_kit / "my_course"


@pytest.mark.parametrize(
    "words", [("start",), ("exercises",), ("update",), ("reset", "07"), ("progress",), ("review",)]
)
def test_each_command_without_a_folder_takes_the_copy_at_home(
    shared_kit: Path, tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(shared_kit)
    copies.start(tmp_path / "home" / "my_course")
    asyncio.run(progress_of(tmp_path / "home" / "my_course").record("07.2", "passed"))
    monkeypatch.chdir(shared_kit / "my_course")
    assert cli.main(words) == 0
    assert everything(shared_kit) == before


def test_an_earlier_copy_of_ones_own_is_told_when_a_new_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "left_beside", lambda: tmp_path / "earlier")
    assert prepare(tmp_path / "new")[1:] == [
        f"An earlier copy of yours is kept: `course lab --dir '{tmp_path / 'earlier'}'` opens it."
    ]


def test_a_copy_that_is_there_is_only_named(copy: Path) -> None:
    assert prepare(copy) == [f"Your copy of the course: {copy}"]


def test_slides_and_a_course_folder_are_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "07_eager_loading.slides.html" in run(capsys, "slides", "07", tmp_path / "slides")
    run(capsys, "class", "init", tmp_path / "class")
    assert (tmp_path / "class" / "source" / "07_eager_loading" / "07_eager_loading.ipynb").is_file()
