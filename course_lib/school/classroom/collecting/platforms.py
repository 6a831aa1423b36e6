"""Whose notebook is it: what learners, their programs and learning platforms make of a file's name.

anna/anything.ipynb · anna_ex07_eager_loading.ipynb · 07_eager_loading_anna.ipynb · anna.ipynb · anna.zip of these
Anna Berg_4711_assignsubmission_file_/07_eager_loading.ipynb, as Moodle packs it
"""

import re
import unicodedata
from pathlib import PurePosixPath

MOODLE = re.compile(r"(.+?)_\d+_assignsubmission_\w*?file_?")
BEGINNING = r"(?<![^\W_])ex"
"""Of a notebook in a learner's copy; none in older copies, nor in what is released."""
COPY = re.compile(r"[\s_-]*(\(\d+\)|copy[\s_-]*\d*|kopie|\d{1,2})?", re.IGNORECASE)
NOT_A_NAME = {"exercises", "notebooks", "submissions", "submitted"}
NAMES_OF_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
}


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
        named = re.split(rf"(?:{BEGINNING})?{lesson}", stem, maxsplit=1)
        if len(named) == 2:
            before, after = named
            after = "" if COPY.fullmatch(after) else after
            return before.strip(" _-") or after.strip(" _-")
    return None
