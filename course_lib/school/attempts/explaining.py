"""An error in a learner's words: their own line, what it raised, and what Python says of it without the noise."""

import linecache
from textwrap import shorten
from traceback import walk_tb
from types import CodeType

from sqlalchemy.exc import DBAPIError, MissingGreenlet

from course_lib.lab.markdown_note import without_noise
from course_lib.school.attempts.lines_as_function import is_program
from course_lib.school.attempts.raw_errors import NOT_LOADED, USED_TOO_EARLY, meaning_of
from course_lib.school.attempts.verdicts import NotAttempted, NotYet
from course_lib.school.attempts.whose_frame import is_theirs, last_frame

LOST_COROUTINE = "'coroutine' object"
LONGEST = 240  # letters of a message: two lines on a screen


def explained(error: BaseException, code: CodeType | None) -> NotYet | NotAttempted | None:
    """The learner's own line, and what it raised. None for an error of the kit itself, which came from elsewhere."""
    if isinstance(error.__cause__, StopIteration):  # a coroutine may not let that one out
        error = error.__cause__
    lines = [(frame, line) for frame, line in walk_tb(error.__traceback__) if is_theirs(frame, code)]
    if not lines:
        return None
    frame, number = lines[-1]
    if isinstance(error, NotImplementedError) and last_frame(error) is frame:
        return NotAttempted()
    source = linecache.getline(frame.f_code.co_filename, number).strip()
    lines_in_order = is_program(frame.f_code.co_filename)
    line = f"`{source}`," if lines_in_order else f"Line {number}, `{source}`,"
    left_out = lines_in_order and isinstance(error, NameError)
    meaning = USED_TOO_EARLY if left_out else meaning_of(_inner(error))
    name, advice = (meaning.name, meaning.advice) if meaning else ("error in the code", "")
    raised = f"{line} raises {told(error)}".rstrip(".")
    return NotYet(name, f"{raised}. {advice}".strip(), raised=True)


def told(error: BaseException) -> str:
    """The name of the error, the driver's own where there is one, and its message without the noise."""
    error = _inner(error)
    if isinstance(getattr(error, "orig", error), MissingGreenlet):
        return f"MissingGreenlet: {NOT_LOADED}"
    name = type(error.driver_exception if isinstance(error, DBAPIError) else error).__name__
    message = shorten(without_noise(error), LONGEST, placeholder=" …")
    return f"{name}: {message}" if message else name


def _inner(error: BaseException) -> BaseException:
    """A TaskGroup puts even a single error into a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
