"""Where things lie in a course folder, by learner."""

import csv
from pathlib import Path
from typing import Any


def submitted(folder: Path, name: str) -> dict[str, Path]:
    """The collected notebooks of a lesson."""
    return _by_learner(folder / "submitted", name, "ipynb")


def autograded(folder: Path, name: str) -> dict[str, Path]:
    """The graded notebooks of a lesson."""
    return _by_learner(folder / "autograded", name, "ipynb")


def pages(folder: Path, name: str) -> dict[str, Path]:
    """The pages that learners get back."""
    return _by_learner(folder / "feedback", name, "html")


def originals(folder: Path, name: str, learner: str) -> Path:
    """The folder for all that a learner handed in, as it came; nbgrader does not look there."""
    return folder / "handed_in" / name / learner


def _by_learner(place: Path, name: str, kind: str) -> dict[str, Path]:
    return {path.parents[1].name: path for path in sorted(place.glob(f"*/{name}/{name}.{kind}"))}


def released_lessons(folder: Path) -> list[str]:
    """The lessons that learners got."""
    return sorted(path.parent.name for path in (folder / "release").glob("*/*.ipynb"))


def graded_lessons(folder: Path) -> list[str]:
    """The lessons of which at least one notebook is graded."""
    return sorted({path.parent.name for path in (folder / "autograded").glob("*/*/*.ipynb")})


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
