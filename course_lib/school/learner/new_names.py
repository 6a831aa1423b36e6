"""Exercise notebooks under the names that they had before version 0.2, when lesson and exercises had one name.

    exercises/07_eager_loading.ipynb     is now     exercises/ex07_eager_loading.ipynb

A copy of that time takes the new names with its next command. A file that is renamed keeps all that is in it, and a
command that is killed in between is completed by the next one.
"""

from functools import partial
from pathlib import Path

from course_lib.lab.open_files import patiently
from course_lib.school.learner.files import GIVEN

FORMER = "exercises/[0-9][0-9]_*.ipynb"


def former_place(place: Path) -> Path:
    """Where a notebook stood in earlier copies."""
    return place.with_name(place.name.removeprefix("ex"))


def take_new_names(folder: Path) -> list[str]:
    """Rename what was given under a former name, the learner's file first; gives what is to be said."""
    given = folder / GIVEN
    lines = []
    for former in sorted(path.relative_to(given) for path in given.glob(FORMER)):
        if _is_free(folder, former):
            lines += _take_new_name(folder, former)
            patiently(partial((given / former).replace, given / _new(former)))
    return lines + [_two_of_one(former) for former in _written_again(folder)]


def _new(former: Path) -> Path:
    return former.with_name(f"ex{former.name}")


def _is_free(folder: Path, former: Path) -> bool:
    """Whether no file of the learner's own has the new name already; if one has, an update asks to rename that."""
    return not ((folder / former).exists() and (folder / _new(former)).exists())


def _take_new_name(folder: Path, former: Path) -> list[str]:
    if not (folder / former).exists():  # deleted, or renamed by a command that was killed
        return []
    patiently(partial((folder / former).rename, folder / _new(former)))
    return [f"{former.as_posix()}: its name is {_new(former).as_posix()} now; what you wrote is in it."]


def _written_again(folder: Path) -> list[Path]:
    """Former names under which something stands all the same: a page that was open saved its notebook again."""
    there = sorted(path.relative_to(folder) for path in folder.glob(FORMER))
    return [former for former in there if (folder / GIVEN / _new(former)).exists()]


def _two_of_one(former: Path) -> str:
    both = f"{former.as_posix()}: the former name of {_new(former).as_posix()}, and both are there"
    return f"{both}. Take over what you want to keep, then delete it."
