"""Grades one learner after the other with nbgrader's own steps: its notebook, the gradebook, and a page.

All is made in a folder apart, and put in its place when it is whole: who stops grading in the middle leaves nothing
half done. This module is imported only where notebooks are graded, because nbgrader takes a second to import.
"""

import shutil
from pathlib import Path
from typing import Any

from nbconvert.writers.files import FilesWriter
from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import make_url

from course_lib.school.classroom.cells import parts_of
from course_lib.school.classroom.course_folder import released
from course_lib.school.classroom.grading.pages import for_learners
from course_lib.school.classroom.grading.unfinished import mark_unfinished

KINDS = ("feedback", "autograded")
"""What grading makes, in the order in which it is put in its place: who has the last is graded."""
PATIENCE_WITH_THE_GRADEBOOK = "60"
"""Seconds to wait while another one writes; SQLite has one writer at a time."""


class OneByOne:
    """A step of nbgrader that is made ready once, and does one learner at a time. Errors come out as they are."""

    coursedir: CourseDirectory

    def start(self: Any) -> None:
        self.writer = FilesWriter(parent=self, config=self.config)
        self.exporter = self.exporter_class(parent=self, config=self.config)
        for step in self.preprocessors:
            self.exporter.register_preprocessor(step)

    def convert(self: Any, student: str) -> None:
        lesson, self.coursedir.student_id = self.coursedir.assignment_id, student
        self.notebooks = sorted(map(str, Path(self._format_source(lesson, student)).glob("*.ipynb")))
        self.run_pre_convert_hook()
        self.init_assignment(lesson, student)
        for notebook in self.notebooks:
            self.convert_single_notebook(notebook)
        self.set_permissions(lesson, student)
        self.run_post_convert_hook()


class AutogradeOne(OneByOne, Autograde):  # type: ignore[misc]  # nbgrader ships no types
    pass


class FeedbackOne(OneByOne, GenerateFeedback):  # type: ignore[misc]
    pass


class Grader:
    """nbgrader for one lesson of a course folder, in which this process stands; what is not whole lies in `apart`."""

    def __init__(self, app: NbGrader, name: str, apart: Path) -> None:
        self.folder, self.name, self.apart = Path(app.coursedir.root), name, apart
        self.parts = parts_of(released(self.folder, name))
        app.coursedir.assignment_id = name
        app.coursedir.db_url = _patient(app.coursedir.db_url)
        app.coursedir.autograded_directory, app.coursedir.feedback_directory = map(
            str, map(self._of, KINDS[::-1])
        )
        self.steps = [step(coursedir=app.coursedir, parent=app) for step in (AutogradeOne, FeedbackOne)]
        for step in self.steps:
            step.start()

    def grade(self, student: str) -> None:
        """Run the notebook and write its points and its page; raises what hinders that."""
        unfinished = mark_unfinished(self.folder, self.name, student)
        try:
            for step in self.steps:
                step.convert(student)
            page = self._of("feedback") / student / self.name / f"{self.name}.html"
            text = for_learners(page.read_text("utf-8"), self.parts)
            page.write_text(text, encoding="utf-8", newline="\n")
            for kind in KINDS:
                self._put_in_place(kind, student)
            unfinished.unlink(missing_ok=True)
        finally:
            shutil.rmtree(self.apart, ignore_errors=True)

    def _of(self, kind: str) -> Path:
        return self.apart / kind

    def _put_in_place(self, kind: str, student: str) -> None:
        """A folder cannot be replaced at one stroke: the earlier one steps aside, and comes back if that fails."""
        whole, place = self._of(kind) / student / self.name, self.folder / kind / student / self.name
        earlier = self._of("earlier") / kind
        for target in (place, earlier):
            target.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            place.rename(earlier)
        try:
            whole.rename(place)
        except OSError:
            if earlier.exists():
                earlier.rename(place)
            raise


def _patient(address: str) -> str:
    """The address of a gradebook for one who waits for other writers."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        url = url.update_query_dict({"timeout": PATIENCE_WITH_THE_GRADEBOOK})
    return url.render_as_string(hide_password=False)
