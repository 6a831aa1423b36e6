"""What several commands need: which copy is meant, and how to say no."""

import os
import sys
from pathlib import Path

from course_lib.school.kit_files import IS_REPOSITORY, ROOT
from course_lib.school.learner import copies
from course_lib.school.learner.files import WorkspaceError

MY_COURSE = (ROOT if IS_REPOSITORY else Path.home()) / "my_course"
"""Where a learner's own copy is made when no other place is named: beside the kit, or at home where a wheel has it."""
COPY_SHOWN = "COURSE_COPY"
"""The variable in which JupyterLab tells its notebooks and terminals which copy it shows."""


def copy_at(folder: Path | None) -> Path:
    """The named copy, else the one around this place, else the one JupyterLab shows or the one beside the kit."""
    if folder:
        return copies.find(folder) or folder.absolute()
    return copies.find() or Path(os.environ.get(COPY_SHOWN) or MY_COURSE)


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
        return copies.start(copy)
    if copies.kit_has_news(copy):
        return ["There are new versions of notebooks. `course update` brings them, and keeps what you wrote."]
    return [f"Your copy of the course: {copy}"]


def refuse(why: str) -> int:
    print(f"✗ {why}", file=sys.stderr)
    return 1
