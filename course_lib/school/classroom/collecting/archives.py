"""Files out of zips and tars. They are read and never unpacked: no path in an archive leads anywhere on the disk."""

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import IO, Any

from course_lib.school.classroom.collecting.decoding import looks_like_notebook

LARGEST = 50_000_000  # bytes; a notebook is far smaller
LARGEST_ARCHIVE = 250_000_000  # one that lies in another
LARGEST_DELIVERY = 2_000_000_000  # one of a whole class
LARGEST_IN_ALL = 1_000_000_000  # of what comes out of the archive of a whole class
MOST_FILES = 50_000
LOCKED, WITHOUT_ONE = "is locked with a password", "Ask for it without one."
ITSELF = "Ask for the file itself."
SHOWN = 200  # bytes that are kept of what is no notebook, to say what it is instead
TOO_LARGE = "is too large for a notebook"
SMALLER = "A notebook is far smaller: clear its outputs."
UNPACK = "Unpack it, and collect the folder."
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, tarfile.TarError, EOFError, OSError, ValueError, RuntimeError,
    NotImplementedError, IndexError, KeyError, OverflowError,
)  # fmt: skip
"""What the readers of archives raise at bytes that are none of theirs."""
OTHERS = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar"}
TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
PACKED: Mapping[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
NO_ZIPS = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".jar", ".whl", ".epub")


@dataclass(frozen=True)
class File:
    """One file as it was found: `place` are the names of its folders and its own, `seconds` say when it was saved.

    With `trouble` it could not be read, and `remedy` says what a teacher can do.
    """

    place: PurePosixPath
    seconds: float
    content: bytes = b""
    trouble: str = ""
    remedy: str = ""


class _Bomb(Exception):
    """More comes out of the archives than a class can have written."""


@dataclass
class Budget:
    """How much may still come out of one archive. What a learner packed into one has a budget of its own."""

    size: int = LARGEST_IN_ALL
    files: int = MOST_FILES

    def spend(self, size: int) -> None:
        self.size, self.files = self.size - size, self.files - 1
        if self.size < 0 or self.files < 0:
            raise _Bomb


def opened(file: File, levels: int, *, top: bool = False, budget: Budget | None = None) -> Iterator[File]:
    """The file itself, or what is in it if it is an archive; of the `top` one the name is no folder."""
    kind = _kind_of(file)
    if not kind or file.trouble:
        yield _short(file)
    elif kind in OTHERS.values():
        yield _told(file, f"is a {kind} archive, which cannot be opened here", UNPACK)
    elif not levels:
        yield _told(file, "is an archive in an archive in another one", UNPACK)
    else:
        own = budget or Budget(LARGEST_IN_ALL if top else LARGEST_ARCHIVE)
        yield from _within(file, PurePosixPath() if top else _bare(file.place), levels, own)


def _within(file: File, folder: PurePosixPath, levels: int, budget: Budget) -> Iterator[File]:
    members = {"zip": _unzipped, "tar": _untarred, "packed": _unpacked}[_kind_of(file)]
    try:
        for member in members(file, budget):
            yield from opened(replace(member, place=folder / member.place), levels - 1)
    except _Bomb:
        yield _told(file, "holds more than a class can have written", UNPACK)
    except _Locked:
        yield _told(file, LOCKED, WITHOUT_ONE)
    except DAMAGED:
        kind = "zip" if _kind_of(file) == "zip" else "archive"
        yield _told(file, f"is no {kind} that can be opened", "Ask for it again.")


class _Locked(Exception):
    pass


def _told(file: File, trouble: str, remedy: str) -> File:
    return File(file.place, file.seconds, trouble=trouble, remedy=remedy)


def _short(file: File) -> File:
    whole = looks_like_notebook(file.content) or file.place.suffix.lower() in (
        ".yml",
        ".yaml",
    )  # a list of names
    return file if whole else replace(file, content=file.content[:SHOWN])


def _kind_of(file: File) -> str:
    """By its first bytes where its name could be anything, and by its name where the bytes may be spoilt."""
    other = next((kind for start, kind in OTHERS.items() if file.content.startswith(start)), "")
    name = file.place.name.lower()
    if other or name.endswith(NO_ZIPS):
        return other
    if name.endswith(TAR):
        return "tar"
    if name.endswith(".zip") or file.content.startswith(b"PK\x03\x04"):
        return "zip"
    return "packed" if name.endswith(tuple(PACKED)) else ""


def _bare(place: PurePosixPath) -> PurePosixPath:
    """The folder that an archive stands for: its name without its endings. A packed file stays where it is."""
    if place.name.lower().endswith(tuple(PACKED)) and not place.name.lower().endswith(TAR):
        return place.parent
    bare = re.sub(r"(\.(zip|tar|gz|tgz|bz2|tbz2|xz|txz))+$", "", place.name, flags=re.IGNORECASE)
    return place.with_name(bare) if bare.strip(". ") else place.parent


def _unzipped(file: File, budget: Budget) -> Iterator[File]:
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if members and all(map(_is_locked, members)):
            raise _Locked
        for member in sorted(
            members, key=lambda member: member.file_size
        ):  # what fills the budget comes last
            yield _member_of_zip(archive, member, budget)


def _is_locked(member: zipfile.ZipInfo) -> bool:
    return bool(member.flag_bits & 1)


def _member_of_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: Budget) -> File:
    place, seconds = _place(_name_in_zip(member)), _saved_at(member)
    if _is_locked(member):
        return File(place, seconds, trouble=LOCKED, remedy=WITHOUT_ONE)
    if stat.S_ISLNK(member.external_attr >> 16):
        return File(place, seconds, trouble="is a link to somewhere else", remedy=ITSELF)
    try:
        with archive.open(member) as stream:
            return _limited(File(place, seconds), stream, budget)
    except DAMAGED:
        return File(
            place, seconds, trouble="is damaged, or packed in an unknown way", remedy="Ask for it again."
        )


def _name_in_zip(member: zipfile.ZipInfo) -> str:
    """Without the flag for it a name is in an old code page by the book, and UTF-8 where macOS wrote it."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _saved_at(member: zipfile.ZipInfo) -> float:
    try:
        return time.mktime((*member.date_time, 0, 0, -1))  # a zip keeps the clock on the wall
    except (OverflowError, ValueError):
        return 0


def _untarred(file: File, budget: Budget) -> Iterator[File]:
    """The plain files of a tar. What its own `data` filter refuses, links and devices, is told and not followed."""
    with tarfile.open(fileobj=io.BytesIO(file.content)) as archive:
        for member in archive:
            place = _place(member.name)
            if member.issym() or member.islnk():
                yield File(
                    place,
                    member.mtime,
                    trouble="is a link to somewhere else",
                    remedy=ITSELF,
                )
            elif member.isfile() and (stream := archive.extractfile(member)):
                yield _limited(File(place, member.mtime), stream, budget)


def _unpacked(file: File, budget: Budget) -> Iterator[File]:
    """The one file in a `.gz`; it may be a tar under another name."""
    ending = file.place.suffix.lower()
    with PACKED[ending](io.BytesIO(file.content)) as stream:
        yield _limited(File(PurePosixPath(file.place.stem), file.seconds), stream, budget)


def _limited(file: File, stream: IO[bytes], budget: Budget) -> File:
    """Read no more than a notebook can have, whatever the archive says of its size."""
    most = LARGEST_ARCHIVE if _kind_of(file) else LARGEST
    content = stream.read(most + 1)
    budget.spend(len(content))
    if len(content) > most:
        return _told(file, TOO_LARGE, SMALLER)
    return replace(file, content=content)


def _place(name: str) -> PurePosixPath:
    names = [part for part in re.split(r"[/\\]", name.replace("\0", "")) if part not in ("", ".", "..")]
    return PurePosixPath(*names) if names else PurePosixPath("nameless")
