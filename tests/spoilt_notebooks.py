"""Every kind of spoilt notebook that a class hands in: its bytes, and what collecting makes of it.

`MENDED` can be read without loss once something around the answers is put right; `TOLD` cannot, and the word that
stands with each is in the reason that a teacher is given. `thirty` is a class of them among good ones.
"""

import copy
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from classrooms import ANSWERS, NAME, answered, code, hand_in, notebook

GOOD = notebook(answered(ANSWERS))
Change = Callable[[dict[str, Any]], object]


def changed(change: Change, content: bytes = GOOD) -> bytes:
    """The good notebook with one thing changed in it."""
    written = json.loads(content)
    change(written)
    return json.dumps(written).encode()


def cell(**changes: Any) -> bytes:
    """The good notebook with a cell of the learner's own at its end, in which these entries are other ones."""
    return changed(lambda written: written["cells"].append(code("x = 1") | changes))


def cell_without(key: str) -> bytes:
    return changed(
        lambda written: written["cells"].append({k: v for k, v in code("x = 1").items() if k != key})
    )


def of_format_three() -> bytes:
    """As an old program saves it: cells in a worksheet, code under `input`, headings of their own kind."""
    written = json.loads(GOOD)
    cells = [_older(each) for each in written["cells"]]
    heading = {"cell_type": "heading", "level": 2, "metadata": {}, "source": ["Mine"]}
    older = {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0}
    return json.dumps(older | {"worksheets": [{"cells": [*cells, heading], "metadata": {}}]}).encode()


def _older(cell: Mapping[str, Any]) -> dict[str, Any]:
    older = {key: cell[key] for key in ("cell_type", "metadata")}
    if cell["cell_type"] != "code":
        return older | {"source": cell["source"]}
    return older | {"input": cell["source"], "language": "python", "outputs": [], "collapsed": False}


def _without(key: str) -> Change:
    return lambda written: written.pop(key)


def _each(change: Change) -> Change:
    return lambda written: [change(cell) for cell in written["cells"]]


def _twice_the_same_id(written: dict[str, Any]) -> None:
    written["cells"].append(copy.deepcopy(written["cells"][-1]) | {"metadata": {}})


def _with_crlf(cell: dict[str, Any]) -> None:
    cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")


def _decomposed(written: dict[str, Any]) -> None:
    written["cells"].append(code("name = 'Zoe\u0308'"))


WIDGETS = {"application/vnd.jupyter.widget-state+json": {"a1": {"model_name": "HTMLModel", "state": {}}}}

MENDED: Mapping[str, bytes] = {
    "UTF-8 with a mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16 with a mark, little end first": GOOD.decode().encode("utf-16"),
    "UTF-16 with a mark, big end first": b"\xfe\xff" + GOOD.decode().encode("utf-16-be"),
    "UTF-16 without a mark, little end first": GOOD.decode().encode("utf-16-le"),
    "UTF-16 without a mark, big end first": GOOD.decode().encode("utf-16-be"),
    "CRLF in all cells": changed(_each(_with_crlf)),
    "CR in a cell": cell(source="a = 1\rb = 2"),
    "no metadata": changed(_without("metadata")),
    "metadata that are null": changed(lambda written: written.update(metadata=None)),
    "a cell without metadata": cell_without("metadata"),
    "a cell whose marks are a word": cell(metadata={"nbgrader": "lost"}),
    "tags that are a word": cell(metadata={"tags": "mine"}),
    "no ids": changed(_each(lambda cell: cell.pop("id"))),
    "an id twice": changed(_twice_the_same_id),
    "an id that is none": cell(id="a b / c"),
    "ids in a format that has none": changed(lambda written: written.update(nbformat_minor=2)),
    "zeros behind the end": GOOD + bytes(512),
    "widgets without state": changed(lambda written: written["metadata"].update(widgets=WIDGETS)),
    "widgets that are a list": changed(lambda written: written["metadata"].update(widgets=[1])),
    "no outputs": cell_without("outputs"),
    "no execution count": cell_without("execution_count"),
    "an output that nothing can read": cell(outputs=[{"output_type": "hologram"}, None]),
    "outputs in a cell of text": cell(cell_type="markdown"),
    "an empty kernelspec": changed(lambda written: written["metadata"].update(kernelspec={})),
    "half a letter in an output": cell(
        outputs=[{"output_type": "stream", "name": "stdout", "text": "half: \ud83d"}]
    ),
    "format 3": of_format_three(),
    "no format": changed(_without("nbformat")),
    "no minor format": changed(_without("nbformat_minor")),
    "a minor format that does not exist yet": changed(lambda written: written.update(nbformat_minor=99)),
    "a format in quotes": changed(lambda written: written.update(nbformat="4")),
}  # fmt: skip
"""Kinds of which nothing that a learner wrote is lost."""

TAKEN_AS_IT_IS: Mapping[str, bytes] = {
    "decomposed letters in an answer": changed(_decomposed),
    "a cell that fails": cell(source="1 / 0"),
    "a number that is none in an output": cell(outputs=[
        {"output_type": "display_data", "metadata": {}, "data": {"application/json": {"y": float("nan")}}}
    ]),
}  # fmt: skip

TOLD: Mapping[str, tuple[bytes, str]] = {
    "a file with nothing in it": (b"", "empty"),
    "a file of zeros": (bytes(5000), "empty"),
    "a file that was cut off": (GOOD[: len(GOOD) // 2], "breaks off"),
    "a comma too many": (GOOD.replace(b'"nbformat_minor": 5}', b'"nbformat_minor": 5,}'), "line 1"),
    "a web page": (b"<!DOCTYPE html>\n<html><body>Log in</body></html>", "web page"),
    "a program": (b"def f():\n    pass\n", "no notebook"),
    "two versions, as git leaves them": (
        b"<<<<<<< HEAD\n" + GOOD + b"\n=======\n" + GOOD + b"\n>>>>>>> mine\n", "two versions",
    ),
    "two versions of one cell": (
        GOOD.replace(b'{"cells"', b'{\n<<<<<<< HEAD\n"cells"', 1), "two versions",
    ),
    "a PDF": (b"%PDF-1.7 \xff\xfe", "no notebook"),
    "an older encoding": (GOOD.replace(b"x", b"\xe4", 1), "UTF-8"),
    "JSON that is no notebook": (b'{"a": 1}', "no cells"),
    "a list": (b"[1, 2]", "no notebook"),
    "cells that are no list": (changed(lambda written: written.update(cells={"a": 1})), "no cells"),
    "a cell that is null": (changed(lambda written: written["cells"].append(None)), "no cell"),
    "a source that is null": (changed(lambda written: written["cells"][3].update(source=None)), "source"),
    "a source of null and text": (
        changed(lambda written: written["cells"][3].update(source=[None, "a"])), "source",
    ),
    "no source": (changed(lambda written: written["cells"][3].pop("source")), "source"),
    "a cell of no kind": (changed(lambda written: written["cells"].append({"metadata": {}, "source": "x"})), "kind"),
    "a cell of an unknown kind": (cell(cell_type="sql"), "kind"),
    "nested 100,000 deep": (b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
    "metadata nested 900 deep": (
        GOOD.replace(b'"metadata": {}, "nbformat"', b'"metadata": {"a": %b}, "nbformat"' % (b"[" * 900 + b"]" * 900)),
        "nested",
    ),
    "a format to come": (changed(lambda written: written.update(nbformat=5)), "format 5"),
    "a format that is a word": (changed(lambda written: written.update(nbformat="new")), "format"),
    "a number with 5,000 digits": (GOOD.replace(b'"nbformat": 4', b'"nbformat": ' + b"4" * 5000), "no notebook"),
}  # fmt: skip
"""Kinds that cannot be mended without loss, each with a word of the reason."""


def zipped(members: Mapping[str, bytes], *, flag_off: bool = False) -> bytes:
    """A zip of these. With `flag_off` its names are UTF-8 and nothing says so, as macOS writes them."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return _cleared(made.getvalue(), 0x800) if flag_off else made.getvalue()


def bomb() -> bytes:
    """A small zip of a file that is larger than any notebook."""
    return zipped({"x.ipynb": bytes(50_000_001)})


def locked(content: bytes, only: bytes = b"") -> bytes:
    """A zip that says of each of its files, or of those whose name begins so, that a password is needed."""
    return _flagged(content, lambda flags: flags | 1, only)


def _cleared(content: bytes, bit: int) -> bytes:
    return _flagged(content, lambda flags: flags & ~bit)


def _flagged(content: bytes, change: Callable[[int], int], only: bytes = b"") -> bytes:
    """A zip with other flags: they stand before each file, and again in the list at the end."""
    written = bytearray(content)
    for mark, place, name in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        at = content.find(mark)
        while at >= 0:
            flags = int.from_bytes(written[at + place : at + place + 2], "little")
            if content[at + name :].startswith(only):
                written[at + place : at + place + 2] = change(flags).to_bytes(2, "little")
            at = content.find(mark, at + 4)
    return bytes(written)


def tarred(members: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), 1_700_000_000
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


ARCHIVES_TOLD: Mapping[str, tuple[bytes, str]] = {
    "locked.zip": (locked(zipped({"x.ipynb": GOOD})), "password"),
    "damaged.zip": (zipped({"x.ipynb": GOOD})[:-40], "zip"),
    "no zip.zip": (b"PK no zip", "zip"),
    "seven.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(50), "7z"),
    "old.rar": (b"Rar!\x1a\x07\x01\x00" + bytes(50), "rar"),
    "damaged.tar.gz": (tarred({"x.ipynb": GOOD})[:300], "archive"),
}
"""Archives, by the file's name, that cannot be opened."""
ARCHIVES_TAKEN: Mapping[str, bytes] = {
    "anna.tar.gz": tarred({"x.ipynb": GOOD}),
    "ben.tgz": tarred({"work/x.ipynb": GOOD}),
    "chris.zip": zipped({"x.ipynb": GOOD}),
    "dora.ipynb.gz": gzip.compress(GOOD),
}
"""Archives with a good notebook, by the file's name."""

EIGHT = (
    "a source of null and text", "nested 100,000 deep", "a file that was cut off", "a web page", "a format to come",
    "widgets without state", "UTF-16 with a mark, little end first", "CRLF in all cells",
)  # fmt: skip
"""Five that are told, and three that are mended."""


def thirty(handed_in: Path) -> dict[str, str]:
    """A class of thirty hands in, eight of them a spoilt notebook. Gives for each learner the kind, or ''."""
    kinds = dict.fromkeys((f"learner{number:02}" for number in range(30)), "")
    kinds |= dict(zip(list(kinds)[::4], EIGHT, strict=True))
    for learner, kind in kinds.items():
        content = MENDED.get(kind, GOOD) if kind not in TOLD else TOLD[kind][0]
        hand_in(handed_in, f"{learner}/{NAME}.ipynb", content)
    return kinds
