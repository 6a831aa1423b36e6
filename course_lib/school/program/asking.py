"""What several commands need: which copy is meant, and how to say no."""

import os
import sys
from pathlib import Path

from course_lib.school.kit_files import ROOT
from course_lib.school.learner import copies, places
from course_lib.school.learner.files import WorkspaceError

COPY_SHOWN = "COURSE_COPY"
"""The variable in which JupyterLab tells its notebooks and terminals which copy it shows."""


def copy_at(folder: Path | None) -> Path:
    """The named copy, else the one around this place, else the one JupyterLab shows or your own.

    Beside a kit that is there for many may lie the copy of whoever installed it: that one has to be named.
    """
    if folder:
        return copies.find(folder) or folder.absolute()
    around = copies.find()
    if around and not (around.is_relative_to(ROOT) and places.is_shared()):
        return around
    shown = os.environ.get(COPY_SHOWN)
    return Path(shown) if shown else places.own_copy()


def copy_that_is_there(folder: Path | None) -> Path:
    """The same, and WorkspaceError where there is none: an empty answer would look like everything lost."""
    copy = copy_at(folder)
    if copies.find(copy) is None:
        raise WorkspaceError(
            f"{copy} is no copy of the course. Go into yours, or name it with --dir; "
            "`make lab` or `course start DIR` makes one."
        )
    return copy


def prepare(copy: Path) -> list[str]:
    """Make the copy if it is not there, and say whether there is anything new for it."""
    if not (copy / ".course").is_dir():
        return [*copies.start(copy), *_told_of_an_earlier_one()]
    if copies.kit_has_news(copy):
        return ["There are new versions of notebooks. `course update` brings them, and keeps what you wrote."]
    return [f"Your copy of the course: {copy}"]


def _told_of_an_earlier_one() -> list[str]:
    earlier = places.left_beside()
    return [f"An earlier copy of yours is kept: `course lab --dir '{earlier}'` opens it."] if earlier else []


def refuse(why: str) -> int:
    print(f"✗ {why}", file=sys.stderr)
    return 1
