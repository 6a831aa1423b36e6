"""What learners handed in, as it lies in a folder or a zip: every file, and how new it is. Nothing is unpacked."""

import io
import re
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from course_lib.school.classroom.collecting.platforms import NOT_A_NAME

LARGEST = 50_000_000  # bytes; a notebook is far smaller


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
