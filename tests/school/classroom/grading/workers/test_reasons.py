"""A teacher is told what happened and what to do, in words that need no knowledge of nbgrader."""

import errno

import pytest
from nbformat.reader import NotJSONError
from nbgrader.nbgraderformat import SchemaTooOldError
from sqlalchemy.exc import OperationalError

from course_lib.school.classroom.grading.running.run_bounded import Stopped
from course_lib.school.classroom.grading.workers.reasons import reason


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Stopped("its kernel died"), "its kernel died. Look at that cell"),
        (
            NotJSONError("no JSON\nat all"),
            "the notebook cannot be read (NotJSONError: no JSON). Let the learner open",
        ),
        (RecursionError(), "the notebook cannot be read (RecursionError: )."),
        (SchemaTooOldError("x", 1, 3), "another version of nbgrader. Let the learner"),
        (OSError(errno.ENOSPC, "No space left on device"), "there is no room left on the disk"),
        (
            PermissionError(errno.EACCES, "denied", "x.html"),
            "a file could not be read or written (PermissionError",
        ),
        (OperationalError("x", {}, Exception("database is locked")), "the gradebook could not be written"),
        (RuntimeError("what?"), "nbgrader failed (RuntimeError: what?). Grade again"),
    ],
)
def test_a_reason_says_what_happened_and_what_to_do(error: Exception, told: str) -> None:
    assert told in reason(error)
    assert reason(error).endswith(".")
