"""Commands for a teacher, from the course folder of a class to its report, and for who writes exercises: `cut`."""

from pathlib import Path

from course_lib.lab import classroom
from course_lib.lab.release import write_exercises
from course_lib.lab.slides import write_slides


def init(folder: Path) -> int:
    """make an nbgrader course folder, or give an old one the lessons that are new"""
    new = classroom.init(folder)
    print(f"{folder}: {len(new)} assignments are new. Next: course class release {folder} 01")
    return 0


def release(folder: Path, lesson: str) -> int:
    """cut the notebook that learners get"""
    print(f"Give your learners {classroom.release(folder, lesson)}")
    return 0


def collect(folder: Path, lesson: str, source: Path) -> int:
    """take in notebooks from a folder or a zip"""
    found = classroom.collect(folder, source, lesson)
    print(*found.notices, f"{len(found.students)} learners: {', '.join(found.students)}", sep="\n")
    return 0


def grade(folder: Path, lesson: str, again: bool) -> int:
    """run what was taken in: points, and a page for each learner (this runs learners' code)"""
    graded = classroom.grade(folder, lesson, again=again)
    print(*graded.notices, f"Points: {graded.table}", *graded.pages.values(), sep="\n")
    return 0


def report(folder: Path, lesson: str) -> int:
    """who passed what, and which misconception how many met"""
    print(f"Report: {classroom.report(folder, lesson)}")
    return 0


def slides(lesson: str, folder: Path) -> int:
    """make slides of a lesson, which need no network"""
    print(f"Slides: {write_slides(lesson, folder)}")
    return 0


def cut(lesson: str | None) -> int:
    """write notebooks/exercises anew from notebooks/solutions"""
    print(*write_exercises(only=lesson), sep="\n")
    return 0
