"""A learner's copy under the real commands: killed, at once, on a full disk, without rights, with spoilt files.

Small forms: tests/school/learner/test_files.py (`…_killed_at_any_moment_…`, `…_at_once_…`, `…_full_disk_…`,
`…_read_only_…`), tests/school/learner/test_progress.py for the file of the progress, and of spoilt files
tests/test_torture_copies.py.
"""

import json
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import spoilt_notebooks
from learner_copies import everything
from other_users import NOBODY, folder_for_all, is_root

from course_lib.school.learner.copies import start
from course_lib.school.learner.files import BACKUPS, GIVEN, LANDING, MARKER, TEMPORARY
from course_lib.school.learner.progress import progress_of
from torture.forks import Ended, Forks, Program, forks
from torture.parts import Bounds, Figures, torture

WORKED_ON = tuple(
    f"exercises/ex{name}.ipynb" for name in ("05_transactions", "07_eager_loading", "08_pagination")
)
"""Notebooks in which the learner has answers, and of which the kit has news."""
OWN_FILE = "my notes.txt"
PROGRESS_FILE = ".course/progress.db"
DIR = "--dir={copy}"
UPDATE = ("course", "update", DIR)
COMMANDS: tuple[tuple[str, ...], ...] = (
    UPDATE,
    ("course", "reset", "07", DIR),
    ("course", "reset", "07.2", DIR),
    ("course", "reset", "08", "--lesson", DIR),
    ("course", "start", "{copy}"),
    ("course", "progress", DIR),
    ("course", "exercises", DIR),
    ("lab", "--no-browser", DIR),
    ("check", "07.2"),
)
WRITING = tuple(each for each in COMMANDS if each[1] in ("update", "reset", "07.2"))
LATER = 0.004
"""Seconds behind a moment, at most."""


def program(command: tuple[str, ...], copy: Path, **more: Any) -> Program:
    name, *words = (word.format(copy=copy) for word in command)
    inside = {"COURSE_COPY": str(copy), "NO_COLOR": "1"}
    return Program(name, tuple(words), folder=str(copy / "exercises"), environment=inside, **more)


def copy_of_a_learner(copy: Path) -> Path:
    """A copy of an earlier kit, with answers, passes and a file of the learner's own."""
    start(copy)
    for name in WORKED_ON:
        for place in (copy / name, copy / GIVEN / name):
            notebook = json.loads(place.read_bytes())
            notebook["cells"][0]["source"] = "# As an earlier kit had it"
            notebook["cells"][-1]["source"] = "As an earlier kit had it."
            _answer(notebook, name) if place == copy / name else None
            place.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (copy / OWN_FILE).write_text("Ask about locks!", encoding="utf-8")
    with sqlite3.connect(progress_of(copy).file) as connection:
        connection.executescript(PROGRESS)
    connection.close()
    return copy


def _answer(notebook: Any, name: str) -> None:
    for number, cell in enumerate(_answers(notebook)):
        cell["source"] = f"mine = 'the answer {number} in {name}'"


def _answers(notebook: Any) -> list[Any]:
    return [each for each in notebook["cells"] if each["metadata"].get("nbgrader", {}).get("solution")]


PROGRESS = """
CREATE TABLE tries (id INTEGER NOT NULL, at DATETIME NOT NULL, exercise VARCHAR NOT NULL, outcome VARCHAR NOT NULL,
    misconception VARCHAR, CONSTRAINT pk_tries PRIMARY KEY (id),
    CONSTRAINT ck_tries_outcome_known CHECK (outcome IN ('not yet', 'passed')));
INSERT INTO tries (at, exercise, outcome) VALUES
    ('2026-01-12 06:00:00.000000', '05.1', 'passed'), ('2026-01-12 07:00:00.000000', '07.1', 'passed');
"""


@cache
def answers_in(name: str, copy: Path) -> tuple[str, ...]:
    return tuple(each["source"] for each in _answers(json.loads((copy / name).read_bytes())))


def assert_nothing_lost(copy: Path, before: Path, told: str, *, passes: bool = True) -> None:
    """Each answer stands in its notebook or in a backup of it, passes are kept, the learner's own file is as it was."""
    for name in WORKED_ON:
        stem = Path(name).stem
        kept = [copy / name, *(copy / BACKUPS / "exercises").glob(f"{stem}.*.ipynb")]
        assert kept[0].exists(), f"{told}: {name} is gone"
        texts = [path.read_text("utf-8") for path in kept]
        wholes = [
            text for text in texts if all(json.dumps(each)[1:-1] in text for each in answers_in(name, before))
        ]
        assert wholes, f"{told}: the answers in {name} are gone"
        json.loads(texts[0])
    assert (copy / OWN_FILE).read_text("utf-8") == "Ask about locks!", told
    if passes:
        assert passes_in(copy) == ["05.1", "07.1"], f"{told}: {passes_in(copy)}"


def passes_in(copy: Path) -> list[str]:
    connection = sqlite3.connect(copy / PROGRESS_FILE)
    rows = connection.execute("SELECT exercise FROM tries WHERE outcome = 'passed' ORDER BY id").fetchall()
    connection.close()
    return [exercise for (exercise,) in rows]


def assert_told(ended: Ended, told: str, *, files: tuple[str, ...] = ()) -> None:
    """It ended well, or said so in one line that names one of the `files`, if there are any."""
    assert "Traceback" not in ended.output, f"{told}: {ended.output}"
    assert ended.status in (0, 1), f"{told}: status {ended.status}, {ended.output}"
    lines = [line for line in ended.output.splitlines() if line.startswith("✗ ")]
    if ended.status == 1:
        assert len(lines) == 1, f"{told}: {ended.output}"
        assert not files or any(name in lines[0] for name in files), (
            f"{told}: {lines[0]} names none of {files}"
        )


def notebooks_of(copy: Path) -> dict[str, bytes]:
    """All that commands bring and keep; the names of backups tell the time."""
    kept = (".course/backups", ".course/progress")
    there = everything(copy)
    backups = {content.hex(): b"" for name, content in there.items() if name.startswith(kept[0])}
    return {name: content for name, content in there.items() if not name.startswith(kept)} | backups


@dataclass
class Kept:
    """The learner's copy before, and what each command makes of it with an update behind, where nothing goes wrong."""

    programs: Forks
    folder: Path

    def __post_init__(self) -> None:
        self.before = copy_of_a_learner(self.folder / "before")
        self.straight: dict[tuple[str, ...], dict[str, bytes]] = {}
        self.moments: dict[tuple[str, ...], int] = {}

    @contextmanager
    def copy(self, place: Path | None = None) -> Iterator[Path]:
        copy = (place or self.folder) / "copy"
        shutil.copytree(self.before, copy, symlinks=True)
        try:
            yield copy
        finally:
            shutil.rmtree(copy)

    def run(self, command: tuple[str, ...], copy: Path, **more: Any) -> Ended:
        return self.programs.run(program(command, copy, **more))[0]

    def make(self, command: tuple[str, ...]) -> dict[str, bytes]:
        """What a straight run makes; how many moments it has is noted."""
        if command not in self.straight:
            with self.copy() as copy:
                ended = self.run(command, copy, watched=str(copy))
                assert ended.status == 0, ended.output
                self.moments[command] = ended.moments
                self.straight[command] = self.after_an_update(copy)
        return self.straight[command]

    def after_an_update(self, copy: Path) -> dict[str, bytes]:
        ended = self.run(UPDATE, copy)
        assert ended.status == 0, ended.output
        left = [name for name in everything(copy) if name.endswith(TEMPORARY) or name == LANDING.as_posix()]
        assert left == [], left
        return notebooks_of(copy)

    def assert_as_ever(self, command: tuple[str, ...], copy: Path, told: str) -> None:
        """The command once more, and an update, make what they always make."""
        again = self.run(command, copy)
        assert again.status == 0, f"{told}: {again.output}"
        assert_nothing_lost(copy, self.before, told)
        now, ever = self.after_an_update(copy), self.make(command)
        differ = [name for name in now.keys() | ever.keys() if now.get(name) != ever.get(name)]
        assert differ == [], f"{told}: {differ} are not as ever"


@contextmanager
def keeping(folder: Path) -> Iterator[Kept]:
    with forks() as programs:
        yield Kept(programs, folder)


@torture("copies", "commands killed at each change of a file in a learner's copy, then begun again")
async def killed(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    struck: Counter[str] = Counter()
    with keeping(folder) as kept:
        for command in WRITING:
            kept.make(command)
        moments = [(command, at) for command in WRITING for at in range(1, kept.moments[command] + 1)]
        chance.shuffle(moments)
        for _, (command, at) in zip(bounds, moments, strict=False):
            later = chance.choice((0.0, chance.uniform(0, LATER)))
            told = f"{command} killed {later} s behind moment {at}"
            with kept.copy() as copy:
                ended = kept.run(command, copy, watched=str(copy), dies_at=at, later=later)
                assert ended.killed or later, f"{told}: {ended.output}"
                struck[command[0]] += ended.killed
                assert_nothing_lost(copy, kept.before, told)
                kept.assert_as_ever(command, copy, told)
    assert struck.total() > 0
    return {"moments of all commands": len(moments), "commands killed": struck.total(), "answers lost": 0}


@torture("copies", "two to four commands at once on one copy, one of them killed every other time")
async def at_once(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    done: Counter[str] = Counter()
    with keeping(folder) as kept:
        for number in bounds:
            commands = [chance.choice(WRITING), *chance.choices(COMMANDS, k=chance.randrange(1, 4))]
            kept.make(commands[0])
            dies_at = number % 2 * chance.randrange(1, kept.moments[commands[0]])
            with kept.copy() as copy:
                first = program(commands[0], copy, watched=str(copy), dies_at=dies_at)
                ended = kept.programs.run(first, *(program(each, copy) for each in commands[1:]))
                for each in ended[bool(dies_at) :]:
                    assert_told(each, str(commands), files=(f"Another course command is at work in {copy}",))
                    done["refused with a line"] += each.status == 1
                done["commands"] += len(ended)
                done["killed"] += ended[0].killed
                assert_nothing_lost(copy, kept.before, str(commands))
                kept.after_an_update(copy)
                assert_nothing_lost(copy, kept.before, str(commands))
    assert done["commands"] > done["killed"]
    return {**done, "answers lost": 0}


@torture("copies", "a disk that is full after some bytes, under each command")
async def full_disk(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    done: Counter[str] = Counter()
    with keeping(folder) as kept, small_disk(folder) as disk:
        for _ in bounds:
            command, room = chance.choice(WRITING), chance.randrange(chance.choice((10_000, 400_000)))
            told = f"{command} with {room} bytes of room"
            with kept.copy(disk) as copy:
                if disk:
                    full(disk, room)
                ended = kept.run(command, copy, largest=0 if disk else room // 10 + 1)
                assert_told(ended, told, files=(str(copy), PROGRESS_FILE))
                done["refused"] += ended.status == 1 or "out of reach" in ended.output
                done["commands"] += 1
                if disk:
                    (disk / BALLAST).unlink()  # SQLite needs room even to look
                assert_nothing_lost(copy, kept.before, told)
                kept.assert_as_ever(command, copy, told)
    assert done["refused"] > 0
    return {
        "the disk": f"{DISK} bytes of tmpfs" if disk else "files of limited size",
        **done,
        "answers lost": 0,
    }


DISK = 16_000_000
BALLAST = "ballast"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A disk of its own; None where nobody but root may have one, and files are limited in their size instead."""
    disk = folder / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "torture", str(disk)]
    if not is_root() or subprocess.run(words, check=False).returncode:
        yield None
        return
    try:
        yield disk
    finally:
        # Lazily: somebody who looks through all disks at this moment would keep it busy.
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def full(disk: Path, room: int) -> None:
    """Fill the disk but for `room` bytes."""
    with (disk / BALLAST).open("wb") as ballast:
        ballast.write(bytes(max(shutil.disk_usage(disk).free - room, 0)))


RIGHTS: tuple[tuple[str, int], ...] = (
    (".", 0o555),
    (".course", 0o555),
    (".course/given", 0o555),
    (PROGRESS_FILE, 0o444),
    (PROGRESS_FILE, 0o000),
    (".course", 0o000),
    ("exercises", 0o555),
    ("exercises", 0o000),
    (WORKED_ON[1], 0o444),
    (WORKED_ON[1], 0o000),
    (f".course/given/{WORKED_ON[1]}", 0o000),
    ("07_eager_loading.ipynb", 0o000),
)
"""What a learner may not do with a file or a folder of the copy, in the mode of its rights."""


@torture("copies", "files and folders of the copy that may not be written or read")
async def without_rights(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    done: Counter[str] = Counter()
    with keeping(folder) as kept, folder_for_all() as place:
        tries = [(command, name, mode) for command in COMMANDS for name, mode in RIGHTS]
        chance.shuffle(tries)
        for _, (command, name, mode) in zip(bounds, tries, strict=False):
            told = f"{command} where {name} has the rights {mode:o}"
            with kept.copy(place) as copy:
                given_to(NOBODY, copy)
                usual = (copy / name).stat().st_mode
                (copy / name).chmod(mode)
                ended = kept.run(command, copy, user=NOBODY if is_root() else 0)
                (copy / name).chmod(usual)
                assert_told(ended, told, files=(str(copy),))
                done["refused"] += ended.status == 1 or "out of reach" in ended.output
                done["commands"] += 1
                assert_nothing_lost(copy, kept.before, told)
                kept.assert_as_ever(command, copy, told)
    assert done["refused"] > 0
    return {**done, "answers lost": 0}


def given_to(user: int, copy: Path) -> None:
    if is_root():
        for path in (copy, *copy.rglob("*")):
            shutil.chown(path, user)


GOOD = spoilt_notebooks.GOOD
FILES: dict[str, bytes] = {
    "empty": b"",
    "zeros": bytes(10_000),
    "half JSON": GOOD[: len(GOOD) // 2],
    "binary": bytes(range(256)) * 50,
    "huge": b'{"cells": [' + b'"' + b"x" * 30_000_000 + b'"]}',
    "a number": b"42",
    "half a letter": b'"\xf0\x9f',
    "a database": b"SQLite format 3\0" + b"x" * 5000,
    **spoilt_notebooks.MENDED,
    **{kind: content for kind, (content, _) in spoilt_notebooks.TOLD.items()},
}
"""What a file may hold by mishap, by its kind."""
Spoil = Callable[[Path, bytes], None]


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def a_folder(path: Path, _: bytes) -> None:
    path.unlink()
    path.mkdir()


def a_link_to_itself(path: Path, _: bytes) -> None:
    path.unlink()
    path.symlink_to(path)


def gone(path: Path, _: bytes) -> None:
    path.unlink()


WAYS: tuple[Spoil, ...] = (*(write,) * 9, a_folder, a_link_to_itself, gone)
SPOILT = (
    "exercises/ex09_services.ipynb",
    "09_services.ipynb",
    ".course/given/exercises/ex09_services.ipynb",
    ".course/given/09_services.ipynb",
    PROGRESS_FILE,
    MARKER.as_posix(),
)
"""Files of the copy, none of which the learner has answers in."""


RESETS = (("course", "reset", "09", DIR), ("course", "reset", "09.1", DIR))
Spoiling = tuple[tuple[str, ...], str, Spoil, str]
"""A command, a file of the copy, what is done to it, and the kind of what it then holds."""


@torture("copies", "files of every spoilt kind in the copy")
async def spoilt(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    drawn = (
        (
            chance.choice((*COMMANDS, *RESETS)),
            chance.choice(SPOILT),
            chance.choice(WAYS),
            chance.choice([*FILES]),
        )
        for _ in bounds
    )
    with keeping(folder) as kept:
        return spoil(kept, drawn)


def spoil(kept: Kept, spoilings: Iterable[Spoiling]) -> Figures:
    done: Counter[str] = Counter()
    for command, name, way, kind in spoilings:
        told = f"{command}: {name} is {kind if way is write else way.__name__}"
        with kept.copy() as copy:
            way(copy / name, FILES[kind])
            ended = kept.run(command, copy)
            assert_told(ended, told, files=(name.removeprefix(".course/given/"), str(copy)))
            done["commands"] += 1
            done["told"] += (
                ended.status == 1 or "out of reach" in ended.output or "no notebook" in ended.output
            )
            assert_nothing_lost(copy, kept.before, told, passes=name != PROGRESS_FILE)
            if way is write and FILES[kind] and not name.startswith((".course/given", MARKER.as_posix())):
                places = (copy / name, *(copy / BACKUPS).rglob("*.ipynb"))
                assert FILES[kind] in [path.read_bytes() for path in places], f"{told}: it is gone"
    assert done["told"] > 0
    return {**done, "files lost": 0}
