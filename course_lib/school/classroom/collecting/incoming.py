"""What learners handed in, as it lies in a folder or an archive: every file, and how new it is."""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from course_lib.school.classroom.collecting.archives import (
    LARGEST,
    LARGEST_DELIVERY,
    SMALLER,
    TOO_LARGE,
    File,
    opened,
)

ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz"}
LEVELS = 2  # an archive in an archive is opened, and a third one never


def files_in(source: Path) -> list[File]:
    """Every file of a folder or an archive, and of the archives in it; hidden files are left out."""
    if source.is_dir():
        found = [inner for file in _walk(source) for inner in opened(file, LEVELS)]
    else:
        found = list(opened(_file(source, PurePosixPath(source.name)), LEVELS, top=True))
    return list(_each_at_its_own([file for file in found if not any(map(_is_hidden, file.place.parts))]))


def _each_at_its_own(files: list[File]) -> Iterator[File]:
    """A zip can have two files of one name, and `anna.zip` lie beside a folder `anna`: the second gets a number."""
    taken: set[PurePosixPath] = set()
    for file in files:
        own = PurePosixPath(unicodedata.normalize("NFC", file.place.as_posix()))
        place, number = own, 1
        while place in taken:
            number += 1
            place = own.with_name(f"{own.stem} ({number}){own.suffix}")
        taken.add(place)
        yield replace(file, place=place)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "__pycache__")


def _walk(folder: Path) -> Iterator[File]:
    for path in sorted(folder.rglob("*")):
        place = PurePosixPath(path.relative_to(folder).as_posix())
        if path.is_symlink():
            yield File(place, 0, trouble="is a link to somewhere else", remedy="Put the file itself there.")
        elif path.is_file() and not any(map(_is_hidden, place.parts)):
            yield _file(path, place)


def _file(path: Path, place: PurePosixPath) -> File:
    try:
        saved = path.stat()
        if saved.st_size > (LARGEST_DELIVERY if path.suffix.lower() in ARCHIVES else LARGEST):
            return File(place, saved.st_mtime, trouble=TOO_LARGE, remedy=SMALLER)
        return File(place, saved.st_mtime, path.read_bytes())
    except OSError as error:
        return File(place, 0, trouble=f"cannot be read ({error.strerror})", remedy="Look at its permissions.")
