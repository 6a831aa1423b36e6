"""Which cell of a lesson settles a misconception: its output shows that it fails, or what is right.

notebooks/teaching/settled.toml has the list, and says how an entry is written. settled_by("07.1", "N+1")
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from course_lib.school.kit_files import TEACHING
from course_lib.school.lessons.course import lesson_named

FILE = TEACHING / "settled.toml"


@dataclass(frozen=True)
class SettlingCell:
    """A code cell of the lesson '07_eager_loading'.

    Below this heading it is the only one with such a `line`, or with a line that begins so.
    """

    lesson: str
    section: str
    line: str


def settled_by(
    exercise: str, misconception: str, *, settled: Mapping[str, list[str]] | None = None
) -> SettlingCell | None:
    """The cell for a misconception that somebody met in an exercise. None where no lesson shows it."""
    settled = settled_cells() if settled is None else settled
    keys = (f"{exercise} {misconception}", misconception, exercise)
    entry = next((settled[key] for key in keys if key in settled), [])
    return _cell(*entry) if entry else None


def settled_cells() -> dict[str, list[str]]:
    """The entries of the file by exercise, by misconception, or by both. A kit without teacher's notes has none."""
    return tomllib.loads(FILE.read_text("utf-8")) if FILE.exists() else {}


def _cell(lesson: str, section: str, line: str) -> SettlingCell:
    return SettlingCell(lesson_named(lesson).name, section, line)
