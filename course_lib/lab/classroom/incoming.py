"""What learners handed in, as it lies in a folder or a zip: whose file is it, and how new? Nothing is unpacked.

anna/anything.ipynb · anna_07_eager_loading.ipynb · 07_eager_loading_anna.ipynb · anna.ipynb · anna.zip of these
Anna Berg_4711_assignsubmission_file_/07_eager_loading.ipynb, as Moodle packs it
"""

import io
import re
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LARGEST = 50_000_000  # bytes; a notebook is far smaller
MOODLE = re.compile(r"(.+?)_\d+_assignsubmission_\w*?file_?")
LESSON = re.compile(
    r"(?P<before>.*?)[\s_-]*(?P<lesson>\d\d_[a-z]+(?:_[a-z]+)*?)(?P<after>[\s_-].*)?", re.ASCII
)
COPY = re.compile(r"[\s_-]*(\(\d+\)|copy[\s_-]*\d*|kopie|\d{1,2})?", re.IGNORECASE)
NOT_A_NAME = {"exercises", "notebooks", "submissions", "submitted"}
NAMES_OF_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
}


@dataclass(frozen=True)
class File:
    """One file as it was found: `place` are the names of its folders and its own, `seconds` say when it was saved."""

    place: PurePosixPath
    seconds: float
    content: bytes = b""
    trouble: str = ""


def files_in(source: Path) -> list[File]:
    """Every file of a folder or a zip, and of the zips in it; hidden files are left out."""
    if source.is_file():
        found = list(
            _unzip(File(PurePosixPath(source.name), 0, source.read_bytes()), PurePosixPath(), nested=True)
        )
    else:
        found = list(_walk(source))
    return _without_wrapping([file for file in found if not any(map(_is_hidden, file.place.parts))])


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def name_in(place: PurePosixPath, lessons: list[str]) -> str:
    """The learner's name as it was written, or '' where the path names nobody."""
    named = _beside_lesson(place.stem, lessons)
    folders = [part for part in place.parts[:-1] if part.lower() not in NOT_A_NAME]
    if named is None and not folders:
        named = place.stem
    written = named or (folders[0] if folders else "")
    moodle = MOODLE.match(written)
    return unicodedata.normalize("NFC", moodle[1] if moodle else written).strip()


def student_of(place: PurePosixPath, lessons: list[str]) -> str:
    """The learner's name as a folder can carry it, or ''."""
    return as_folder(name_in(place, lessons))


def as_folder(name: str) -> str:
    """A name with letters of any language, digits, dots and lines in it: never a path, on no system a device."""
    safe = re.sub(r"[^\w.-]+", "_", name)[:80].strip("._-")
    return f"{safe}_" if safe.lower().partition(".")[0] in NAMES_OF_DEVICES else safe


def _beside_lesson(stem: str, lessons: list[str]) -> str | None:
    """What stands before or behind the lesson in a file's name; None if no lesson does."""
    for lesson in lessons:
        before, found, after = stem.partition(lesson)
        if found:
            after = "" if COPY.fullmatch(after) else after
            return before.strip(" _-") or after.strip(" _-")
    return None


def _walk(folder: Path) -> Iterator[File]:
    for path in sorted(folder.rglob("*")):
        place = PurePosixPath(path.relative_to(folder).as_posix())
        if path.is_symlink():
            yield File(place, 0, trouble="is a link to somewhere else")
        elif path.is_file() and path.stat().st_size > LARGEST:
            yield File(place, 0, trouble="is too large for a notebook")
        elif path.is_file():
            yield from _opened(File(place, path.stat().st_mtime, path.read_bytes()))


def _opened(file: File) -> Iterator[File]:
    """The file itself, or what is in it if it is a zip."""
    if file.trouble or file.place.suffix.lower() != ".zip":
        return iter([file])
    return _unzip(file, file.place.with_suffix(""), nested=False)


def _unzip(file: File, folder: PurePosixPath, *, nested: bool) -> Iterator[File]:
    """What is in a zip, as if it lay in `folder`. A zip in a zip is opened if `nested`, and a third one never."""
    try:
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    found = _read(archive, member, folder)
                    yield from _opened(found) if nested else [found]
    except zipfile.BadZipFile:
        yield File(file.place, 0, trouble="is no zip that can be opened")


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: PurePosixPath) -> File:
    names = [part for part in re.split(r"[/\\]", member.filename) if part not in ("", ".", "..")]
    place = folder.joinpath(*names)
    if member.file_size > LARGEST:
        return File(place, 0, trouble="is too large for a notebook")
    try:
        return File(place, _saved_at(member), archive.read(member))
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return File(place, 0, trouble="is locked or damaged")


def _saved_at(member: zipfile.ZipInfo) -> float:
    try:
        return time.mktime((*member.date_time, 0, 0, -1))  # a zip keeps the clock on the wall
    except (OverflowError, ValueError):
        return 0


def _without_wrapping(files: list[File]) -> list[File]:
    """The files without a folder that holds the folders of several learners, as `class 7/anna`, `class 7/ben`."""
    tops = {file.place.parts[0] for file in files if len(file.place.parts) > 1}
    below = {file.place.parts[1] for file in files if len(file.place.parts) > 2} - NOT_A_NAME
    if len(tops) == 1 and len(below) > 1 and all(len(file.place.parts) > 1 for file in files):
        return [
            File(PurePosixPath(*file.place.parts[1:]), file.seconds, file.content, file.trouble)
            for file in files
        ]
    return files
