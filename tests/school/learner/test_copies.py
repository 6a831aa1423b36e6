"""A learner's copy: made, brought up to date, reset, and found from inside; nothing of the learner's is lost."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from learner_copies import EXERCISES, LESSON, TASKS, cell, edit, everything, load, save, sources
from processes import only_posix

from course_lib.school.kit_files import ROOT
from course_lib.school.learner.copies import find, kit_has_news, reset, start, update
from course_lib.school.learner.files import WorkspaceError

# start


def test_a_copy_has_every_notebook_and_no_outputs(copy: Path, kit: Path) -> None:
    shown = load(copy / LESSON).cells[2]

    assert sources(copy / LESSON) == sources(kit / LESSON)
    assert sources(copy / EXERCISES) == TASKS
    assert (shown.outputs, shown.execution_count) == ([], None)


def test_the_kit_itself_gives_a_copy_without_outputs_that_has_no_news(tmp_path: Path) -> None:
    start(tmp_path / "mine")

    lessons = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert sorted(path.name for path in (tmp_path / "mine").glob("*.ipynb")) == lessons
    assert all(not each.get("outputs") for name in lessons for each in load(tmp_path / "mine" / name).cells)
    assert update(tmp_path / "mine") == [
        "Nothing is new: your copy has the newest version of every notebook."
    ]


def test_a_second_start_changes_nothing_and_says_so(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_1="def one(): return 1")
    before = everything(copy)

    assert "is your copy already" in start(copy, kit=kit)[0]
    assert everything(copy) == before


def test_a_copy_may_share_its_folder_with_other_files(tmp_path: Path, kit: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")

    start(tmp_path, kit=kit)

    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / EXERCISES).exists()


@pytest.mark.parametrize("name", [LESSON, EXERCISES])
def test_a_file_that_would_be_overwritten_is_named_and_nothing_is_written(
    tmp_path: Path, kit: Path, name: str
) -> None:
    save(tmp_path / "mine" / name, {"a": "1"})
    before = everything(tmp_path)

    with pytest.raises(WorkspaceError, match=Path(name).name):
        start(tmp_path / "mine", kit=kit)
    assert everything(tmp_path) == before
    assert not (tmp_path / "mine" / ".course").exists()


@pytest.mark.parametrize("place", ["kit/notebooks", "kit/notebooks/mine", "kit"])
def test_a_copy_never_lies_in_the_kit(tmp_path: Path, kit: Path, place: str) -> None:
    before = everything(tmp_path)

    with pytest.raises(WorkspaceError, match="belongs to the kit"):
        start(tmp_path / place, kit=kit)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("place", [".", ".course", "exercises"])
def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path, kit: Path, place: str) -> None:
    path = tmp_path / "mine" / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine", encoding="utf-8")

    with pytest.raises(WorkspaceError, match="is a file"):
        start(tmp_path / "mine", kit=kit)
    assert path.read_text(encoding="utf-8") == "mine"


# update


def test_a_second_update_changes_nothing(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_2="def two(): return 2", answer_3=None)
    save(kit / EXERCISES, {name: f"{source}!" for name, source in TASKS.items()})
    update(copy, kit=kit)
    before = everything(copy)

    assert update(copy, kit=kit) == ["Nothing is new: your copy has the newest version of every notebook."]
    assert everything(copy) == before


def test_a_notebook_is_kept_as_a_backup_before_it_is_replaced(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_2="def two(): return 2")
    versions = []
    for text in ("newer", "newest"):
        versions.append((copy / EXERCISES).read_bytes())
        save(kit / EXERCISES, TASKS | {"title": f"# {text}"})
        line = update(copy, kit=kit)[-1]
        assert (copy / line.split(" kept in ")[1].rstrip(".")).read_bytes() == versions[-1]

    backups = sorted(path.read_bytes() for path in (copy / ".course/backups").rglob("*.ipynb"))
    assert backups == sorted(versions)


def test_a_folder_that_is_no_copy_is_named(tmp_path: Path, kit: Path) -> None:
    for command in (update, kit_has_news):
        with pytest.raises(WorkspaceError, match="is no copy of the course"):
            command(tmp_path, kit=kit)
    with pytest.raises(WorkspaceError, match="is no copy of the course"):
        reset(tmp_path, "07", kit=kit)


# reset


def test_one_exercise_is_given_afresh_and_the_others_stay(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_1="def one(): return 1", answer_2="def two(): return 2", check_2=None)
    before = (copy / EXERCISES).read_bytes()

    lines = reset(copy, "07.2", kit=kit)

    assert sources(copy / EXERCISES) == TASKS | {"answer-1": "def one(): return 1"}
    assert lines[0] == f"{EXERCISES}, exercise 07.2: as it was given."
    assert (copy / lines[1].split(" kept in ")[1].rstrip(".")).read_bytes() == before


def test_a_reset_exercise_has_no_quotation_of_a_new_version_left(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_2="def two(): return 2")
    save(kit / EXERCISES, TASKS | {"answer-2": "def two(new): ..."})
    update(copy, kit=kit)

    reset(copy, "07.2", kit=kit)

    assert sources(copy / EXERCISES) == TASKS | {"answer-2": "def two(new): ..."}


def test_cells_that_the_learner_added_outlive_the_reset_of_an_exercise(copy: Path, kit: Path) -> None:
    notebook = load(copy / EXERCISES)
    notebook.cells.insert(5, cell("tried", "two()"))
    nbformat.write(notebook, copy / EXERCISES)
    edit(copy / EXERCISES, task_3=None)

    reset(copy, "07.2", kit=kit)

    assert set(sources(copy / EXERCISES)) == {*TASKS, "tried"} - {"task-3"}


@pytest.mark.parametrize(("lesson", "name"), [(False, EXERCISES), (True, LESSON)])
def test_a_whole_notebook_is_given_afresh(copy: Path, kit: Path, *, lesson: bool, name: str) -> None:
    given = (copy / name).read_bytes()
    edit(copy / name, title="# Mine")

    reset(copy, "07", lesson=lesson, kit=kit)

    assert (copy / name).read_bytes() == given
    assert sources(next((copy / ".course/backups").rglob("*.ipynb")))["title"] == "# Mine"


def test_a_broken_notebook_can_be_reset_whole(copy: Path, kit: Path) -> None:
    (copy / EXERCISES).write_text("{", encoding="utf-8")

    with pytest.raises(WorkspaceError, match="`course reset 07` gives the whole notebook"):
        reset(copy, "07.2", kit=kit)
    reset(copy, "07", kit=kit)

    assert sources(copy / EXERCISES) == TASKS
    assert next((copy / ".course/backups").rglob("*.ipynb")).read_text(encoding="utf-8") == "{"


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("11", "There is no exercise notebook 11 in {copy}; there are 07 to 07. "),
        ("07.9", "has no exercise 07.9; it has 07.1, 07.2, 07.3."),
        ("eager_loading", "'eager_loading' cannot be reset. Did you mean 07? Name it like this: 07 ("),
        ("Eager loading", "'Eager loading' cannot be reset. Did you mean 07? "),
        (EXERCISES, "Did you mean 07? "),
        ("pagination", "'pagination' cannot be reset. Name it like this: 07 ("),
    ],
)
def test_a_reset_of_what_is_not_there_says_what_is(copy: Path, kit: Path, what: str, told: str) -> None:
    with pytest.raises(WorkspaceError) as caught:
        reset(copy, what, kit=kit)
    assert told.format(copy=copy) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_reset_of_what_is_as_it_was_given_changes_nothing(copy: Path, kit: Path) -> None:
    before = everything(copy)

    assert "nothing changed" in reset(copy, "07", kit=kit)[0]
    assert "nothing changed" in reset(copy, "07.3", kit=kit)[0]
    assert everything(copy) == before


def test_a_reset_says_when_the_kit_has_something_newer(copy: Path, kit: Path) -> None:
    save(kit / EXERCISES, TASKS | {"title": "# New"})

    assert "`course update` brings them" in reset(copy, "07", kit=kit)[-1]


def test_a_page_that_is_no_lesson_comes_with_an_update_and_is_reset_by_its_name(
    copy: Path, kit: Path
) -> None:
    page = save(kit / "anomalies.ipynb", {"title": "# To look up"})
    assert update(copy, kit=kit) == ["anomalies.ipynb: new."]

    edit(copy / page.name, title="# Mine")
    assert reset(copy, "anomalies", kit=kit)[0] == "anomalies.ipynb: as it was given."
    assert sources(copy / page.name) == sources(page)

    (copy / page.name).unlink()
    save(page, {"title": "# To look up, anew"})
    assert "`course reset anomalies` brings it back." in update(copy, kit=kit)[0]
    reset(copy, "anomalies", kit=kit)
    assert sources(copy / page.name) == sources(page)


@pytest.mark.parametrize("what", ["7", "07.", "../07", "07.2.1", "", "*", "٠٧"])
def test_what_cannot_be_reset_is_named(copy: Path, kit: Path, what: str) -> None:
    with pytest.raises(WorkspaceError, match="cannot be reset") as caught:
        reset(copy, what, kit=kit)
    assert repr(what) in str(caught.value)


def test_an_exercise_that_is_not_there_is_named(copy: Path, kit: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"no exercise 07\.9"):
        reset(copy, "07.9", kit=kit)
    with pytest.raises(WorkspaceError, match="no exercise notebook 08"):
        reset(copy, "08.1", kit=kit)


# find


def test_a_copy_is_found_from_any_place_inside(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy / "exercises")

    assert find() == find(copy) == find(copy / EXERCISES) == copy
    assert find(tmp_path) is None


def test_finding_a_copy_reads_no_notebook_and_loads_no_reader(copy: Path) -> None:
    asked = "import sys; from course_lib.school.learner.copies import find; print(find(), 'nbformat' in sys.modules)"
    words = [sys.executable, "-c", asked]
    done = subprocess.run(words, cwd=copy, check=True, capture_output=True, text=True)

    assert done.stdout.split() == [str(copy), "False"]


@only_posix
def test_a_link_to_itself_is_named(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(WorkspaceError, match="loop"):
        start(loop)
