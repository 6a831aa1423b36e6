"""What the kit has for one notebook of a learner's copy: what is to be written, and what is to be said."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.school.learner import merging
from course_lib.school.learner.files import GIVEN, WorkspaceError, bytes_of

PATTERNS = ("[0-9][0-9]_*.ipynb", "[a-z]*.ipynb", "exercises/ex[0-9][0-9]_*.ipynb")
Notebooks = dict[str, Any]  # what the kit gives, by the path in the kit and in the copy


@dataclass(frozen=True)
class Found:
    """A notebook as it stands in the copy, and as it was given; None where there is none."""

    name: str
    mine: bytes | None
    given: bytes | None


@dataclass(frozen=True)
class News:
    """What to write in the place of what was found (None: nothing), and what to say."""

    found: Found
    mine: bytes | None = None
    given: bytes | None = None
    lines: tuple[str, ...] = ()
    broken: bool = False  # a backup is made although nothing is replaced


def kit_notebooks(kit: Path) -> Notebooks:
    """The kit's notebooks as a learner gets them: without outputs."""
    paths = sorted(path for pattern in PATTERNS for path in kit.glob(pattern))
    if not paths:
        raise WorkspaceError(f"{kit} holds no notebooks. Is the kit complete?")
    return {path.relative_to(kit).as_posix(): _kit_notebook(path) for path in paths}


def every_name(folder: Path, notebooks: Notebooks) -> list[str]:
    """The kit's notebooks, and those that were given once and are no longer in the kit."""
    given = folder / GIVEN
    old = [path.relative_to(given).as_posix() for pattern in PATTERNS for path in given.glob(pattern)]
    return sorted({*notebooks, *old})


def found_in(folder: Path, name: str) -> Found:
    return Found(name, bytes_of(folder / name), bytes_of(folder / GIVEN / name))


def given_notebook(content: bytes | None) -> Any:
    """What was given, an id on each cell; raises NotANotebook where nothing was, or where it is damaged."""
    notebook = merging.read(content or b"")
    return merging.named_alike(merging.like(notebook, cells=[]), notebook)


def news_of(found: Found, notebooks: Notebooks) -> News:
    """What an update does about one notebook; nothing is written here."""
    name = found.name
    if name not in notebooks:
        return News(
            found,
            lines=(f"{name}: the kit no longer has it; yours stays.",) if found.mine is not None else (),
        )
    base = _base(found.given, notebooks[name])
    new = merging.named_after(base, notebooks[name])
    content = merging.written(new)
    if found.mine is None:
        return _missing(found, content)
    if found.given is None:
        return _in_the_way(found, content)
    try:
        own = merging.read(found.mine)
    except merging.NotANotebook as error:
        again = f"`{reset_command(name)}` gives a fresh one"
        return News(
            found, broken=True, lines=(f"{name}: no notebook any more ({error}); left alone. {again}.",)
        )
    return News(found) if content == found.given else _merged(found, base, own, new)


def reset_command(name: str) -> str:
    """What gives this notebook back as it was given."""
    folder, _, file = name.rpartition("/")
    if not folder and file[0].isalpha():
        return f"course reset {file.removesuffix('.ipynb')}"
    return f"course reset {file.removeprefix('ex')[:2]}" + ("" if folder else " --lesson")


def _missing(found: Found, content: bytes) -> News:
    """A notebook that is new, or that the learner deleted."""
    if found.given is None:
        return News(found, content, content, (f"{found.name}: new.",))
    if found.given == content:
        return News(found)
    back = f"`{reset_command(found.name)}` brings it back"
    return News(found, given=content, lines=(f"{found.name}: you deleted it, so it stays away. {back}.",))


def _in_the_way(found: Found, content: bytes) -> News:
    if found.mine == content:
        return News(found, given=content)
    rename = "Give yours another name, then update again"
    return News(found, lines=(f"{found.name}: the kit has a new one, your own file stays. {rename}.",))


def _merged(found: Found, base: Any, own: Any, new: Any) -> News:
    merged = merging.merge(base, merging.named_alike(base, own), new)
    content, before = merging.written(merged.notebook), merging.written(own)
    counts = ", ".join(f"{number} {event}" for event, number in sorted(merged.counts.items()))
    lines = [f"{found.name}: brought up to date" + (f" (cells: {counts})." if counts else ".")]
    cells = [f"{found.name}: cell {cell}: {event}." for cell, event in merged.told]
    if content == before:
        return News(found, given=merging.written(new), lines=tuple(cells))
    return News(found, content, merging.written(new), (*lines, *cells))


def _kit_notebook(path: Path) -> Any:
    try:
        return merging.without_outputs(merging.read(path.read_bytes()))
    except (OSError, merging.NotANotebook) as error:
        raise WorkspaceError(f"{path}, a notebook of the kit, cannot be read: {error}") from None


def _base(given: bytes | None, new: Any) -> Any:
    """What was given; without it, a notebook that has no cells, so that every cell counts as the learner's."""
    try:
        return given_notebook(given)
    except merging.NotANotebook:
        return merging.like(new, cells=[], metadata={})
