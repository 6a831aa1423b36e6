"""An error in a learner's words: their own line, what it raised, and what Python says of it without the noise."""

import linecache
from traceback import walk_tb
from types import CodeType

from sqlalchemy.exc import DBAPIError, MissingGreenlet

from course_lib.lab.markdown_note import without_noise
from course_lib.school.attempts.verdicts import NotAttempted, NotYet
from course_lib.school.attempts.whose_frame import is_theirs, last_frame

LOST_COROUTINE = "'coroutine' object"
NOT_LOADED = "to look at it asks the database, and there is no `await` to wait with. It is expired or was never loaded."


def explained(error: BaseException, code: CodeType | None) -> NotYet | NotAttempted | None:
    """The learner's own line, and what it raised. None for an error of the kit itself, which came from elsewhere."""
    lines = [(frame, line) for frame, line in walk_tb(error.__traceback__) if is_theirs(frame, code)]
    if not lines:
        return None
    frame, number = lines[-1]
    if isinstance(error, NotImplementedError) and last_frame(error) is frame:
        return NotAttempted()
    line = f"Line {number}, `{linecache.getline(frame.f_code.co_filename, number).strip()}`,"
    if LOST_COROUTINE in str(error):
        return NotYet(
            "missing await", f"{line} uses a call that nobody awaited: {error}. Put `await` before it."
        )
    return NotYet("error in the code", f"{line} raises {told(error)}")


def told(error: BaseException) -> str:
    """The name of the error, the driver's own where there is one, and its message without the noise."""
    if isinstance(getattr(error, "orig", error), MissingGreenlet):
        return f"MissingGreenlet: {NOT_LOADED}"
    name = type(error.driver_exception if isinstance(error, DBAPIError) else error).__name__
    message = without_noise(error)
    return f"{name}: {message}" if message else name
