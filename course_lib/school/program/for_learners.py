"""Commands for a learner: the copy of one's own, the list of exercises, the progress, what is due again.

What reads the progress imports SQLAlchemy, and is imported where it is needed: all other commands begin twice as soon.
"""

import asyncio
import json
from datetime import datetime
from pathlib import Path

from course_lib.lab.tables import Table
from course_lib.school.exercises.solutions import Exercise
from course_lib.school.exercises.solutions import exercises as all_exercises
from course_lib.school.learner import copies
from course_lib.school.program.asking import copy_at, copy_that_is_there


def start(folder: Path | None) -> int:
    """make a copy of lessons and exercises that is your own"""
    print(*copies.start(copy_at(folder)), sep="\n")
    return 0


def update(folder: Path | None) -> int:
    """bring what is new in the kit into your copy (save open notebooks first); what you wrote stays"""
    print(*copies.update(copy_at(folder)), sep="\n")
    return 0


def reset(what: str, lesson: bool, folder: Path | None) -> int:
    """give a fresh exercise notebook (07) or exercise (07.2); yours is kept as a backup"""
    number, *rest = what.split(".")
    what = ".".join([number.zfill(2), *rest])  # 7.2 is meant as 07.2
    print(*copies.reset(copy_at(folder), what, lesson=lesson), sep="\n")
    print(
        "If it is open in JupyterLab: File → Reload Notebook from Disk. What you have passed stays counted."
    )
    return 0


def exercises(as_json: bool, folder: Path | None) -> int:
    """list every exercise, and which you have passed"""
    from course_lib.school.learner.progress import progress_of

    copy = copy_that_is_there(folder) if folder else copy_at(None)
    passed = asyncio.run(progress_of(copy).passed())
    rows = [_row(exercise, done=exercise.id in passed) for exercise in all_exercises()]
    print(json.dumps(rows, indent=2, ensure_ascii=False) if as_json else _table(rows))
    return 0


def progress(folder: Path | None, html: Path | None, csv: Path | None, name: str | None) -> int:
    """show how far you are, or write it into a file to print or to hand on"""
    from course_lib.school.learner.progress import progress_of
    from course_lib.school.learner.progress_page import name_of_user, page, spreadsheet, standings, write
    from course_lib.school.learner.progress_shown import table_of_progress

    copy = copy_that_is_there(folder)
    kept = progress_of(copy)
    if html is None and csv is None:
        print(asyncio.run(table_of_progress(all_exercises(), kept)), f"\nYour copy: {copy}")
        return 0
    rows = asyncio.run(standings(all_exercises(), kept))
    name = name or name_of_user()
    if html:
        print(f"Page: {write(html, page(rows, name, at=datetime.now().astimezone()))}")
    if csv:
        print(f"Table: {write(csv, spreadsheet(rows, name))}")
    return 0


def review(folder: Path | None) -> int:
    """ask three things again that are due: exercises you passed, questions of lessons you began"""
    from course_lib.school.learner.progress import progress_of
    from course_lib.school.learner.review import review as go_through

    return go_through(progress_of(copy_that_is_there(folder)), all_exercises())


def _row(exercise: Exercise, *, done: bool) -> dict[str, object]:
    """`hints` and `wrong_answers` are how many there are: their texts would give too much away."""
    return {
        "id": exercise.id,
        "lesson": exercise.lesson,
        "kind": exercise.kind,
        "minutes": exercise.minutes,
        "hints": len(exercise.hints),
        "wrong_answers": len(exercise.wrong),
        "points": exercise.points,
        "done": done,
    }


def _table(rows: list[dict[str, object]]) -> Table:
    titles = {exercise.id: exercise.title for exercise in all_exercises()}
    columns = ("id", "title", "kind", "minutes", "points", "passed")
    shown = [
        (
            row["id"],
            titles[str(row["id"])],
            row["kind"],
            row["minutes"],
            row["points"],
            "✓" * bool(row["done"]),
        )
        for row in rows
    ]
    done = sum(bool(row["done"]) for row in rows)
    return Table(f"{len(rows)} exercises, {done} passed", columns, shown)
