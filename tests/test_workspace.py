"""A learner's copy: made, brought up to date, reset; whatever happens, nothing of the learner's is lost."""

import itertools
import random
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock
import nbformat
import pytest
from processes import only_posix

from course_lib.lab.doctor import ROOT
from course_lib.lab.workspace import (
    WorkspaceError,
    find,
    kit_has_news,
    merging,
    reset,
    start,
    update,
)
from course_lib.lab.workspace.files import LANDING, TEMPORARY, together

LESSON, EXERCISES = "07_eager_loading.ipynb", "exercises/07_eager_loading.ipynb"
TASKS = {
    "title": "# Exercises 07: Eager loading",
    "task-1": "## 07.1 First\n\n**make**",
    "answer-1": "def one(): ...",
    "task-2": "## 07.2 Second\n\n**fix**",
    "answer-2": "def two(): ...",
    "check-2": 'await check("07.2", two)',
    "task-3": "## 07.3 Third\n\n**fix**",
    "answer-3": "def three(): ...",
}


def cell(name: str, source: str) -> Any:
    if source.startswith(("#", "*")):
        return nbformat.v4.new_markdown_cell(source, id=name)
    return nbformat.v4.new_code_cell(source, id=name)


def save(path: Path, cells: dict[str, str]) -> Path:
    """Write a notebook with these cells, as Jupyter does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=[cell(name, source) for name, source in cells.items()])
    nbformat.write(notebook, path)
    return path


def load(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def sources(path: Path) -> dict[str, str]:
    return {cell.id: cell.source for cell in load(path).cells}


def edit(path: Path, **changes: str | None) -> None:
    """Change cells as a learner does; None deletes one. `answer_1` stands for the id answer-1."""
    wanted = {name.replace("_", "-"): source for name, source in changes.items()}
    notebook = load(path)
    notebook.cells = [each for each in notebook.cells if wanted.get(each.id, "") is not None]
    for each in notebook.cells:
        each.source = wanted.get(each.id, each.source)
    nbformat.write(notebook, path)


def everything(folder: Path) -> dict[str, bytes]:
    """Every file of a copy but the lock, which is empty and comes and goes on some systems."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A small kit: one lesson that has been run, and one exercise notebook."""
    kit = tmp_path / "kit" / "notebooks"
    save(kit / EXERCISES, TASKS)
    lesson = load(save(kit / LESSON, {"title": "# Load once", "ask": "predict(2)", "show": "1 + 1"}))
    lesson.cells[2].outputs = [nbformat.v4.new_output("stream", text="the answer")]
    lesson.cells[2].execution_count = 7
    nbformat.write(lesson, kit / LESSON)
    return kit


@pytest.fixture
def copy(tmp_path: Path, kit: Path) -> Path:
    start(tmp_path / "mine", kit=kit)
    return tmp_path / "mine"


# start


def test_a_copy_has_every_notebook_and_no_outputs(copy: Path, kit: Path) -> None:
    shown = load(copy / LESSON).cells[2]

    assert sources(copy / LESSON) == sources(kit / LESSON)
    assert sources(copy / EXERCISES) == TASKS
    assert (shown.outputs, shown.execution_count) == ([], None)


def test_the_kit_itself_gives_a_copy_without_outputs_that_has_no_news(tmp_path: Path) -> None:
    start(tmp_path / "mine")

    lessons = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
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


def test_a_kit_without_notebooks_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="nowhere holds no notebooks"):
        start(tmp_path / "mine", kit=tmp_path / "nowhere")


# update: one cell at a time


def test_the_kits_change_comes_in_where_the_learner_changed_nothing(copy: Path, kit: Path) -> None:
    save(kit / EXERCISES, TASKS | {"task-2": "## 07.2 Second, in new words"})

    lines = update(copy, kit=kit)

    assert sources(copy / EXERCISES)["task-2"] == "## 07.2 Second, in new words"
    assert lines[0] == f"{EXERCISES}: brought up to date (cells: 1 changed)."


def test_the_learners_edit_stays_where_the_kit_changed_another_cell(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_2="def two(): return 2")
    save(kit / EXERCISES, TASKS | {"task-2": "## 07.2 Second, in new words"})

    update(copy, kit=kit)

    assert sources(copy / EXERCISES)["answer-2"] == "def two(): return 2"
    assert sources(copy / EXERCISES)["task-2"] == "## 07.2 Second, in new words"


def test_where_both_changed_a_cell_the_learners_stays_and_the_new_one_is_quoted_below(
    copy: Path, kit: Path
) -> None:
    edit(copy / EXERCISES, answer_2="def two(): return 2")
    save(kit / EXERCISES, TASKS | {"answer-2": 'def two():\n    """Two ```users```."""'})

    lines = update(copy, kit=kit)

    cells = load(copy / EXERCISES).cells
    place = [each.id for each in cells].index("answer-2")
    both = "you and the kit both changed it; yours stays, the new version stands below it"
    assert f"{EXERCISES}: cell answer-2: {both}." in lines
    assert cells[place].source == "def two(): return 2"
    assert cells[place + 1].cell_type == "markdown"
    assert cells[place + 1].source.endswith('````python\ndef two():\n    """Two ```users```."""\n````')


def test_outputs_stay_where_the_source_stays_and_go_where_it_changed(copy: Path, kit: Path) -> None:
    notebook = load(copy / LESSON)
    for each in notebook.cells[1:]:
        each.outputs = [nbformat.v4.new_output("stream", text="seen")]
    nbformat.write(notebook, copy / LESSON)
    save(kit / LESSON, {"title": "# Load once", "ask": "predict(3)", "show": "1 + 1"})

    update(copy, kit=kit)

    _, ask, show = load(copy / LESSON).cells
    assert (ask.source, ask.outputs, show.outputs[0].text) == ("predict(3)", [], "seen")


def test_the_learners_own_cells_stay_behind_the_cells_they_followed(copy: Path, kit: Path) -> None:
    notebook = load(copy / EXERCISES)
    notebook.cells.insert(0, cell("first", "'first of all'"))
    notebook.cells.insert(4, cell("tried", "one()"))
    nbformat.write(notebook, copy / EXERCISES)
    new = {"intro": "# Welcome", **TASKS, "more": "# More"}
    del new["answer-3"]
    save(kit / EXERCISES, new)

    update(copy, kit=kit)

    names = list(sources(copy / EXERCISES))
    assert names == ["first", "intro", "title", "task-1", "answer-1", "tried", *list(TASKS)[3:-1], "more"]


def test_cells_that_the_learner_deleted_stay_deleted(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, title=None, task_1=None)
    save(kit / EXERCISES, TASKS | {"task-1": "## 07.1 First, in new words", "more": "# More"})

    lines = update(copy, kit=kit)

    assert list(sources(copy / EXERCISES)) == [*list(TASKS)[2:], "more"]
    assert f"{EXERCISES}: cell task-1: you deleted it and the kit changed it; it stays deleted." in lines
    assert not any("title" in line for line in lines)


def test_a_cell_that_the_kit_dropped_goes_unless_the_learner_changed_it(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_1="def one(): return 1")
    save(kit / EXERCISES, {name: TASKS[name] for name in TASKS if name not in ("answer-1", "answer-3")})

    lines = update(copy, kit=kit)

    assert sources(copy / EXERCISES)["answer-1"] == "def one(): return 1"
    assert "answer-3" not in sources(copy / EXERCISES)
    assert f"{EXERCISES}: cell answer-1: the kit no longer has it and you changed it; yours stays." in lines


def test_cells_that_the_learner_moved_stay_in_that_order(copy: Path, kit: Path) -> None:
    notebook = load(copy / EXERCISES)
    notebook.cells.append(notebook.cells.pop(0))
    nbformat.write(notebook, copy / EXERCISES)
    save(kit / EXERCISES, TASKS | {"task-2": "## 07.2 Second, in new words"})

    update(copy, kit=kit)

    assert list(sources(copy / EXERCISES)) == [*list(TASKS)[1:], "title"]


def test_cells_that_only_got_other_ids_are_not_taken_for_changed_ones(tmp_path: Path, kit: Path) -> None:
    given = {f"cell-0{number}": f"say({number})" for number in range(5)}
    save(kit / LESSON, given)
    start(tmp_path / "mine", kit=kit)
    edit(tmp_path / "mine" / LESSON, cell_03="say('mine')")
    save(kit / LESSON, {f"cell-0{place}": text for place, text in enumerate(["new()", *given.values()])})

    lines = update(tmp_path / "mine", kit=kit)

    expected = ["new()", "say(0)", "say(1)", "say(2)", "say('mine')", "say(4)"]
    assert list(sources(tmp_path / "mine" / LESSON).values()) == expected
    assert lines[0] == f"{LESSON}: brought up to date (cells: 1 new)."
    assert not kit_has_news(tmp_path / "mine", kit=kit)


def test_a_changed_cell_is_known_by_its_place_where_the_cells_were_numbered_anew(
    tmp_path: Path, kit: Path
) -> None:
    texts = [f"say({number})" for number in range(5)]
    save(kit / LESSON, {f"cell-{place}": text for place, text in enumerate(texts)})
    start(tmp_path / "mine", kit=kit)
    edit(tmp_path / "mine" / LESSON, cell_3="say('mine')")
    for text in ("new()", "newer()"):
        texts = [text, *texts]
        texts[-2] = f"say('{text}')"  # the cell that the learner edited

        save(kit / LESSON, {f"cell-{place}": text for place, text in enumerate(texts)})

        both = "you and the kit both changed it; yours stays, the new version stands below it"
        assert f"{LESSON}: cell cell-3: {both}." in update(tmp_path / "mine", kit=kit)


def test_cells_whose_ids_another_program_dropped_are_known_by_their_content(copy: Path, kit: Path) -> None:
    notebook = load(copy / EXERCISES)
    notebook.nbformat_minor = 4
    for each in notebook.cells:
        del each["id"]
    nbformat.write(notebook, copy / EXERCISES)
    save(kit / EXERCISES, TASKS | {"task-2": "## 07.2 Second, in new words"})

    update(copy, kit=kit)

    assert sources(copy / EXERCISES) == TASKS | {"task-2": "## 07.2 Second, in new words"}
    assert load(copy / EXERCISES).nbformat_minor == 5  # the first format in which cells have ids


def test_the_points_of_a_cell_come_in_and_the_learners_tags_stay(copy: Path, kit: Path) -> None:
    for path, key, value in ((copy, "tags", ["mine"]), (kit, "nbgrader", {"points": 3})):
        notebook = load(path / EXERCISES)
        notebook.cells[5].metadata[key] = value
        nbformat.write(notebook, path / EXERCISES)

    update(copy, kit=kit)

    assert load(copy / EXERCISES).cells[5].metadata == {"tags": ["mine"], "nbgrader": {"points": 3}}


# update: whole notebooks


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


def test_a_notebook_without_news_stays_as_it_is_byte_for_byte(copy: Path, kit: Path) -> None:
    (copy / LESSON).write_text((copy / LESSON).read_text(encoding="utf-8") + "\n\n", encoding="utf-8")
    before = (copy / LESSON).read_bytes()
    save(kit / EXERCISES, TASKS | {"title": "# New"})

    update(copy, kit=kit)

    assert (copy / LESSON).read_bytes() == before


def test_a_merged_notebook_is_written_as_jupyter_writes_it(copy: Path, kit: Path) -> None:
    save(kit / EXERCISES, TASKS | {"title": "# Naïve → “quoted”"})

    update(copy, kit=kit)

    text = (copy / EXERCISES).read_bytes().decode()
    assert text == nbformat.writes(nbformat.reads(text, as_version=4)) + "\n"


def test_a_new_notebook_comes(copy: Path, kit: Path) -> None:
    save(kit / "08_pagination.ipynb", {"title": "# Pages"})

    assert kit_has_news(copy, kit=kit)
    assert update(copy, kit=kit) == ["08_pagination.ipynb: new."]
    assert sources(copy / "08_pagination.ipynb") == {"title": "# Pages"}


def test_a_new_notebook_does_not_replace_the_learners_own_of_that_name(copy: Path, kit: Path) -> None:
    save(copy / "08_pagination.ipynb", {"mine": "1"})
    save(kit / "08_pagination.ipynb", {"title": "# Pages"})
    before = everything(copy)

    assert "your own file stays" in update(copy, kit=kit)[0]
    assert everything(copy) == before


def test_a_notebook_that_the_kit_dropped_stays(copy: Path, kit: Path) -> None:
    (kit / LESSON).unlink()

    assert update(copy, kit=kit) == [f"{LESSON}: the kit no longer has it; yours stays."]
    assert (copy / LESSON).exists()


def test_a_notebook_that_the_learner_deleted_stays_away_until_it_is_reset(copy: Path, kit: Path) -> None:
    (copy / EXERCISES).unlink()
    save(kit / EXERCISES, TASKS | {"title": "# New"})

    lines = update(copy, kit=kit)

    again = "`course reset 07` brings it back"
    assert lines == [f"{EXERCISES}: you deleted it, so it stays away. {again}."]
    assert not (copy / EXERCISES).exists()
    reset(copy, "07", kit=kit)
    assert sources(copy / EXERCISES)["title"] == "# New"


@pytest.mark.parametrize("broken", ["{ half", "", "[]", '{"nbformat": 4, "cells": [1]}', '{"nbformat": 3}'])
def test_a_broken_notebook_is_kept_and_not_touched(copy: Path, kit: Path, broken: str) -> None:
    (copy / EXERCISES).write_text(broken, encoding="utf-8")
    save(kit / EXERCISES, TASKS | {"title": "# New"})

    for _ in range(2):
        lines = update(copy, kit=kit)

        assert "no notebook any more" in lines[0]
        assert (copy / EXERCISES).read_text(encoding="utf-8") == broken
        backups = [path.read_text(encoding="utf-8") for path in (copy / ".course/backups").rglob("*.ipynb")]
        assert backups == [broken]


def test_a_damaged_copy_of_what_was_given_loses_nothing(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_2="def two(): return 2")
    (copy / ".course/given" / EXERCISES).write_bytes(b"{")

    update(copy, kit=kit)

    assert sources(copy / EXERCISES)["answer-2"] == "def two(): return 2"
    assert not kit_has_news(copy, kit=kit)


def test_a_folder_that_is_no_copy_is_named(tmp_path: Path, kit: Path) -> None:
    for command in (update, kit_has_news):
        with pytest.raises(WorkspaceError, match="is no copy of the course"):
            command(tmp_path, kit=kit)
    with pytest.raises(WorkspaceError, match="is no copy of the course"):
        reset(tmp_path, "07", kit=kit)


def test_a_broken_notebook_of_the_kit_is_named_and_changes_nothing(copy: Path, kit: Path) -> None:
    (kit / LESSON).write_text("{", encoding="utf-8")
    save(kit / EXERCISES, TASKS | {"title": "# New"})
    before = everything(copy)

    with pytest.raises(WorkspaceError, match=LESSON):
        update(copy, kit=kit)
    assert everything(copy) == before


@only_posix
@pytest.mark.parametrize("linked", [EXERCISES, "exercises"])
def test_a_link_is_refused_and_what_it_leads_to_stays(copy: Path, kit: Path, linked: str) -> None:
    (copy / linked).rename(copy.parent / "elsewhere")
    (copy / linked).symlink_to(copy.parent / "elsewhere")
    save(kit / EXERCISES, TASKS | {"title": "# New"})
    save(kit / LESSON, {"title": "# New"})
    before = everything(copy.parent)

    with pytest.raises(WorkspaceError, match=f"{linked} is a link"):
        update(copy, kit=kit)
    assert everything(copy.parent) == before


def test_a_read_only_notebook_is_refused_and_nothing_else_changes(copy: Path, kit: Path) -> None:
    (copy / EXERCISES).chmod(stat.S_IREAD)
    save(kit / EXERCISES, TASKS | {"title": "# New"})
    save(kit / LESSON, {"title": "# New"})
    before = everything(copy)

    with pytest.raises(WorkspaceError, match="is read-only"):
        update(copy, kit=kit)
    assert everything(copy) == before


@only_posix
def test_a_replaced_notebook_keeps_its_permissions(copy: Path, kit: Path) -> None:
    (copy / EXERCISES).chmod(0o640)
    save(kit / EXERCISES, TASKS | {"title": "# New"})

    update(copy, kit=kit)

    assert stat.S_IMODE((copy / EXERCISES).stat().st_mode) == 0o640


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


def test_two_resets_in_one_second_keep_two_backups(copy: Path, kit: Path) -> None:
    for text in ("# Mine", "# Mine too"):
        edit(copy / EXERCISES, title=text)
        reset(copy, "07", kit=kit)

    titles = [sources(path)["title"] for path in (copy / ".course/backups").rglob("*.ipynb")]
    assert sorted(titles) == ["# Mine", "# Mine too"]


def test_a_reset_of_what_is_as_it_was_given_changes_nothing(copy: Path, kit: Path) -> None:
    before = everything(copy)

    assert "nothing changed" in reset(copy, "07", kit=kit)[0]
    assert "nothing changed" in reset(copy, "07.3", kit=kit)[0]
    assert everything(copy) == before


def test_a_reset_says_when_the_kit_has_something_newer(copy: Path, kit: Path) -> None:
    save(kit / EXERCISES, TASKS | {"title": "# New"})

    assert "`course update` brings them" in reset(copy, "07", kit=kit)[-1]


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
    asked = "import sys; from course_lib.lab.workspace import find; print(find(), 'nbformat' in sys.modules)"
    words = [sys.executable, "-c", asked]
    done = subprocess.run(words, cwd=copy, check=True, capture_output=True, text=True)

    assert done.stdout.split() == [str(copy), "False"]


# what else is at work, and what fails

COMMAND = """
import difflib, sys, nbformat.v4  # loaded before the start, so that a kill meets the work itself
from pathlib import Path
from course_lib.lab.workspace import WorkspaceError, files, reset, start, update
command, folder, *kits = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
try:
    for kit in kits:
        print(*{"update": update, "start": start}[command](Path(folder), kit=Path(kit)), sep="\\n", flush=True)
except WorkspaceError as error:
    sys.exit(f"refused: {error}")
"""


def command(*words: object, before: str = "") -> "subprocess.Popen[str]":
    """A process that is about to run a command: it waits for a line."""
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen([sys.executable, "-c", before + COMMAND, *map(str, words)], text=True, **pipes)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_updates_at_once_do_the_work_once(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_2="def two(): return 2")
    save(kit / EXERCISES, {name: f"{source}!" for name, source in TASKS.items()})
    both = [command("update", copy, kit) for _ in range(2)]

    for process in both:
        go(process)
    told = sorted(process.communicate()[0].count("\n") for process in both)

    assert [process.returncode for process in both] == [0, 0]
    assert told == [1, 3]
    assert sources(copy / EXERCISES)["answer-2"] == "def two(): return 2"
    assert len(list((copy / ".course/backups").rglob("*.ipynb"))) == 1


def test_two_starts_at_once_make_one_copy(tmp_path: Path, kit: Path) -> None:
    both = [command("start", tmp_path / "mine", kit) for _ in range(2)]

    for process in both:
        go(process)
    told = "".join(process.communicate()[0] for process in both)

    assert [process.returncode for process in both] == [0, 0]
    assert "with 1 lessons" in told
    assert "is your copy already" in told


def test_a_command_that_waits_too_long_says_what_to_do(copy: Path, kit: Path) -> None:
    before = "from course_lib.lab.workspace import files; files.PATIENCE = 0.1\n"
    with filelock.FileLock(copy / ".course/lock"):
        process = command("update", copy, kit, before=before)
        _, error = process.communicate("\n")

    assert process.returncode == 1
    assert "Another course command is at work" in error


def replace_all(copy: Path) -> None:
    """A command that writes both notebooks; while it works, the learner saves one of them."""
    with together(copy) as batch:
        for name in (LESSON, EXERCISES):
            batch.put(copy / name, b"new", over=(copy / name).read_bytes())
        edit(copy / EXERCISES, title="# Mine")


def test_a_notebook_that_is_saved_while_a_command_runs_is_not_replaced(copy: Path) -> None:
    before = everything(copy)

    with pytest.raises(WorkspaceError, match=r"07_eager_loading\.ipynb was changed just now"):
        replace_all(copy)

    assert sources(copy / EXERCISES)["title"] == "# Mine"
    assert everything(copy) == before | {EXERCISES: (copy / EXERCISES).read_bytes()}


FULL_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
"""


@only_posix
@pytest.mark.parametrize("name", [EXERCISES, "exercises/08_pagination.ipynb", "08_pagination.ipynb"])
def test_a_full_disk_changes_nothing_and_the_next_update_goes_on(copy: Path, kit: Path, name: str) -> None:
    edit(copy / EXERCISES, answer_2="def two(): return 2")
    save(kit / LESSON, {"title": "# New"})
    save(kit / name, TASKS | {"big": "# " + "x" * 30_000})
    before = everything(copy)

    process = command("update", copy, kit, before=FULL_DISK)
    _, error = process.communicate("\n")

    assert "File too large. No notebook was changed." in error
    assert "Traceback" not in error
    assert everything(copy) == before
    update(copy, kit=kit)
    assert sources(copy / name)["big"].endswith("x")
    assert sources(copy / EXERCISES)["answer-2"] == "def two(): return 2"


@only_posix
def test_a_full_disk_at_the_start_leaves_no_half_copy(tmp_path: Path, kit: Path) -> None:
    save(kit / EXERCISES, TASKS | {"big": "# " + "x" * 30_000})

    process = command("start", tmp_path / "mine", kit, before=FULL_DISK)
    _, error = process.communicate("\n")

    assert "File too large" in error
    assert everything(tmp_path / "mine") == {}
    start(tmp_path / "mine", kit=kit)
    assert (tmp_path / "mine" / EXERCISES).exists()


@pytest.fixture
def wide_kits(tmp_path: Path) -> list[Path]:
    """Two versions of a kit of twelve notebooks."""
    kits = [tmp_path / "old", tmp_path / "new"]
    for kit, number in itertools.product(kits, range(12)):
        cells = {name: f"{source}  # {kit.name}" for name, source in TASKS.items()}
        save(kit / f"exercises/{number:02}_topic.ipynb", cells)
    return kits


def assert_every_answer_is_there(copy: Path) -> None:
    for path in copy.glob("exercises/[0-9]*.ipynb"):
        content = path.read_bytes()
        assert f"mine = {path.stem!r}".encode() in content
        assert content.endswith(b"}\n")


@only_posix
def test_an_update_killed_at_any_moment_loses_nothing(tmp_path: Path, wide_kits: list[Path]) -> None:
    copy, chance = tmp_path / "mine", random.Random(7)
    start(copy, kit=wide_kits[0])
    for path in (copy / "exercises").glob("*.ipynb"):
        edit(path, answer_2=f"mine = {path.stem!r}", answer_3=None)

    for _ in range(12):
        with command("update", copy, *wide_kits[::-1] * 200) as process:
            go(process)
            end = time.monotonic() + chance.uniform(0.05, 0.4)
            while time.monotonic() < end:  # whoever reads in between never sees half a notebook
                assert_every_answer_is_there(copy)
            process.kill()
        assert_every_answer_is_there(copy)

    update(copy, kit=wide_kits[1])
    given = {path.name: sources(path) for path in (copy / "exercises").glob("[0-9]*.ipynb")}
    assert len(given) == 12
    assert all(each["title"].endswith("# new") and "answer-3" not in each for each in given.values())
    assert not [name for name in everything(copy) if name.endswith(TEMPORARY)]


@only_posix
@pytest.mark.parametrize("moment", range(1, 12))
def test_a_start_killed_between_two_notebooks_can_be_started_again(
    tmp_path: Path, wide_kits: list[Path], moment: int
) -> None:
    copy = tmp_path / "mine"
    with command("start", copy, wide_kits[0]) as process:
        go(process)
        while len(list(copy.glob("exercises/[0-9]*.ipynb"))) < moment and process.poll() is None:
            pass  # the next notebook comes within a millisecond
        process.kill()
    there = list(copy.glob("exercises/[0-9]*.ipynb"))
    for path in there:
        edit(path, answer_2="mine = 2")

    start(copy, kit=wide_kits[0])
    update(copy, kit=wide_kits[1])

    assert len(list(copy.glob("exercises/[0-9]*.ipynb"))) == 12
    assert all(sources(path)["answer-2"] == "mine = 2" for path in there)
    assert not [name for name in everything(copy) if name.endswith(TEMPORARY)]


@pytest.mark.parametrize("last", [f".course/given/{EXERCISES}", ".course/workspace.json"])
def test_an_unfinished_start_goes_on_where_it_ended(copy: Path, kit: Path, last: str) -> None:
    """As if it had been killed just before the file named last had taken its place."""
    edit(copy / EXERCISES, answer_2="mine = 2")
    for name in (last, ".course/workspace.json"):
        if (path := copy / name).exists():
            path.rename(path.with_name(f".{path.name}{TEMPORARY}"))
    (copy / LANDING).touch()

    start(copy, kit=kit)

    assert sources(copy / EXERCISES) == TASKS | {"answer-2": "mine = 2"}
    assert find(copy) == copy
    assert not kit_has_news(copy, kit=kit)


@pytest.mark.parametrize("landed", [True, False])
def test_what_a_killed_update_had_brought_is_known_as_given(copy: Path, kit: Path, *, landed: bool) -> None:
    """Killed between the notebook and what was given with it, or before both; then the kit changes again."""
    edit(copy / EXERCISES, answer_2="mine = 2")
    before = {name: (copy / name).read_bytes() for name in (EXERCISES, f".course/given/{EXERCISES}")}
    save(kit / EXERCISES, TASKS | {"title": "# New"})
    update(copy, kit=kit)
    for name in list(before)[landed:]:
        path = copy / name
        path.rename(path.with_name(f".{path.name}{TEMPORARY}"))
        path.write_bytes(before[name])
    (copy / LANDING).touch()
    save(kit / EXERCISES, TASKS | {"title": "# Newest"})

    update(copy, kit=kit)

    assert sources(copy / EXERCISES) == TASKS | {"title": "# Newest", "answer-2": "mine = 2"}


def test_half_a_file_that_a_killed_update_left_is_cleared_away(copy: Path, kit: Path) -> None:
    edit(copy / EXERCISES, answer_2="mine = 2")
    before = everything(copy)
    (copy / f".course/given/exercises/.{Path(EXERCISES).name}{TEMPORARY}").write_bytes(b"{ half")

    update(copy, kit=kit)

    assert everything(copy) == before


def test_a_command_killed_at_its_very_end_leaves_no_trace_after_the_next(copy: Path, kit: Path) -> None:
    before = everything(copy)
    (copy / LANDING).touch()

    with pytest.raises(WorkspaceError, match="no exercise"):
        reset(copy, "07.9", kit=kit)

    assert everything(copy) == before


# every combination

STATES: Sequence[tuple[str | None, str | None, str | None]] = [
    *itertools.product([None, "given"], [None, "given", "mine"], [None, "given", "new", "mine"])
]


def versions(chosen: Sequence[tuple[str | None, ...]]) -> list[dict[str, str]]:
    """A notebook as it was given, as the learner has it, and as the kit has it now."""
    return [
        {f"c{place}": f"{state[which]}({place})" for place, state in enumerate(chosen) if state[which]}
        for which in range(3)
    ]


@pytest.mark.parametrize("seed", range(40))
def test_no_source_of_the_learners_disappears_whatever_both_do(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    was, mine, new = versions(chance.sample(STATES, len(STATES)))
    if seed % 3 == 0:  # the learner also moves cells
        mine = dict(chance.sample(list(mine.items()), len(mine)))
    kit, copy = tmp_path / "kit", tmp_path / "mine"
    save(kit / EXERCISES, was)
    start(copy, kit=kit)
    save(copy / EXERCISES, mine)
    save(kit / EXERCISES, new)

    update(copy, kit=kit)

    after = sources(copy / EXERCISES)
    own = {name: source for name, source in mine.items() if source != was.get(name)}
    assert {name: after.get(name) for name in own} == own
    kept = [name for name in after if name in mine]
    assert seed % 3 or kept == [name for name in mine if name in after]
    assert not kit_has_news(copy, kit=kit)


@pytest.mark.parametrize("seed", range(20))
def test_a_merge_done_twice_over_is_the_merge_done_once(seed: int) -> None:
    """What happens when a process is killed after the notebook was written, and before the given one was."""
    chosen = random.Random(seed).sample(STATES, len(STATES))
    was, mine, new = (
        nbformat.v4.new_notebook(cells=[cell(name, source) for name, source in each.items()])
        for each in versions(chosen)
    )

    once = merging.merge(was, mine, new).notebook
    twice = merging.merge(was, once, new).notebook

    came_back = {f"c{place}" for place, state in enumerate(chosen) if state[0] and not state[1]}
    assert merging.written(twice) == merging.written(once)
    assert came_back.isdisjoint(merging.by_id(once))


def test_a_half_character_in_an_output_is_written_again_as_it_was(copy: Path, kit: Path) -> None:
    notebook = load(copy / LESSON)
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="HALF")]
    text = nbformat.writes(notebook).replace("HALF", "\\ud83d")
    (copy / LESSON).write_text(text, encoding="utf-8")
    save(kit / LESSON, {"title": "# New", "ask": "predict(2)", "show": "1 + 1"})

    update(copy, kit=kit)

    assert "\\ud83d" in (copy / LESSON).read_text(encoding="utf-8")


def test_writing_leaves_nothing_open(copy: Path, kit: Path) -> None:
    """On Windows an open file could not be replaced; here the descriptors tell."""
    save(kit / EXERCISES, TASKS | {"title": "# New"})
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("no /proc here")
    before = len(list(descriptors.iterdir()))

    update(copy, kit=kit)

    assert len(list(descriptors.iterdir())) == before
