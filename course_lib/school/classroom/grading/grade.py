"""Runs what was collected, and turns it into points, pages for the learners and a table."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TextIO

from course_lib import settings
from course_lib.lab import postgres
from course_lib.school.classroom.cells import Part, checks_of, parts_of
from course_lib.school.classroom.course_folder import (
    ClassroomError,
    Notice,
    bring_up_to_date,
    command,
    lesson_named,
    released,
)
from course_lib.school.classroom.grading.turns_shown import Bar, Lines
from course_lib.school.classroom.grading.unfinished import alone, finished
from course_lib.school.classroom.grading.workers.crew import Crew, Turn, size_for
from course_lib.school.classroom.paths import autograded, pages, reports, submitted, write_csv
from course_lib.school.classroom.results.graded_outcomes import Result, results_of
from course_lib.school.classroom.results.history import add_to_history
from course_lib.school.classroom.results.points import table_of_points
from course_lib.school.classroom.results.unusual import hanging_answers, stops
from course_lib.school.judges import judge_of
from course_lib.school.judges.registry import POSTGRES


@dataclass(frozen=True)
class Graded:
    """The table of points, the page of each learner, who could not be graded, and what was stopped."""

    table: Path
    pages: dict[str, Path]
    notices: list[Notice]


def grade(
    folder: Path, lesson: str, *, again: bool = False, tell: Callable[[str], object] | TextIO = str
) -> Graded:
    """Run every notebook that is new since the last time, or with `again` all of them. This runs learners' code.

    Several are run at once. A cell that does not end is stopped after a minute; the points of all other cells stay.
    `tell` hears, for each learner, a line as soon as the turn comes; on a terminal's stream, a bar is drawn instead.
    """
    grading = Grading.of(folder, lesson, tell)
    grading.run(set() if again else finished(folder, grading.name))
    return grading.summed_up()


@dataclass
class Grading:
    """One run: of which lesson, who is in it, how it is shown, and who could not be graded."""

    folder: Path
    name: str
    students: list[str]
    shown: Lines
    failed: list[Notice] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, lesson: str, tell: Callable[[str], object] | TextIO) -> Self:
        name = lesson_named(folder, lesson)
        released(folder, name)
        students = [*submitted(folder, name)]
        if not students:
            first = command("collect", folder, name, "FROM")
            raise ClassroomError(f"nothing of {name} is collected yet. Collect it first: {first}")
        return cls(folder, name, students, Lines(students, tell) if callable(tell) else Bar(students, tell))

    @property
    def log(self) -> Path:
        return reports(self.folder, self.name) / "grading.log"

    @property
    def parts(self) -> dict[str, Part]:
        return parts_of(released(self.folder, self.name))

    def run(self, done: set[str], graded: Callable[[str], object] = str) -> None:
        """Grade all but those who are `done`; `graded` hears of each who could be graded."""
        for student in self.students:
            if student in done:
                self.shown.is_graded(student)
        waiting = [student for student in self.students if student not in done]
        if not waiting:
            return
        bring_up_to_date(self.folder)
        self.log.write_text("", encoding="utf-8")
        with alone(self.folder) as apart:
            crew = Crew((self.folder.resolve(), self.name), apart.resolve(), self.log.resolve())
            size = size_for(len(waiting))
            crew.grade(waiting, lambda turn: self._heard(turn, graded), size=size, first=self._prepare)

    def results(self, student: str = "") -> list[Result]:
        return results_of(self.folder, self.name, self.parts, only=student)

    def summed_up(self) -> Graded:
        if not autograded(self.folder, self.name):
            told = "\n".join(map(str, self.failed))
            raise ClassroomError(f"nobody could be graded; what nbgrader said is in {self.log}.\n{told}")
        points = table_of_points(self.folder, self.name, checks_of(self.parts))
        table = write_csv(reports(self.folder, self.name) / "grades.csv", points)
        results = self.results()
        unusual = [*stops(self.folder, self.name, self.parts, results), *hanging_answers(results)]
        return Graded(table, pages(self.folder, self.name), [*self.failed, *unusual])

    def _prepare(self) -> None:
        """PostgreSQL starts here, where it is needed: what a notebook starts ends with the notebook."""
        import nbgrader.api  # noqa: F401  # for the table in the end, while the others import it too

        judges = [judge_of(check.exercise, self.name) for check in checks_of(self.parts) if check.exercise]
        if settings.database_setting() == POSTGRES or any(POSTGRES in judge.on for judge in judges):
            with suppress(postgres.PostgresUnavailable):
                postgres.shared()

    def _heard(self, turn: Turn, graded: Callable[[str], object]) -> None:
        if not turn.over:
            self.shown.begins(turn.student)
            return
        with self.log.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"== {turn.student} ==\n{turn.log}\n")
        if turn.why:
            told = f"could not be graded: {turn.why} What nbgrader said is in {self.log}."
            self.failed.append(Notice(turn.student, told))
        else:
            add_to_history(self.folder, self.name, self.results(turn.student))
            graded(turn.student)
        self.shown.ends(turn.student, turn.why)
