"""Whatever else is at work, and whatever fails or is killed: no file of a copy is lost or left half written."""

import itertools
import os
import random
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import filelock
import pytest
from learner_copies import EXERCISES, LESSON, TASKS, edit, everything, save, sources
from processes import only_posix

from course_lib.lab import open_files
from course_lib.school.learner.copies import find, kit_has_news, reset, start, update
from course_lib.school.learner.files import LANDING, TEMPORARY, WorkspaceError, together

COMMAND = """
import difflib, sys, nbformat.v4  # loaded before the start, so that a kill meets the work itself
from pathlib import Path
from course_lib.school.learner.copies import start, update
from course_lib.school.learner.files import WorkspaceError
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
    before = "from course_lib.school.learner import files; files.PATIENCE = 0.1\n"
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


def test_a_file_that_takes_its_place_is_on_the_disk(
    copy: Path, kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test can cut the power; which files were written to the disk, it can ask."""
    synced: set[int] = set()
    sync = os.fsync

    def noted(number: int) -> None:
        synced.add(os.fstat(number).st_ino)
        sync(number)

    monkeypatch.setattr(os, "fsync", noted)
    save(kit / EXERCISES, TASKS | {"title": "# New"})
    update(copy, kit=kit)
    assert sources(copy / EXERCISES)["title"] == "# New"
    assert (copy / EXERCISES).stat().st_ino in synced


def test_writing_leaves_nothing_open(copy: Path, kit: Path) -> None:
    """On Windows an open file could not be replaced; here the descriptors tell."""
    save(kit / EXERCISES, TASKS | {"title": "# New"})
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("no /proc here")
    before = len(list(descriptors.iterdir()))

    update(copy, kit=kit)

    assert len(list(descriptors.iterdir())) == before


def test_two_resets_in_one_second_keep_two_backups(copy: Path, kit: Path) -> None:
    for text in ("# Mine", "# Mine too"):
        edit(copy / EXERCISES, title=text)
        reset(copy, "07", kit=kit)

    titles = [sources(path)["title"] for path in (copy / ".course/backups").rglob("*.ipynb")]
    assert sorted(titles) == ["# Mine", "# Mine too"]


# what may not be written


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


# a full disk

FULL_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
"""


@only_posix
@pytest.mark.parametrize("name", [EXERCISES, "exercises/ex08_pagination.ipynb", "08_pagination.ipynb"])
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


# killed commands


@pytest.fixture
def wide_kits(tmp_path: Path) -> list[Path]:
    """Two versions of a kit of twelve notebooks."""
    kits = [tmp_path / "old", tmp_path / "new"]
    for kit, number in itertools.product(kits, range(12)):
        cells = {name: f"{source}  # {kit.name}" for name, source in TASKS.items()}
        save(kit / f"exercises/ex{number:02}_topic.ipynb", cells)
    return kits


def assert_every_answer_is_there(copy: Path) -> None:
    for path in copy.glob("exercises/ex[0-9]*.ipynb"):
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
    given = {path.name: sources(path) for path in (copy / "exercises").glob("ex[0-9]*.ipynb")}
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
        while len(list(copy.glob("exercises/ex[0-9]*.ipynb"))) < moment and process.poll() is None:
            pass  # the next notebook comes within a millisecond
        process.kill()
    there = list(copy.glob("exercises/ex[0-9]*.ipynb"))
    for path in there:
        edit(path, answer_2="mine = 2")

    start(copy, kit=wide_kits[0])
    update(copy, kit=wide_kits[1])

    assert len(list(copy.glob("exercises/ex[0-9]*.ipynb"))) == 12
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


def test_a_notebook_that_stays_open_elsewhere_is_named_with_the_way_out(
    copy: Path, kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where a file that a program has open cannot be replaced."""
    monkeypatch.setattr(open_files, "REFUSED_WHILE_OPEN", True)
    monkeypatch.setattr(open_files, "PATIENCE", 0.0)
    save(kit / EXERCISES, TASKS | {"title": "# New"})

    def held(path: Path, target: Path) -> Path:
        raise PermissionError(13, "Access is denied", str(path))

    monkeypatch.setattr(Path, "replace", held)
    with pytest.raises(WorkspaceError, match=r"Access is denied. Close it where it is open, in JupyterLab"):
        update(copy, kit=kit)
    monkeypatch.undo()
    update(copy, kit=kit)
    assert sources(copy / EXERCISES)["title"] == "# New"
