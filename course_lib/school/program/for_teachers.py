"""Commands for a teacher, from the course folder of a class to its report, and for who writes exercises: `cut`."""

from functools import partial
from pathlib import Path

from course_lib.school import classroom
from course_lib.school.classroom import ClassroomError
from course_lib.school.classroom.course_folder import command, lesson_named
from course_lib.school.classroom.paths import write_csv
from course_lib.school.classroom.returning.gradebook_files import PLATFORMS, GradebookFile, fill, write
from course_lib.school.classroom.returning.status import COLUMNS, row_of, table_of
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
    graded = classroom.grade(folder, lesson, again=again, tell=partial(print, flush=True))
    print(*graded.notices, f"Points: {graded.table}", sep="\n")
    print("Pages for your learners:", *graded.pages.values(), sep="\n")
    print(f"Next: {command('report', folder, lesson)}")
    return 0


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
    print(f"Slides: {write_slides(lesson, folder)}")
    return 0


def cut(lesson: str | None) -> int:
    """write notebooks/exercises anew from notebooks/solutions, and where each lesson leads"""
    print(*write_exercises(only=lesson), *write_ways_on(), sep="\n")
    return 0
