"""Every notebook as it was handed in: handed_in/07_eager_loading/ANNA/, where nbgrader does not look.

Nothing is ever deleted there. The same bytes are kept once; their name says when they were saved and what they were
called.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from course_lib.school.classroom.collecting.archives import File

TAKEN, HALF = "taken.json", "half.new"
LONGEST = 60


@dataclass(frozen=True)
class Taken:
    """Which of a learner's originals stands in `submitted` now, and how new it is."""

    place: str
    seconds: float
    original: str


def taken_of(kept: Path) -> Taken | None:
    """What was taken last; None where that is not known, as in a course folder of an older kit."""
    try:
        return Taken(**json.loads((kept / TAKEN).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def note_taken(kept: Path, file: File, seconds: float, original: Path) -> None:
    taken = Taken(file.place.as_posix(), seconds, original.name)
    text = json.dumps(asdict(taken), ensure_ascii=False, indent=1)
    (kept / TAKEN).write_text(f"{text}\n", encoding="utf-8", newline="\n")


def keep(kept: Path, name: str, content: bytes, seconds: float) -> Path:
    """Put these bytes among the originals, if they are not there yet. Gives the file."""
    if there := is_kept(kept, content):
        return there
    kept.mkdir(parents=True, exist_ok=True)
    stem = f"{_moment(seconds)} {_plain(name)}"
    file, number = kept / stem, 1
    while file.exists():
        number += 1
        file = kept / f"{Path(stem).stem} ({number}){Path(stem).suffix}"
    half = kept / HALF
    half.write_bytes(content)
    half.replace(file)
    return file


def is_kept(kept: Path, content: bytes) -> Path | None:
    digest = digest_of(content)
    files = sorted(kept.iterdir()) if kept.is_dir() else []
    whole = (file for file in files if file.name not in (TAKEN, HALF) and file.is_file())
    same = (file for file in whole if file.stat().st_size == len(content))
    return next((file for file in same if digest_of(file.read_bytes()) == digest), None)


def digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H-%M-%S")
    except (OverflowError, OSError, ValueError):
        return "0000-00-00 00-00-00"


def _plain(name: str) -> str:
    """A name that every system takes: it stands behind a date, so no device is called like it."""
    plain = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", name).strip(" .") or "notebook"
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 10]}{plain[-10:]}".strip(" .")
