"""Whose a file is, by its path: a platform's form first, then a folder that names somebody, then the file's name."""

import re
import time
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import PurePosixPath

from course_lib.school.classroom.collecting.platforms import PLATFORMS, Platform
from course_lib.school.classroom.collecting.words import VOWEL_SIGNS, name_among
from course_lib.school.lessons.course import lessons

DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")}
ENDINGS = re.compile(
    r"(?:\.(?:ipynb|txt|json|zip|tar|gz|tgz|bz2|xz|7z|rar|html?|pdf|py|md))+(?:[ _]?\(\d+\))?$", re.IGNORECASE
)
BEGINNING = r"(?<![^\W_])ex"
"""Of a notebook in a learner's copy; none in older copies, nor in what is released."""
SHORT = re.compile(r"[^\W\d_](?<![vV])\d{0,3}")
"""Folders that name somebody where no other one does: a class of a, b and c, or of s01 and s02."""
LONGEST = 80
DRAFT = -1  # the version of what was never handed in
TIMES = ("%Y-%m-%d-%H-%M-%S", "%b %d, %Y %I%M %p", "%Y-%m-%d %H:%M:%S", "%Y%m%d%H%M%S")
STAMP = re.compile(r"(?<!\d)(20\d{12})(?!\d)")


@dataclass(frozen=True)
class Owner:
    """Who a path names. `place` is where it does: two owners of one name at one place are one person.

    `number` is the platform's. `seconds` and `version` say how new the file is, where the path does. `loose` is the
    folder that looks like a platform's, and may be another one.
    """

    name: str
    place: str = ""
    platform: str = ""
    number: str = ""
    seconds: float | None = None
    version: int = 0
    by_assignment: bool = False
    always_numbered: bool = False
    loose: str = ""

    @property
    def folder(self) -> str:
        return as_folder(self.name)


@dataclass(frozen=True)
class Listed:
    """Who stands in a platform's own list for a folder: the name, the number, and when it was handed in."""

    name: str
    number: str = ""
    seconds: float | None = None


Lists = Mapping[str, Listed]


def owner_of(
    place: PurePosixPath, *, around: Collection[str] = (), lists: Lists | None = None
) -> Owner | None:
    """Who a path names, or None. `around` are folders that hold those of several learners."""
    path = unicodedata.normalize("NFC", place.as_posix())
    for platform in PLATFORMS:
        found = platform.search(path)
        owner = _by_platform(platform, found, lists or {}) if found else None
        if owner and not (owner.loose in around or (platform.loose and not name_among(owner.name))):
            return owner
    folder = next(naming_folders(place, around), "")
    seconds = _stamped(place.name)
    if folder:
        name = _in_folder(PurePosixPath(folder).name) or PurePosixPath(folder).name
        return Owner(name, folder, seconds=seconds)
    name = name_beside_lesson(place.name) or _whole_name(place.name)
    return Owner(name, place.parent.as_posix(), seconds=seconds) if as_folder(name) else None


def naming_folders(place: PurePosixPath, around: Collection[str] = ()) -> Iterator[str]:
    """The folders of a path that name somebody, the outermost first, each with its whole path."""
    above = [each for each in reversed(place.parents[:-1]) if each.as_posix() not in around]
    named = [each.as_posix() for each in above if as_folder(_in_folder(each.name))]
    short = [each.as_posix() for each in above if SHORT.fullmatch(each.name)]
    yield from named or short


def _by_platform(platform: Platform, found: re.Match[str], lists: Lists) -> Owner | None:
    part = {key: value or "" for key, value in found.groupdict().items()}
    listed = lists.get(part["name"])
    number = listed.number if listed else part.get("number", "")
    name = written(listed.name) if listed else _named(platform, part)
    if not as_folder(name):
        return None
    seconds = listed.seconds if listed else _seconds_of(part.get("time", ""))
    return Owner(
        name, _place_of(platform, found, part), platform.name, number,
        _stamped(PurePosixPath(found.string).name) if seconds is None else seconds,
        DRAFT if platform.draft else int(part.get("version") or 0),
        platform.by_assignment and listed is None, platform.always_numbered,
        found.string[: found.end()] if platform.loose else "",
    )  # fmt: skip


def _named(platform: Platform, part: Mapping[str, str]) -> str:
    name = written(
        part["name"].replace("_", " ") if not part["name"].startswith("submission_") else part["name"]
    )
    return f"{name} {part['number']}" if platform.always_numbered else name


def _place_of(platform: Platform, found: re.Match[str], part: Mapping[str, str]) -> str:
    """What two hand-ins of one person have in common: the folder that they lie in, and the batch."""
    if platform.name == "Teams":
        return f"Teams/{part['name']}"
    above = found.string[: found.start("name")].rpartition("/")[0]
    return f"{above}/{part.get('batch', '')}/{part['name']}"


def written(name: str) -> str:
    """A name as people write it: composed letters, one blank, and what stands behind a comma first."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    last, comma, first = name.partition(",")
    two_names = comma and first.strip() and "," not in first and not re.search(r"\d", name)
    return f"{first.strip()} {last.strip()}" if two_names else name


def as_folder(name: str) -> str:
    """A name with letters of any language, digits, dots and lines in it: never a path, on no system a device."""
    safe = re.sub(rf"[^\w.{VOWEL_SIGNS}-]+", "_", unicodedata.normalize("NFC", name)).strip("._-")
    if len(safe) > LONGEST:
        safe = f"{safe[: LONGEST - 9]}_{sha256(safe.encode()).hexdigest()[:8]}"
    return f"{safe}_" if safe.lower().partition(".")[0] in DEVICES else safe


def key_of(name: str) -> str:
    """What two spellings have in common that some systems take for one folder."""
    return as_folder(written(name)).casefold()


def names_in(name: str) -> tuple[str, ...]:
    """The names of a person in no order."""
    return tuple(sorted(re.split(r"[\W_]+", key_of(name))))


# A folder's and a file's own name


def _in_folder(text: str) -> str:
    """The name in a folder's text, which a teacher may have numbered to tell two people apart; else its number."""
    text = unicodedata.normalize("NFC", text)
    bare = re.sub(r"[ _]?\(\d+\)$", "", ENDINGS.sub("", text))
    sides = _beside(bare)
    if sides is not None:
        return next((name for side in sides if (name := name_among(side))), "")
    return written(name_among(bare, numbers=True))


def name_beside_lesson(file: str) -> str:
    """The name that stands before or behind the lesson in a file's name; '' where none does."""
    sides = _beside(ENDINGS.sub("", unicodedata.normalize("NFC", file)))
    return next((written(name) for side in sides or () if (name := name_among(side))), "")


def _whole_name(file: str) -> str:
    stem = ENDINGS.sub("", unicodedata.normalize("NFC", file))
    return "" if _beside(stem) is not None else written(name_among(stem))


def weak_name(file: str) -> str:
    """What a file is called where no lesson stands in its name: a person, or anything."""
    return _whole_name(file)


def _beside(stem: str) -> tuple[str, str] | None:
    """What stands before and behind the lesson; None if no lesson does."""
    for pattern in _lesson_patterns():
        parts = pattern.split(stem, maxsplit=1)
        if len(parts) == 2:
            return parts[0], parts[1]
    return None


@cache
def _lesson_patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(_lesson_pattern(lesson.name) for lesson in lessons())


def _lesson_pattern(lesson: str) -> re.Pattern[str]:
    """07_eager_loading as it is released, and as people write it: `7 - Eager loading`, `eager-loading`."""
    number, _, title = lesson.partition("_")
    words = r"[\W_]*".join(map(re.escape, title.split("_")))
    numbered = rf"(?:{BEGINNING}|(?<![^\W_]))?0?{int(number)}[\W_]*{words}"
    alone = rf"|(?<![^\W_]){words}(?![^\W_])" if "_" in title else ""
    return re.compile(rf"(?:{BEGINNING})?{lesson}|{numbered}{alone}", re.IGNORECASE)


# How new a path says that it is


def _seconds_of(text: str) -> float | None:
    """The moment in a platform's text, on the clock on the wall; None where it is written in another way."""
    plain = re.sub(r"[T_]", " ", text, count=1).partition(".")[0] if text[:4].isdigit() else text
    for form in TIMES:
        try:
            return time.mktime(datetime.strptime(plain, form).timetuple())  # noqa: DTZ007  # so platforms write it
        except (ValueError, OverflowError):
            continue
    return None


def _stamped(file: str) -> float | None:
    found = STAMP.search(file)
    return _seconds_of(found[1]) if found else None


# Folders that hold several learners


def folders_around(places: Iterable[PurePosixPath]) -> tuple[set[str], set[str]]:
    """Folders that hold those of several learners, as `class 7/anna` and `class 7/ben`; and those that may do so.

    A learner can have folders of their own, so most folders side by side must look like that.
    """
    places = list(places)
    around, perhaps = _loose_ones(places)
    plain = [place for place in places if not _is_of_platform(place, around)]
    while True:
        below = _below(plain, around)
        wide = {top for top, names in below.items() if len(names) > 1}
        wide |= _counted_on(wide, below, plain)
        if not wide or 2 * len(wide) <= len(below):
            return around, perhaps | wide | _perhaps_around(plain, below, around)
        around |= wide


def _counted_on(wide: set[str], tops: Iterable[str], places: list[PurePosixPath]) -> set[str]:
    """`Group 2` with one learner's folder in it, where `Group 1` has those of several."""
    groups = {_uncounted(top) for top in wide if len(_learners_folders(top, places)) > 1}
    return {top for top in tops if _uncounted(top) in groups and _uncounted(top) != top}


def _learners_folders(top: str, places: list[PurePosixPath]) -> set[str]:
    inside = [place for place in places if place.as_posix().startswith(f"{top}/")]
    return {inner for place in inside if (inner := next(naming_folders(place, {top, *_above(top)}), ""))}


def _uncounted(folder: str) -> str:
    return re.sub(r"\d+", "#", folder)


def _loose_ones(places: list[PurePosixPath]) -> tuple[set[str], set[str]]:
    """Folders that look like one learner's on a platform, and have the names of many below them; or of two."""
    below: dict[str, set[str]] = {}
    for place in places:
        owner = owner_of(place)
        folder = owner.loose if owner else ""
        if folder and folder != place.as_posix():
            below.setdefault(folder, set()).update(_named_below(place, {folder, *_above(folder)}))
    wide = {folder for folder, names in below.items() if len(names) > 1}
    if 2 * len(wide) <= len(below):
        return set(), wide
    many = {folder for folder in wide if len(below[folder]) > 2}
    return many, wide - many


def _above(folder: str) -> set[str]:
    return {above.as_posix() for above in PurePosixPath(folder).parents}


def _named_below(place: PurePosixPath, around: Collection[str]) -> set[str]:
    inner = next(naming_folders(place, around), "")
    named = _in_folder(PurePosixPath(inner).name) if inner else name_beside_lesson(place.name)
    return {key_of(named)} if named else set()


def _is_of_platform(place: PurePosixPath, around: Collection[str]) -> bool:
    owner = owner_of(place, around=around)
    return owner is not None and bool(owner.platform)


def _below(places: list[PurePosixPath], around: Collection[str]) -> dict[str, set[str]]:
    """For each outermost folder that names somebody, the people who are named below it."""
    below: dict[str, set[str]] = {}
    for place in places:
        if top := next(naming_folders(place, around), ""):
            below.setdefault(top, set()).update(_named_below(place, {*around, top}))
    return below


def _perhaps_around(
    places: list[PurePosixPath], below: Mapping[str, set[str]], around: Collection[str]
) -> set[str]:
    """The one folder of a delivery, if its files have names that might be several people's."""
    if len(below) != 1:
        return set()
    (top,) = below
    inside = [place for place in places if next(naming_folders(place, around), "") == top]
    named = {key_of(weak_name(place.name)) for place in inside}
    return {top} if len(named - {""}) > 1 else set()


def with_number(owner: Owner) -> Owner:
    """The owner whose folder says their number too."""
    return owner if owner.always_numbered else replace(owner, name=f"{owner.name} {owner.number}".strip())
