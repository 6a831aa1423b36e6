"""Why a learner could not be graded, and what a teacher can do, in plain words."""

import errno

from nbformat import ValidationError
from nbformat.reader import NotJSONError
from nbgrader.nbgraderformat import SchemaTooNewError, SchemaTooOldError
from sqlalchemy.exc import OperationalError

from course_lib.school.classroom.grading.running.run_bounded import Stopped

UNREADABLE = (
    AttributeError, KeyError, NameError, NotJSONError, RecursionError, TypeError, ValidationError, ValueError,
)  # fmt: skip
"""What nbgrader raises of a notebook that is none: it reads on until something is missing."""
SAVE_ANEW = "Let the learner open it in JupyterLab, save it, and hand it in again."
LOOK = "Look at that cell in what was handed in: mend it there, or give points by hand."
ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def reason(error: Exception) -> str:
    """Two sentences: what happened, and what to do."""
    told = f"{type(error).__name__}: {_first_line(error)}"
    if isinstance(error, Stopped):
        return f"{error}. {LOOK}"
    if isinstance(error, SchemaTooOldError | SchemaTooNewError):
        return f"its marked cells are of another version of nbgrader. {SAVE_ANEW}"
    if isinstance(error, OperationalError):
        return (
            f"the gradebook could not be written ({told}). Close other programs that use it, and grade again."
        )
    if isinstance(error, OSError) and error.errno in ROOM:
        return f"there is no room left on the disk ({told}). Make room, and grade again."
    if isinstance(error, OSError):
        return f"a file could not be read or written ({told}). Close programs that use it, and grade again."
    if isinstance(error, UNREADABLE):
        return f"the notebook cannot be read ({told}). {SAVE_ANEW}"
    return f"nbgrader failed ({told}). Grade again; if it stays so, the log says more."


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]
