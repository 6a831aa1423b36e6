"""The learner's own copy of lessons and exercises: made once, kept up to date, never overwritten.

    start(Path("my-course"))      # lessons without outputs, exercises, and a folder .course for what was given
    update(Path("my-course"))     # the kit's changes come in; what the learner wrote stays
    reset(Path("my-course"), "07.2")

Each command gives lines that say what it did, or raises WorkspaceError. Before a notebook of the learner's is
replaced, it is copied to `.course/backups`. A notebook that the learner deleted stays away until it is reset.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from course_lib.school.kit_files import NOTEBOOKS
from course_lib.school.learner import merging
from course_lib.school.learner.files import (
    GIVEN,
    MARKER,
    STATE,
    Batch,
    WorkspaceError,
    alone_in,
    back_up,
    plain_errors,
    temporary,
    together,
)
from course_lib.school.learner.new_names import former_place, take_new_names
from course_lib.school.learner.news import (
    Found,
    News,
    Notebooks,
    every_name,
    found_in,
    given_notebook,
    kit_notebooks,
    news_of,
    reset_command,
)
from course_lib.school.lessons.course import exercise_notebook

EXERCISES = "exercises/ex"  # how the names of exercise notebooks begin
FORM = "07 (an exercise notebook, or with --lesson a lesson) or 07.2 (one exercise)"


@plain_errors()
def start(folder: Path, *, kit: Path = NOTEBOOKS) -> list[str]:
    """Make a copy of the kit's notebooks in `folder`; a copy that is there already stays as it is."""
    folder = folder.absolute()
    there = [f"{folder} is your copy already, and stays as it is. `course update` brings what is new."]
    if _is_copy(folder):
        return there
    notebooks = kit_notebooks(kit)
    _refuse_the_place(folder, kit)
    _refuse_to_overwrite(folder, notebooks)  # before anything is written, and below once more under the lock
    with alone_in(folder):
        if _is_copy(folder):  # another command made it in the meantime
            return there
        take_new_names(folder)
        _refuse_to_overwrite(folder, notebooks)
        with together(folder) as batch:
            for name in notebooks:
                _apply(batch, news_of(found_in(folder, name), notebooks))
            batch.put(folder / MARKER, (json.dumps({"format": 1}) + "\n").encode(), over=None)
    lessons = sum(name[0].isdigit() for name in notebooks)
    exercises = sum("/" in name for name in notebooks)
    return [f"{folder}: your copy, with {lessons} lessons and {exercises} exercise notebooks."]


@plain_errors()
def update(folder: Path, *, kit: Path = NOTEBOOKS) -> list[str]:
    """Bring the kit's changes into the copy, and say for each cell that both changed what became of it."""
    folder = _copy(folder)
    with alone_in(folder):
        notebooks = kit_notebooks(kit)
        lines = take_new_names(folder)
        with together(folder) as batch:
            for name in every_name(folder, notebooks):
                lines += _apply(batch, news_of(found_in(folder, name), notebooks))
    return lines or ["Nothing is new: your copy has the newest version of every notebook."]


@plain_errors()
def kit_has_news(folder: Path, *, kit: Path = NOTEBOOKS) -> bool:
    """Whether `update` would bring something into the copy. Looks only, and waits for nobody."""
    folder = _copy(folder)
    notebooks = kit_notebooks(kit)
    return any(news_of(found_in(folder, name), notebooks).given is not None for name in notebooks)


@plain_errors()
def reset(folder: Path, what: str, *, lesson: bool = False, kit: Path = NOTEBOOKS) -> list[str]:
    """Give back a notebook ("07"), or one exercise of it ("07.2"), as it was given; a backup is made first.

    A page that is no lesson goes by its name.
    """
    folder = _copy(folder)
    asked = re.fullmatch(r"([0-9]{2})(\.[0-9]+)?", what)
    is_page = what in _pages(folder)
    if not is_page and (asked is None or (lesson and asked[2])):
        raise WorkspaceError(f"{what!r} cannot be reset. {_perhaps(folder, what)}Name it like this: {FORM}.")
    number, exercise = asked.groups() if asked else ("", None)
    with alone_in(folder):
        lines = take_new_names(folder)
        with together(folder) as batch:
            name = f"{what}.ipynb" if is_page else _given_name(folder, number, lesson=lesson)
            lines += _restore(batch, found_in(folder, name), what if exercise else "")
    with suppress(WorkspaceError):  # the reset is done, whatever may be wrong with the kit
        if kit_has_news(folder, kit=kit):
            lines.append("The kit has newer versions: `course update` brings them.")
    return lines


def find(start: Path | None = None) -> Path | None:
    """The learner's copy that a place (the current folder, if none is named) lies in; None outside of any."""
    place = (start or Path.cwd()).absolute()
    return next(filter(_is_copy, (place, *place.parents)), None)


def exercises_as_given(copy: Path, lesson: str) -> Path:
    """Where the exercises of a lesson stand as the learner got them, also in a copy that was not updated since."""
    given = copy / GIVEN / exercise_notebook(lesson)
    return given if given.is_file() else former_place(given)


def _apply(batch: Batch, news: News) -> list[str]:
    """Put what is to be written into the batch: first the backup, then the notebook, then what was given."""
    found, lines = news.found, list(news.lines)
    if found.mine is not None and (news.broken or news.mine is not None):
        backup = back_up(batch, found.name, found.mine)
        lines.append(f"{found.name}: the version before is kept in {backup.as_posix()}.")
    if news.mine is not None:
        batch.put(batch.folder / found.name, news.mine, over=found.mine)
    if news.given is not None:
        batch.put(batch.folder / GIVEN / found.name, news.given, over=found.given)
    return lines


def _restore(batch: Batch, found: Found, exercise: str) -> list[str]:
    what = f"{found.name}, exercise {exercise}" if exercise else found.name
    try:
        given = given_notebook(found.given)
    except merging.NotANotebook as error:
        damaged = batch.folder / GIVEN / found.name
        raise WorkspaceError(f"{damaged} is damaged ({error}). `course update` mends it.") from None
    content = merging.written(_with_exercise(given, found, exercise) if exercise else given)
    if content == found.mine:
        return [f"{what}: it is as it was given; nothing changed."]
    return [f"{what}: as it was given.", *_apply(batch, News(found, content))]


def _with_exercise(given: Any, found: Found, exercise: str) -> Any:
    """The learner's notebook with one exercise as it was given."""
    cells = list(_section(given, exercise))
    whole = f"`{reset_command(found.name)}` gives the whole notebook afresh"
    if not cells:
        there = re.findall(r"^## (\d\d\.\d+) ", "\n".join(cell.source for cell in given.cells), re.MULTILINE)
        raise WorkspaceError(f"{found.name} has no exercise {exercise}; it has {', '.join(there) or 'none'}.")
    if found.mine is None:
        raise WorkspaceError(f"{found.name} is not there. {whole}.")
    try:
        own = merging.read(found.mine)
    except merging.NotANotebook as error:
        raise WorkspaceError(f"{found.name} is no notebook any more ({error}). {whole}.") from None
    return merging.restored(given, merging.named_alike(given, own), cells)


def _section(notebook: Any, exercise: str) -> Iterator[str]:
    """The ids of the cells from the heading of the exercise to the next heading."""
    inside = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            inside = cell.source.startswith(f"## {exercise} ")
        if inside:
            yield cell.id


def _given_name(folder: Path, number: str, *, lesson: bool) -> str:
    """The exercise notebook or the lesson of that number, as it was given."""
    given = folder / GIVEN
    found = sorted(given.glob(f"{'' if lesson else EXERCISES}{number}_*.ipynb"))
    if not found:
        kind = "lesson" if lesson else "exercise notebook"
        there = sorted(each for each, _ in _numbered(folder, "" if lesson else EXERCISES))
        known = f"there are {there[0]} to {there[-1]}" if there else "there is none"
        new = "`course update` brings what is new"
        raise WorkspaceError(f"There is no {kind} {number} in {folder}; {known}. {new}.")
    return found[0].relative_to(given).as_posix()


def _pages(folder: Path) -> list[str]:
    return [path.stem for path in (folder / GIVEN).glob("[a-z]*.ipynb")]


def _numbered(folder: Path, kind: str) -> list[tuple[str, str]]:
    """The number and the topic of what was given: ("07", "eager_loading")."""
    stems = [path.stem.removeprefix("ex") for path in (folder / GIVEN).glob(f"{kind}[0-9][0-9]_*.ipynb")]
    return [(stem[:2], stem[3:]) for stem in stems]


def _perhaps(folder: Path, what: str) -> str:
    """The notebook whose topic or name is most like what was asked for, as a question."""
    numbers = {
        name: number for number, topic in _numbered(folder, "") for name in (topic, f"{number}_{topic}")
    }
    wanted = Path(what.lower()).name.removesuffix(".ipynb").removeprefix("ex")
    near = get_close_matches(wanted.replace(" ", "_"), numbers, n=1)
    return f"Did you mean {numbers[near[0]]}? " if near else ""


def _is_copy(folder: Path) -> bool:
    try:
        return (folder / MARKER).is_file()
    except OSError:  # a folder above that may not be looked into
        return False


def _copy(folder: Path) -> Path:
    if not _is_copy(folder):
        raise WorkspaceError(f"{folder} is no copy of the course. `course start {folder}` makes one.")
    return folder.absolute()


def _refuse_the_place(folder: Path, kit: Path) -> None:
    # Not `resolve`, which raises an error of its own kind for a link that leads to itself.
    place, inside = Path(os.path.realpath(folder)), kit.resolve()
    if inside in (place, *place.parents) or place == inside.parent:
        raise WorkspaceError(f"{folder} belongs to the kit itself. Choose a folder of your own.")
    for each in (folder, folder / STATE, folder / "exercises"):
        if each.exists() and not each.is_dir():
            raise WorkspaceError(f"{each} is a file, where a folder is needed. Choose another folder.")


def _refuse_to_overwrite(folder: Path, notebooks: Notebooks) -> None:
    """A notebook that is there, and was not given by an earlier unfinished start, is the learner's own."""
    for name in notebooks:
        path, given = folder / name, folder / GIVEN / name
        if (path.exists() or path.is_symlink()) and not (given.exists() or temporary(given).exists()):
            raise WorkspaceError(f"{path} is there already, and is not overwritten. Choose another folder.")
