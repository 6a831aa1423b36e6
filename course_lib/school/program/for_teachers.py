"""Commands for a teacher, from the course folder of a class to its report, and for who writes exercises: `cut`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from course_lib.school import classroom
from course_lib.school.classroom import ClassroomError
from course_lib.school.classroom.course_folder import command
from course_lib.school.making.cutting import write_exercises
from course_lib.school.making.slides import write_slides
from course_lib.school.making.ways_on import write_ways_on


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


def collect(folder: Path, lesson: str, source: Path) -> int:
    """take in notebooks from a folder or a zip"""
    found = classroom.collect(folder, source, lesson)
    print(*found.notices, sep="\n", end="\n" if found.notices else "", flush=True)
    if not found.students:
        why = "the lines above say why" if found.notices else "there is no file in it"
        raise ClassroomError(f"nothing was taken in from {source}: {why}.")
    print(f"Taken in from {_counted(found.students)}.")
    print(f"All whose notebooks are here now: {_counted(found.everybody)}.")
    print(f"Next: {command('grade', folder, lesson)}")
    return 0


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


def _show(graded: classroom.Graded) -> None:
    print(*graded.notices, f"Points: {graded.table}", sep="\n")
    print("Pages for your learners:", *graded.pages.values(), sep="\n")


def report(folder: Path, lesson: str) -> int:
    """who passed what, and which misconception how many met"""
    print(f"Report: {classroom.report(folder, lesson)}")
    return 0


def slides(lesson: str, folder: Path) -> int:
    """make slides of a lesson, which need no network"""
    print(f"Slides: {write_slides(lesson, folder)}")
    return 0


def cut(lesson: str | None) -> int:
    """write notebooks/exercises anew from notebooks/solutions, and where each lesson leads"""
    print(*write_exercises(only=lesson), *write_ways_on(), sep="\n")
    return 0
