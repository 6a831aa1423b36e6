"""Writes files of a learner's copy so that nothing is lost: not by a full disk, a killed process, or a second command.

All new files are first written beside their places; only when every one of them is safely on the disk do they take
their places, each in one step. A command that was killed is tidied up by the next one.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import filelock

from course_lib.lab import open_files
from course_lib.lab.open_files import patiently

STATE = ".course"
MARKER = Path(STATE, "workspace.json")
GIVEN = Path(STATE, "given")
BACKUPS = Path(STATE, "backups")
LANDING = Path(STATE, "landing")  # it is there while complete files take their places
TEMPORARY = ".course-tmp"
PATIENCE = 15.0  # seconds that a command waits for another one; they take less than one


class ProgressUnavailable(Exception):
    """Your progress can be neither read nor written now; the message names the file and says why."""

    def __init__(self, file: Path, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"your progress in {file} is out of reach: {reason}.")


class WorkspaceError(Exception):
    """A command on a learner's copy cannot do its work; the message names the file and says what to do."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """What the system refuses, as a sentence."""
    try:
        yield
    except OSError as error:
        where, why = error.filename or "A file of the copy", error.strerror or error
        raise WorkspaceError(f"{where}: {why}. {_way_out_of(error)}, then run the command again.") from None


def _way_out_of(error: OSError) -> str:
    in_use = isinstance(error, PermissionError) and open_files.REFUSED_WHILE_OPEN
    return (
        "Close it where it is open, in JupyterLab or in a program that copies files"
        if in_use
        else "Mend this"
    )


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """The block is the only command at work in this copy, and finds no half-done work of an earlier one."""
    (folder / STATE).mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / STATE / "lock", timeout=PATIENCE)
    try:
        lock.acquire()
    except filelock.Timeout:
        wait = "Wait until it has ended, then run this one again"
        raise WorkspaceError(f"Another course command is at work in {folder}. {wait}.") from None
    try:
        tidy(folder)
        yield
    finally:
        lock.release()


@dataclass
class Batch:
    """Files that are written together, in this order, or not at all."""

    folder: Path
    steps: list[tuple[Path, bytes | None]] = field(default_factory=list)

    def put(self, path: Path, content: bytes, *, over: bytes | None) -> None:
        """Write the file beside its place; `over` is what now stands there (None: nothing)."""
        _refuse_what_is_not_plain(path, self.folder)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _beside(path) as file:
                file.write(content)
            if over is not None:
                shutil.copymode(path, temporary(path))
        except OSError as error:
            why = error.strerror or error
            advice = "No notebook was changed. Make room or mend it, then run the command again"
            raise WorkspaceError(f"{path} cannot be written: {why}. {advice}.") from None
        self.steps.append((path, over))

    def land(self) -> None:
        """Let every file take its place, unless somebody else has changed one of them since it was read."""
        for path, over in self.steps:
            if bytes_of(path) != over:
                raise WorkspaceError(
                    f"{path} was changed just now by another program. Run the command again."
                )
        (self.folder / LANDING).touch()
        _outlast_a_power_cut(self.folder / STATE)
        for path, _ in self.steps:
            patiently(partial(temporary(path).replace, path))
            _outlast_a_power_cut(path.parent)
        patiently((self.folder / LANDING).unlink)


@contextmanager
def together(folder: Path) -> Iterator[Batch]:
    """Files put into the batch stand in their places after the block; after an error none is left half done."""
    batch = Batch(folder)
    try:
        yield batch
        batch.land()
    except BaseException:
        tidy(folder)
        raise


def back_up(batch: Batch, name: str, content: bytes) -> Path:
    """Keep `content` for good under .course/backups, once; gives the place, as seen from the copy."""
    shelf = batch.folder / BACKUPS / Path(name).parent
    stem = Path(name).stem
    for earlier in shelf.glob(f"{stem}.*.ipynb"):
        if earlier.read_bytes() == content:
            return earlier.relative_to(batch.folder)
    moment = f"{datetime.now().astimezone():%Y-%m-%d_%H%M%S}"
    endings = ("", *(f"-{number}" for number in range(2, 1000)))
    places = (shelf / f"{stem}.{moment}{ending}.ipynb" for ending in endings)
    free = next(place for place in places if not os.path.lexists(place))
    batch.put(free, content, over=None)
    return free.relative_to(batch.folder)


def tidy(folder: Path) -> None:
    """Clear away what an unfinished command left; what was given with a notebook that had landed lands too.

    The order matters, since this may be ended at any moment as well: a notebook that has not landed is known by its
    temporary file, so that goes after the one of what was given.
    """
    given, landing = folder / GIVEN, (folder / LANDING).exists()
    for left in list(given.rglob(f".*{TEMPORARY}")):
        place = left.with_name(left.name.removeprefix(".").removesuffix(TEMPORARY))
        if landing and not temporary(folder / place.relative_to(given)).exists():
            patiently(partial(left.replace, place))
        else:
            patiently(left.unlink)
    for pattern in (f".*{TEMPORARY}", f"exercises/.*{TEMPORARY}", f"{STATE}/**/.*{TEMPORARY}"):
        for left in list(folder.glob(pattern)):
            patiently(left.unlink)
    (folder / LANDING).unlink(missing_ok=True)


def bytes_of(path: Path) -> bytes | None:
    """What stands in the file, or None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}{TEMPORARY}")


@contextmanager
def _beside(path: Path) -> Iterator[BinaryIO]:
    """The temporary file of `path`; after the block its content is on the disk, not in a cache."""
    with temporary(path).open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _outlast_a_power_cut(folder: Path) -> None:
    """Make the new names in a folder outlast a power cut; Windows has no way to ask for it."""
    if os.name == "posix":
        with suppress(OSError):  # some network folders refuse; the file itself is on the disk
            number = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(number)
            finally:
                os.close(number)


def _refuse_what_is_not_plain(path: Path, folder: Path) -> None:
    for each in (path, *path.parents[: len(path.relative_to(folder).parts) - 1]):
        if each.is_symlink():
            raise WorkspaceError(f"{each} is a link, and is left alone. Put the file itself there.")
    if path.exists() and not path.is_file():
        raise WorkspaceError(f"{path} is no file. Move it away, then run the command again.")
    if path.exists() and not path.stat().st_mode & stat.S_IWUSR:
        raise WorkspaceError(f"{path} is read-only. Make it writable, then run the command again.")
