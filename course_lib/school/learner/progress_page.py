"""Where you stand, to print or to hand on: a page that is complete by itself, and a table for a spreadsheet."""

import csv
import getpass
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from io import StringIO
from itertools import groupby
from pathlib import Path

from course_lib.school.exercises.outcomes import PASSED
from course_lib.school.learner.files import WorkspaceError, plain_errors
from course_lib.school.learner.progress import Progress
from course_lib.school.learner.progress_shown import Exercise
from course_lib.school.lessons.course import title_of

MARK = '<meta name="generator" content="course progress">'
COLUMNS = ("name", "lesson", "exercise", "title", "points", "passed", "tries", "hints")
BYTE_ORDER_MARK = "\ufeff"  # by it spreadsheets know UTF-8
STYLE = """
body { font: 11pt/1.4 sans-serif; color: #000; background: #fff; max-width: 50em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; margin: 1.5em 0; }
caption { text-align: left; font-weight: bold; padding-bottom: .3em; }
th, td { text-align: left; font-weight: normal; border-bottom: 1px solid #767676; padding: .2em .6em .2em 0; }
thead th { font-weight: bold; }
.number { text-align: right; }
@media print { body { margin: 0; max-width: none; } table { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Standing:
    """How somebody stands with one exercise; `passed` is when it was passed first, `tries` are all there were."""

    exercise: Exercise
    passed: datetime | None
    tries: int
    hints: int


async def standings(exercises: Iterable[Exercise], progress: Progress) -> list[Standing]:
    """One for each exercise, in their order. Raises ProgressUnavailable."""
    tries, hints = await progress.tries(), await progress.hints()
    found = []
    for exercise in exercises:
        mine = [each for each in tries if each.exercise == exercise.id]
        passes = [each.at.astimezone() for each in mine if each.outcome == PASSED]
        hinted = sum(each.exercise == exercise.id for each in hints)
        found.append(Standing(exercise, passes[0] if passes else None, len(mine), hinted))
    return found


def page(rows: Sequence[Standing], name: str, *, at: datetime) -> str:
    """The page, which asks nothing of the network and has no script; `at` is when it is made."""
    done = [row for row in rows if row.passed]
    points, most = (sum(row.exercise.points for row in each) for each in (done, rows))
    told = f"{len(done)} of {len(rows)} exercises passed: {points} of {most} points."
    tables = "\n".join(_table(lesson, [*group]) for lesson, group in groupby(rows, _lesson))
    title = f"Progress of {escape(name)}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{MARK}
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<p><strong>{told}</strong></p>
<p>Database patterns with async SQLAlchemy, {at:%Y-%m-%d %H:%M}. This is what the learner's own copy of the course
remembers, and no grade.</p>
{tables}
</body>
</html>
"""


def spreadsheet(rows: Iterable[Standing], name: str) -> str:
    """The same as comma-separated values, a line for each exercise."""
    file = StringIO()
    written = csv.writer(file)
    written.writerow(COLUMNS)
    for row in rows:
        exercise, passed = row.exercise, row.passed.isoformat(timespec="seconds") if row.passed else ""
        known = (name, exercise.lesson, exercise.id, exercise.title, exercise.points)
        written.writerow([*known, passed, row.tries, row.hints])
    return BYTE_ORDER_MARK + file.getvalue()


def write(path: Path, text: str) -> Path:
    """Write a page or table, also over an earlier one; raises WorkspaceError where another file has the name."""
    with plain_errors():
        if path.exists() and not _is_ours(path):
            raise WorkspaceError(
                f"{path} is there already, and is none of `course progress`. Name another file."
            )
        path.write_text(text, encoding="utf-8", newline="")
    return path


def name_of_user() -> str:
    """The full name that the system knows, or the name of the login."""
    try:
        import pwd

        full = pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0].strip()
        return full or getpass.getuser()
    except (ImportError, KeyError, OSError):  # Windows, or a user whom the system does not know
        return os.environ.get("USERNAME") or "no name given"


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    beginning = path.read_bytes()[:1000].decode("utf-8", errors="replace")
    return MARK in beginning or beginning.startswith(f"{BYTE_ORDER_MARK}{','.join(COLUMNS)}")


def _lesson(row: Standing) -> str:
    return row.exercise.lesson


def _table(lesson: str, rows: Sequence[Standing]) -> str:
    done = sum(row.passed is not None for row in rows)
    heads = ("exercise", "points", "passed", "tries", "hints")
    head = "".join(f'<th scope="col"{_place(each)}>{each}</th>' for each in heads)
    caption = f"{escape(title_of(lesson))}: {done} of {len(rows)} passed"
    body = "\n".join(_row(row) for row in rows)
    return f"<table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _row(row: Standing) -> str:
    exercise = row.exercise
    passed = f"✓ {row.passed:%Y-%m-%d %H:%M}" if row.passed else "not yet" if row.tries else "not tried"
    cells = {"points": exercise.points, "passed": passed, "tries": row.tries, "hints": row.hints}
    shown = "".join(f"<td{_place(column)}>{cell}</td>" for column, cell in cells.items())
    return f'<tr><th scope="row">{exercise.id} {escape(exercise.title)}</th>{shown}</tr>'


def _place(column: str) -> str:
    return ' class="number"' if column in ("points", "tries", "hints") else ""
