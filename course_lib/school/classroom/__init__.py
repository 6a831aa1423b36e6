"""The classroom: an nbgrader course folder, made from the exercises of this kit; no server, no network, no exchange.

init(folder)                      the course folder: source/07_eager_loading/…, and nbgrader's settings
release(folder, "07")             what learners get: release/07_eager_loading/07_eager_loading.ipynb
collect(folder, handed_in, "07")  notebooks out of a folder or a zip, into submitted/ANNA/07_eager_loading/
grade(folder, "07", tell=print)   points and pages for learners: reports/07_eager_loading/grades.csv, feedback/ANNA/…
regrade(folder, "07")             all again with the kit's present judges, and whose verdicts changed
report(folder, "07")              who passed what, and which misconception how many met: reports/07_eager_loading/
hand_back(folder, "07")           the pages for learners in one zip, as a platform takes them
standings(folder)                 who has handed in what, what is graded, and what is returned

Each is a step you may repeat. Grading runs what learners wrote, on your machine and under your name.

cells          the marked cells of a notebook, and what became of them
paths          where each thing lies in the course folder
who_is_who     names, and platforms' numbers
course_folder  the course folder, and nbgrader in it
collecting     whose notebook is it, and taking it in
results        what the graded notebooks say
grading        points and pages by nbgrader
reporting      who passed what, and what was met
returning      what learners get back, and who still waits for it
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_lib.school.classroom.collecting.collect import collect
    from course_lib.school.classroom.collecting.taking import Collected
    from course_lib.school.classroom.course_folder import ClassroomError, Notice, init, release
    from course_lib.school.classroom.grading.grade import Graded, grade
    from course_lib.school.classroom.grading.regrade import Regraded, regrade
    from course_lib.school.classroom.reporting.report import report
    from course_lib.school.classroom.returning.hand_back import HandedBack, hand_back
    from course_lib.school.classroom.returning.status import Standing, standings

__all__ = [
    "ClassroomError", "Collected", "Graded", "HandedBack", "Notice", "Regraded", "Standing",
    "collect", "grade", "hand_back", "init", "regrade", "release", "report", "standings",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """The steps are imported when one of them is taken: `course` begins sooner for all who have no class."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from course_lib.school.classroom import course_folder
    from course_lib.school.classroom.collecting import collect, taking
    from course_lib.school.classroom.grading import grade, regrade
    from course_lib.school.classroom.reporting import report
    from course_lib.school.classroom.returning import hand_back, status

    modules = (collect, taking, course_folder, grade, regrade, report, hand_back, status)
    return next(vars(each)[name] for each in modules if name in vars(each))
