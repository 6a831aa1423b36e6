"""What each grading said of each learner, one under the other: a verdict of last week is still there after the next."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from course_lib.school.classroom.paths import reports
from course_lib.school.classroom.results.graded_outcomes import Result

HISTORY = "history.csv"


@dataclass(frozen=True)
class Told:
    """The outcome of one exercise as one grading told it. `time` is ISO 8601 in UTC, one for a learner's grading."""

    time: str
    student: str
    exercise: str
    outcome: str
    why: str = ""


def history_of(folder: Path, name: str) -> list[Told]:
    """All that was ever told of a lesson, the oldest first; nothing where nothing is graded."""
    file = reports(folder, name) / HISTORY
    if not file.is_file():
        return []
    with file.open(encoding="utf-8-sig", newline="") as rows:
        known = [field.name for field in fields(Told)]
        return [Told(*(row[column] or "" for column in known)) for row in csv.DictReader(rows)]


def add_to_history(folder: Path, name: str, results: Iterable[Result]) -> None:
    """Write down what one learner was told just now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    rows = [Told(now, each.student, each.exercise, each.outcome, each.why) for each in results]
    append_csv(reports(folder, name) / HISTORY, [field.name for field in fields(Told)], map(astuple, rows))


def append_csv(path: Path, head: Iterable[object], rows: Iterable[Iterable[object]]) -> None:
    """Add rows below a table, which begins with a head, and with the mark by which spreadsheets know UTF-8."""
    new = not path.exists()
    with path.open("a", encoding="utf-8-sig" if new else "utf-8", newline="") as file:
        csv.writer(file).writerows([*([head] if new else []), *rows])
