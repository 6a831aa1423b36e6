"""Brings the kit's changes into a learner's notebook, cell by cell; what the learner wrote stays.

A cell is known by its id, and its content is its type and its source: outputs are not compared. Three versions of
each cell decide: what was given, what the learner has (`mine`), and what the kit has now (`new`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from course_lib.school.lessons.predictions import unfold

Cell = Any  # a notebook node: nbformat ships no types
Cells = dict[str, Cell]  # a notebook's cells by their ids, in their order

BOTH = "you and the kit both changed it; yours stays, the new version stands below it"
DELETED = "you deleted it and the kit changed it; it stays deleted"
KEPT = "the kit no longer has it and you changed it; yours stays"
CHANGED, CAME, WENT = "changed", "new", "gone"
NOTE = "**The kit has a new version of the cell above.** You changed that cell too, so yours stays. The new version:"


class NotANotebook(Exception):
    """The bytes are no notebook of version 4; the message says where they stop being one."""


def read(content: bytes) -> Any:
    """The notebook that `content` holds, its ids not yet looked at; raises NotANotebook."""
    from nbformat import v4

    try:
        notebook = v4.reads(content.decode("utf-8"))
        sound = notebook.nbformat == 4 and all(map(_is_cell, notebook.cells))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotANotebook(f"{error}") from None
    if not sound:
        raise NotANotebook("a cell has no type or no source, or the format is not version 4")
    return notebook


def written(notebook: Any) -> bytes:
    """The bytes that Jupyter itself would write."""
    from nbformat import v4

    # A half character (possible in an output) cannot be UTF-8; as an escape it is good JSON.
    return f"{v4.writes(notebook)}\n".encode("utf-8", errors="backslashreplace")


def without_outputs(notebook: Any) -> Any:
    """The notebook as a learner first sees it: no answer stands below a question, and none will be folded."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)
            unfold(cell)
    return notebook


def named_after(base: Any, new: Any) -> Any:
    """`new` with the ids of `base`: a cell that only moved to another id keeps the one that the learner has."""
    from difflib import SequenceMatcher

    given, names = [cell.id for cell in base.cells], [_name(cell) for cell in new.cells]
    before, after = ([content(cell) for cell in each.cells] for each in (base, new))
    found: list[str | None] = [None] * len(names)
    for event, a, a_end, b, b_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        # Where the cell above has another id than before, cells were numbered anew: the place tells who is who.
        renumbered = event == "replace" and a_end - a == b_end - b and a and given[a - 1] != names[b - 1]
        if event == "equal" or renumbered:
            found[b:b_end] = given[a:a_end]
    for place, name in enumerate(names):
        if found[place] is None and name not in found:
            found[place] = name
    return _named(new, found)


def named_alike(base: Any, mine: Any) -> Any:
    """`mine` with an id of its own on each cell.

    A cell whose id the base does not know, but whose content stands in a cell that is missing, is that cell: some
    programs drop or change the ids.
    """
    names: list[str | None] = []
    for cell in mine.cells:
        names.append(_name(cell) if _name(cell) not in names else None)
    known = [cell.id for cell in base.cells]
    missing = [cell for cell in base.cells if cell.id not in names]
    for place, cell in enumerate(mine.cells):
        twin = next((each for each in missing if content(each) == content(cell)), None)
        if twin is not None and names[place] not in known:
            names[place] = twin.id
            missing.remove(twin)
    return _named(mine, names)


def like(node: Any, **changes: Any) -> Any:
    """A new node that differs from this one only in what is named."""
    from nbformat import from_dict

    return from_dict({**node, **changes})


def content(cell: Cell) -> tuple[str, str]:
    return cell.cell_type, cell.source


def by_id(notebook: Any) -> Cells:
    return {cell.id: cell for cell in notebook.cells}


@dataclass
class Merged:
    """A learner's notebook with the kit's changes in it, and what there is to say about single cells."""

    notebook: Any
    told: list[tuple[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def merge(base: Any, mine: Any, new: Any) -> Merged:
    """`mine` with what changed from `base` to `new`; each of the three has an id on every cell."""
    was, own, kit = by_id(base), by_id(mine), by_id(new)
    merged = Merged(like(mine, metadata=_metadata(base, mine, new), cells=[]))
    merged.notebook.nbformat_minor = max(mine.nbformat_minor, new.nbformat_minor)
    for name in _order(was, own, kit):
        cells, event = _settle(was.get(name), own.get(name), kit.get(name))
        fresh = [cell for cell in cells if cell.id == name or cell.id not in own]
        merged.notebook.cells += fresh
        if event in (CHANGED, CAME, WENT):
            merged.counts[event] += 1
        elif event:
            merged.told.append((name, event))
    return merged


def restored(base: Any, mine: Any, names: Sequence[str]) -> Any:
    """`mine` with the cells called `names` as they were given; the learner's other cells stay."""
    was, own = by_id(base), by_id(mine)
    kept = {name: cell for name, cell in own.items() if name not in names and _subject(cell) not in names}
    cells = kept | {name: was[name] for name in names}
    order = [name for name in _weave(list(kept), list(was)) if name in cells]
    return like(mine, cells=[cells[name] for name in order])


def _order(was: Cells, own: Cells, kit: Cells) -> list[str]:
    """The kit's order, unless the learner moved cells: then the learner's."""
    in_order = [name for name in was if name in own] == [name for name in own if name in was]
    return _weave(list(kit), list(own)) if in_order else _weave(list(own), list(kit))


def _weave(spine: list[str], others: list[str]) -> list[str]:
    """The spine, and each of the others behind the one that it followed."""
    for place, name in enumerate(others):
        if name not in spine:
            spine.insert(spine.index(others[place - 1]) + 1 if place else 0, name)
    return spine


def _settle(was: Cell, mine: Cell, new: Cell) -> tuple[list[Cell], str]:
    """The cells that come of three versions of one, each of which may be missing, and what happened."""
    if mine is None:
        if new is None or was is None:
            return ([], "") if new is None else ([new], CAME)
        return [], DELETED if _differ(was, new) else ""
    if new is None:
        if was is None:
            return [mine], ""  # a cell of the learner's own
        return ([mine], KEPT) if _differ(was, mine) else ([], WENT)
    yours = like(mine, metadata=_metadata(was, mine, new))
    if not _differ(mine, new):
        return [yours], ""
    if was is not None and not _differ(was, mine):
        return [like(new, metadata=yours.metadata)], CHANGED
    if was is not None and _says_the_same(was, new):
        return [yours], ""
    return [yours, _note(new)], BOTH


def _note(new: Cell) -> Cell:
    """The new version as a quotation; its id follows from what it says, so that it never comes twice."""
    from nbformat import NotebookNode

    longest = max((len(run) for run in re.findall("`+", new.source)), default=0)
    fence = "`" * max(3, longest + 1)
    language = "python" if new.cell_type == "code" else new.cell_type
    source = f"{NOTE}\n\n{fence}{language}\n{new.source}\n{fence}"
    digest = sha256(f"{new.id}\n{source}".encode(errors="replace")).hexdigest()
    metadata = {"course": {"new_version_of": new.id}}
    return like(
        NotebookNode(), cell_type="markdown", id=f"new-{digest[:12]}", metadata=metadata, source=source
    )


def _subject(cell: Cell) -> str | None:
    """The id of the cell whose new version this note quotes, or None for any other cell."""
    course = cell.metadata.get("course")
    return course.get("new_version_of") if isinstance(course, dict) else None


def _differ(one: Cell, other: Cell) -> bool:
    return content(one) != content(other)


def _says_the_same(was: Cell, new: Cell) -> bool:
    """Whether the kit changed no more than where lines end: that is no news to somebody who wrote an answer there."""
    return was.cell_type == new.cell_type and "".join(was.source.split()) == "".join(new.source.split())


def _metadata(was: Any, mine: Any, new: Any) -> dict[str, Any]:
    """What the kit says about a cell or notebook, over what the learner's program added."""
    before = was.metadata if was is not None else {}
    added = {key: value for key, value in mine.metadata.items() if key not in before or key in new.metadata}
    changed = {key: value for key, value in new.metadata.items() if before.get(key) != value}
    return added | changed


def _is_cell(cell: Cell) -> bool:
    return (
        isinstance(cell.cell_type, str) and isinstance(cell.source, str) and isinstance(cell.metadata, dict)
    )


def _name(cell: Cell) -> str | None:
    name = cell.get("id")
    return name if isinstance(name, str) and name else None


def _named(notebook: Any, names: Sequence[str | None]) -> Any:
    """The notebook with these ids; where there is none, one that follows from the cell's content."""
    taken = {name for name in names if name}
    cells = []
    for name, cell in zip(names, notebook.cells, strict=True):
        name = name or next(each for each in _possible_names(cell) if each not in taken)
        taken.add(name)
        cells.append(like(cell, id=name))
    return like(notebook, cells=cells)


def _possible_names(cell: Cell) -> Iterator[str]:
    written_out = "\n".join(content(cell)).encode(errors="replace")
    number = 0
    while True:
        yield f"cell-{sha256(written_out + str(number).encode()).hexdigest()[:12]}"
        number += 1
