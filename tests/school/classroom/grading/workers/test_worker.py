"""A process that grades answers each name with a line, and says why where it cannot begin."""

import json
from pathlib import Path

import pytest
from classrooms import bringing, submit

from course_lib.school import classroom
from course_lib.school.classroom import ClassroomError
from course_lib.school.classroom.grading.workers.worker import imported_by


def test_settings_that_cannot_be_read_are_told_and_stop_before_anybody_is_graded(ready: Path) -> None:
    with (ready / "nbgrader_config.py").open("a", encoding="utf-8") as settings:
        settings.write("c.Execute.timeout = soon\n")
    submit(ready, "anna", bringing())
    with pytest.raises(ClassroomError, match=r"nbgrader could not begin: .*name 'soon' is not defined"):
        classroom.grade(ready, "07")


def test_what_a_notebook_imports_is_read_off_its_cells(tmp_path: Path) -> None:
    sources = ["import os.path\nfrom course_lib.db import x", "from . import y", "await f()", "# import z"]
    cells = [{"cell_type": "code", "source": [source]} for source in sources]
    file = tmp_path / "x.ipynb"
    file.write_text(json.dumps({"cells": [*cells, {"cell_type": "markdown", "source": "import me"}]}))
    assert list(imported_by(file)) == ["os.path", "course_lib.db"]
