"""What was handed in, read as nbgrader will read it: mended where nothing is lost, and refused with the reason.

Every notebook that comes out of here is valid by nbformat's own schema. A valid one stays byte for byte as it came.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from course_lib.school.classroom.cells import with_line_feeds
from course_lib.school.classroom.collecting.decoding import Unreadable, loaded, text_of

FORMAT, MINOR = 4, 5
DEEPEST = 50  # levels below a notebook; nbgrader's own stack needs room too
ENTRIES = {
    "code": {"cell_type", "execution_count", "id", "metadata", "outputs", "source"},
    "markdown": {"attachments", "cell_type", "id", "metadata", "source"},
    "raw": {"attachments", "cell_type", "id", "metadata", "source"},
}
WIDGETS = "application/vnd.jupyter.widget-state+json"
SAVE_AGAIN = "Open it in Jupyter, save it, and hand it in again."

Json = dict[str, Any]


@dataclass(frozen=True)
class Read:
    """A notebook that can be graded: `content` is what to store, `mended` says what was put right in it."""

    content: bytes
    cells: list[Json]
    mended: list[str] = field(default_factory=list)


def read(content: bytes) -> Read:
    """The notebook in these bytes. Raises Unreadable, which says why there is none."""
    text, marks = text_of(content)
    written = loaded(text)
    if _depth_of(written) > DEEPEST:
        raise Unreadable("is nested too deeply for a notebook", SAVE_AGAIN)
    notebook, mended = _mended(written)
    if not marks and _same(notebook, written):
        return Read(content, notebook["cells"])
    new = json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
    return Read(new.encode(), notebook["cells"], [*marks, *mended])


def _mended(written: Any) -> tuple[Json, list[str]]:
    notebook = _of_format_four(written)
    steps = (_whole_letters, _with_cells, _with_line_ends, _with_outputs, _with_metadata, _with_ids)
    mended = [] if _same(notebook, written) else ["its format"]
    for step in steps:
        before, notebook = notebook, step(notebook)
        if not _same(notebook, before):
            mended.append(str(step.__doc__))
    return _valid(notebook, mended)


def _of_format_four(written: Any) -> Json:
    """The notebook in format 4, with the format that its shape shows where it names none."""
    if not isinstance(written, dict):
        raise Unreadable("is no notebook")
    notebook: Json = written
    number = _whole_number(notebook.get("nbformat", 3 if "worksheets" in notebook else FORMAT))
    if number is None or number > FORMAT:
        newer = f"is of format {notebook['nbformat']!s:.20}, which nbgrader cannot read"
        raise Unreadable(newer, "Ask for it in format 4: that is what Jupyter saves.")
    if number < FORMAT:
        return _upgraded(notebook, number)
    minor = _whole_number(notebook.get("nbformat_minor", MINOR))
    known = minor if minor is not None and 0 <= minor <= MINOR else MINOR
    return notebook | {"nbformat": FORMAT, "nbformat_minor": known}


def _upgraded(notebook: Json, number: int) -> Json:
    """An older notebook in format 4, without ids: nbformat would throw dice for them each time."""
    import nbformat
    from nbformat import reader

    try:
        numbered = {"nbformat_minor": 0} | notebook | {"nbformat": number}
        upgraded = dict(nbformat.convert(reader.reads(json.dumps(numbered)), FORMAT))
        cells = [{key: value for key, value in cell.items() if key != "id"} for cell in upgraded["cells"]]
        return dict(json.loads(json.dumps(upgraded | {"cells": cells})))
    except Exception as error:  # nbformat raises whatever its dictionaries raise
        raise Unreadable(f"is of format {number} and cannot be converted", SAVE_AGAIN) from error


def _whole_number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return int(value) if float(value) == int(value) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _whole_letters(notebook: Json) -> Json:
    """half letters"""
    text = json.dumps(notebook, ensure_ascii=False)
    if text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text):
        return notebook
    return dict(json.loads(text.encode("utf-8", "replace").decode()))


def _with_cells(notebook: Json) -> Json:
    """its cells"""
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise Unreadable("has no cells", SAVE_AGAIN)
    return notebook | {"cells": [_cell(cell, place) for place, cell in enumerate(cells, start=1)]}


def _cell(cell: Any, place: int) -> Json:
    if not isinstance(cell, dict):
        raise Unreadable(f"has something at place {place} that is no cell", SAVE_AGAIN)
    kind = cell.get("cell_type")
    if not isinstance(kind, str) or kind not in ENTRIES:
        raise Unreadable(f"has a cell of unknown kind at place {place}: {kind!s:.40}", SAVE_AGAIN)
    known = {key: value for key, value in cell.items() if key in ENTRIES[kind]}
    return known | {"source": _source(cell.get("source"), place), "metadata": _cell_metadata(cell)}


def _source(source: Any, place: int) -> Any:
    lines = [source] if isinstance(source, str) else source
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise Unreadable(f"has a cell at place {place} whose source is no text", SAVE_AGAIN)
    return source


def _with_line_ends(notebook: Json) -> Json:
    """its line ends"""
    return notebook | {"cells": [
        cell | {"source": with_line_feeds(text)} if "\r" in (text := "".join(cell["source"])) else cell
        for cell in notebook["cells"]
    ]}  # fmt: skip


def _cell_metadata(cell: Json) -> Json:
    metadata = cell.get("metadata")
    if not isinstance(metadata, dict):
        return {}
    lost = "nbgrader" in metadata and not isinstance(metadata["nbgrader"], dict)
    return {key: value for key, value in metadata.items() if not (lost and key == "nbgrader")}


def _with_outputs(notebook: Json) -> Json:
    """its outputs"""
    return notebook | {"cells": [_cell_with_outputs(cell) for cell in notebook["cells"]]}


def _cell_with_outputs(cell: Json) -> Json:
    if cell["cell_type"] != "code":
        return cell
    outputs = cell.get("outputs")
    kept = [each for each in outputs if isinstance(each, dict)] if isinstance(outputs, list) else []
    count = cell.get("execution_count")
    known = count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
    return cell | {"outputs": kept, "execution_count": known}


def _with_metadata(notebook: Json) -> Json:
    """its metadata"""
    metadata = notebook.get("metadata")
    if not isinstance(metadata, dict):
        return notebook | {"metadata": {}}
    if "widgets" not in metadata:
        return notebook
    others = {key: value for key, value in metadata.items() if key != "widgets"}
    widgets = _widgets(metadata["widgets"])
    return notebook | {"metadata": others | ({"widgets": widgets} if widgets else {})}


def _widgets(widgets: Any) -> Json:
    """Colab keeps the widgets themselves where their state should stand, and nbconvert stops at that."""
    if not isinstance(widgets, dict):
        return {}
    states = widgets.get(WIDGETS)
    if not isinstance(states, dict):
        return {key: value for key, value in widgets.items() if key != WIDGETS}
    if isinstance(states.get("state"), dict):
        return widgets
    return widgets | {WIDGETS: {"state": states, "version_major": 2, "version_minor": 0}}


def _with_ids(notebook: Json) -> Json:
    """the ids of its cells"""
    cells = notebook["cells"]
    if notebook["nbformat_minor"] < MINOR and not any("id" in cell for cell in cells):
        return notebook
    own = [cell.get("id") for cell in cells]
    new = list(_ids(own))
    return notebook | {"nbformat_minor": MINOR, "cells": [
        cell if old == given else cell | {"id": given} for cell, old, given in zip(cells, own, new, strict=True)
    ]}  # fmt: skip


def _ids(own: list[Any]) -> Iterator[str]:
    """An id for each cell: its own where that can stand and is the first of its kind. The same ones every time."""
    given: set[str] = set()
    taken = {each for each in own if isinstance(each, str)}
    for place, each in enumerate(own):
        fits = (
            isinstance(each, str) and 0 < len(each) <= 64 and each.replace("-", "").replace("_", "").isalnum()
        )
        wanted = each if fits and each.isascii() and each not in given else f"cell-{place}"
        while wanted in given or (wanted != each and wanted in taken):
            wanted += "-"
        given.add(wanted)
        yield wanted


def _valid(notebook: Json, mended: list[str]) -> tuple[Json, list[str]]:
    """The notebook without the outputs and the metadata that nbformat's schema refuses. What else it refuses, stays."""
    from nbformat.validator import ValidationError, iter_validate, validate

    notebook = deepcopy(notebook)
    for _ in range(2):  # without the first half of the errors a second half may be seen
        try:
            validate(notebook, version=FORMAT, version_minor=notebook["nbformat_minor"])
        except ValidationError:
            found = list(iter_validate(notebook, version=FORMAT, version_minor=notebook["nbformat_minor"]))
            mended = [*mended, *sorted({_left_out(notebook, list(error.absolute_path)) for error in found})]
        else:
            return notebook, mended
    raise Unreadable("is no notebook that nbgrader can read", SAVE_AGAIN)


def _left_out(notebook: Json, path: list[Any]) -> str:
    """Take out of the notebook what stands at the path of an error, and give its name."""
    cell = notebook["cells"][path[1]] if path[:1] == ["cells"] and len(path) > 1 else None
    if cell is not None and "outputs" in path:
        cell["outputs"] = []
        return "an output"
    holder = notebook if cell is None else cell
    if "metadata" in path:
        after = path[path.index("metadata") + 1 :]
        holder["metadata"] = {
            key: value for key, value in holder["metadata"].items() if after and key != after[0]
        }
        return "its metadata"
    if cell is not None and "attachments" in cell:
        del cell["attachments"]
        return "an attachment"
    raise Unreadable("is no notebook that nbgrader can read", SAVE_AGAIN)


def _depth_of(written: Any) -> int:
    depth, level = 0, [written]
    while level:
        depth += 1
        inside = [each for each in level if isinstance(each, dict | list)]
        level = [below for each in inside for below in (each.values() if isinstance(each, dict) else each)]
    return depth


def _same(one: Any, other: Any) -> bool:
    """Whether the two say the same; a number that is none is not equal to itself, so they are compared as text."""
    return one is other or one == other or json.dumps(one) == json.dumps(other)
