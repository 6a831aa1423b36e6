"""Grades all again, as after a judge was mended, and says whose verdicts have changed."""

from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from course_lib.school.classroom.cells import checks_of
from course_lib.school.classroom.grading.grade import Graded, Grading
from course_lib.school.classroom.grading.unfinished import Again
from course_lib.school.classroom.paths import reports
from course_lib.school.classroom.results.history import append_csv
from course_lib.school.classroom.results.points import points_of

CHANGES = "changes.csv"
NONE = "not graded"

Verdicts = dict[str, tuple[str, float]]
"""By exercise: what was told, and the points."""


@dataclass(frozen=True)
class Change:
    """A verdict, or its points, that differ from those before. `time` is ISO 8601 in UTC."""

    time: str
    student: str
    exercise: str
    before: str
    after: str
    points_before: float
    points_after: float

    def __str__(self) -> str:
        points = f"{self.points_before:g} -> {self.points_after:g} points"
        return f"{self.student}: {self.exercise}: {self.before} -> {self.after}, {points}"


@dataclass(frozen=True)
class Regraded:
    """What changed; who was graded again already before this was interrupted; and all that a grading gives."""

    changes: list[Change]
    earlier: list[str]
    graded: Graded


def regrade(folder: Path, lesson: str, *, tell: Callable[[str], object] | TextIO = str) -> Regraded:
    """Run all notebooks again with the kit's present judges. This runs learners' code.

    A teacher's own points and comments stay, and so does the verdict of one who cannot be graded now. What was
    interrupted goes on where it was, unless the kit has changed since. Changes are written as they come.
    """
    grading = Grading.of(folder, lesson, tell)
    again = Again(folder, grading.name)
    changes, earlier = _Changes(grading), again.done()

    def graded(student: str) -> None:
        changes.find(student)
        again.add(student)

    grading.run(earlier, graded)
    again.end()
    return Regraded(changes.found, sorted(earlier), grading.summed_up())


class _Changes:
    """Compares what each learner's verdicts are now with what they were at the beginning."""

    def __init__(self, grading: Grading) -> None:
        self._grading = grading
        self._file = reports(grading.folder, grading.name) / CHANGES
        self._before = {student: self._verdicts(student) for student in grading.students}
        self.found: list[Change] = []

    def find(self, student: str) -> None:
        before, after = self._before[student], self._verdicts(student)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        new = []
        for exercise in {**before, **after}:
            (was, had), (told, has) = (verdicts.get(exercise, (NONE, 0)) for verdicts in (before, after))
            if (was, had) != (told, has):
                new.append(Change(now, student, exercise, was, told, had, has))
        if new:
            append_csv(self._file, [field.name for field in fields(Change)], map(astuple, new))
        self.found += new

    def _verdicts(self, student: str) -> Verdicts:
        points = points_of(self._grading.folder, self._grading.name).get(student, {})
        names = {check.exercise: check.name for check in checks_of(self._grading.parts)}
        return {
            each.exercise: (each.verdict, points.get(names[each.exercise], 0))
            for each in self._grading.results(student)
        }
