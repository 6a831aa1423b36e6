"""Commands for a teacher, from the course folder of a class to its report, and for who writes exercises: `cut`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from course_lib.school import classroom
from course_lib.school.classroom.collecting.taking import Collected, Row
from course_lib.school.classroom.course_folder import ClassroomError, command, lesson_named
from course_lib.school.classroom.paths import write_csv
from course_lib.school.classroom.returning.gradebook_files import PLATFORMS, GradebookFile, fill, write
from course_lib.school.classroom.returning.status import COLUMNS, row_of, table_of
from course_lib.school.classroom.who_is_who import LEAVE_OUT, NAMES
from course_lib.school.making.cutting import write_exercises
from course_lib.school.making.ways_on import write_ways_on

OPEN_QUESTIONS = 3
"""The exit status of `collect` where notebooks were taken in, and a teacher is asked about others."""


def init(folder: Path) -> int:
    """make an nbgrader course folder, or give an old one the lessons that are new"""
    new = classroom.init(folder)
    if new:
        print(f"New in {folder}: {', '.join(new)}", f"Next: {command('release', folder, new[0])}", sep="\n")
    else:
        print(f"Nothing is new: {folder} has every lesson of the kit.")
    return 0


def release(folder: Path, lesson: str) -> int:
    """cut the notebook that learners get"""
    print(f"Give your learners {classroom.release(folder, lesson)}")
    print(f"When you have theirs: {command('collect', folder, lesson, 'FROM')}")
    return 0


def collect(folder: Path, lesson: str, source: Path, dry_run: bool) -> int:
    """take in notebooks from a folder, a zip or a tar; ends with 3 where a question is open"""
    found = classroom.collect(folder, source, lesson, dry_run=dry_run)
    if dry_run:
        _print_table(("file", "whose", "what", "why"), [_words_of(row) for row in found.rows])
        print("Nothing was written.")
    else:
        print(*found.notices, sep="\n", end="\n" if found.notices else "", flush=True)
    if found.questions and not dry_run:
        _ask(folder, found)
    if not found.students:
        why = "the lines above say why" if found.notices or found.questions else "there is no file in it"
        raise ClassroomError(f"nothing was taken in from {source}: {why}.")
    if not dry_run:
        print(f"Taken in from {_counted(found.students)}.")
        print(f"All whose notebooks are here now: {_counted(found.everybody)}.")
        print(f"Next: {command('grade', folder, lesson)}")
    return OPEN_QUESTIONS if found.questions else 0


def _ask(folder: Path, found: Collected) -> None:
    """One table of all that is unclear; names.json has a line for each, for the answer."""
    rows = [(each.key or each.place, each.guess, each.why) for each in found.questions]
    print("\nWhose are these? They were not taken in, and nothing of them is lost.")
    _print_table(("file", "perhaps", "why"), rows)
    print(
        f"Write the learner's name behind each file in {folder / NAMES}, without a question mark, and collect again.\n"
        f'A learner who is there already is called as in `submitted`; "{LEAVE_OUT}" leaves a file out.\n',
        flush=True,
    )


def _words_of(row: Row) -> tuple[str, ...]:
    return row.place, row.student, row.what, row.why


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as their longest entry; the last one is a sentence and may run on."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head) - 1)]
    for row in [head, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[-1]]).rstrip())


def _counted(students: list[str]) -> str:
    return f"{len(students)} learner{'s' * (len(students) != 1)}: {', '.join(students)}"


def grade(folder: Path, lesson: str, again: bool) -> int:
    """run what was taken in: points, and a page for each learner (this runs learners' code)"""
    with _goes_on("grade", folder, lesson):
        _show(classroom.grade(folder, lesson, again=again, tell=_shown()))
    print(f"Next: {command('report', folder, lesson)}")
    return 0


def regrade(folder: Path, lesson: str) -> int:
    """grade all again, as after a judge was mended, and say whose verdicts changed"""
    with _goes_on("regrade", folder, lesson):
        regraded = classroom.regrade(folder, lesson, tell=_shown())
    _show(regraded.graded)
    if regraded.earlier:
        print(f"Graded again already before this was interrupted: {', '.join(regraded.earlier)}")
    print(*map(str, regraded.changes) if regraded.changes else ["No verdict has changed."], sep="\n")
    return 0


def _shown() -> Callable[[str], object] | TextIO:
    return sys.stdout if sys.stdout.isatty() else partial(print, flush=True)


@contextmanager
def _goes_on(step: str, folder: Path, lesson: str) -> Iterator[None]:
    """Say after Ctrl-C that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nStopped. To go on where it was: {command(step, folder, lesson)}", flush=True)
        raise


def _show(graded: "classroom.Graded") -> None:
    print(*graded.notices, f"Points: {graded.table}", sep="\n")
    if pages := [*graded.pages.values()]:
        print(f"Pages for {len(pages)} learner{'s' * (len(pages) != 1)}, such as {pages[0]}")


def report(folder: Path, lesson: str) -> int:
    """who passed what, and which misconception how many met"""
    print(f"Report: {classroom.report(folder, lesson)}")
    return 0


def hand_back(folder: Path, lesson: str) -> int:
    """pack the learners' pages as a platform takes them back"""
    packed = classroom.hand_back(folder, lesson)
    print(f"Pages of {_counted(packed.students)}.", f"To upload: {packed.archive}", sep="\n")
    if packed.waiting:
        print(f"Handed in since, and not graded: {', '.join(packed.waiting)}.")
    return 0


def status(folder: Path, lesson: str | None, csv: Path | None, **gradebook: str | None) -> int:
    """who has handed in what, what is graded, and what is returned; and the points for Moodle or Canvas"""
    found = classroom.standings(folder, [lesson_named(folder, lesson)] if lesson else [])
    if not found:
        raise ClassroomError(f"nothing is released in {folder}, or nobody has handed anything in yet.")
    print(table_of(found))
    if csv:
        print(f"Table: {write_csv(csv, [COLUMNS, *map(row_of, found)])}")
    for kind in PLATFORMS:
        exported = gradebook[kind.platform.lower()]
        if exported is not None:
            _write_points(folder, lesson, kind, exported, column=gradebook["column"] or "")
    return 0


def _write_points(
    folder: Path, lesson: str | None, kind: GradebookFile, exported: str, *, column: str
) -> None:
    if not lesson:
        raise ClassroomError(f"{kind.platform} takes the points of one lesson: name it, such as 07.")
    own = Path(exported) if exported else None
    written = fill(folder, lesson, kind, own, column=column) if own else write(folder, lesson, kind)
    print(f"For {kind.platform}, points of {written.learners}: {written.path}")
    if written.left_out:
        print(f"Not in it, since nothing says which line is theirs: {', '.join(written.left_out)}.")


def slides(lesson: str, folder: Path) -> int:
    """make slides of a lesson, which need no network"""
    # It imports IPython, which no other command needs.
    from course_lib.school.making.slides import write_slides

    print(f"Slides: {write_slides(lesson, folder)}")
    return 0


def cut(lesson: str | None) -> int:
    """write notebooks/exercises anew from notebooks/solutions, and where each lesson leads"""
    print(*write_exercises(only=lesson), *write_ways_on(), sep="\n")
    return 0
