"""Where things lie in a course folder, by learner; and how learners write the names that had to become folders."""

import csv
import json
from pathlib import Path
from typing import Any

NAMES = "names.json"


def submitted(folder: Path, name: str) -> dict[str, Path]:
    """The collected notebooks of a lesson."""
    return _by_learner(folder / "submitted", name, "ipynb")


def autograded(folder: Path, name: str) -> dict[str, Path]:
    """The graded notebooks of a lesson."""
    return _by_learner(folder / "autograded", name, "ipynb")


def pages(folder: Path, name: str) -> dict[str, Path]:
    """The pages that learners get back."""
    return _by_learner(folder / "feedback", name, "html")


def _by_learner(place: Path, name: str, kind: str) -> dict[str, Path]:
    return {path.parents[1].name: path for path in sorted(place.glob(f"*/{name}/{name}.{kind}"))}


def learners(folder: Path) -> list[str]:
    """Everybody who ever handed something in."""
    place = folder / "submitted"
    return sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []


def reports(folder: Path, name: str) -> Path:
    """The folder for all that a teacher reads about a lesson."""
    place = folder / "reports" / name
    place.mkdir(parents=True, exist_ok=True)
    return place


def write_csv(path: Path, rows: list[list[Any]]) -> Path:
    """A table that spreadsheets open as it is: they know UTF-8 by the mark at the beginning."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def names_of(folder: Path) -> dict[str, str]:
    """How learners write their names, where that is known to differ from their folders': Anna_Berg is Anna Berg."""
    file = folder / NAMES
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def remember_names(folder: Path, found: dict[str, str]) -> None:
    """Keep the names that only lost their spaces. What a teacher wrote into the file stays."""
    spaced = {student: name for student, name in found.items() if name.replace(" ", "_") == student != name}
    known = names_of(folder)
    if spaced.keys() - known.keys():
        text = json.dumps(spaced | known, ensure_ascii=False, indent=1, sort_keys=True)
        (folder / NAMES).write_text(f"{text}\n", encoding="utf-8", newline="\n")
