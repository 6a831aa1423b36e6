"""What a function raises to say no, and what it stumbles over where there is no row."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, NoResultFound
from starlette.exceptions import HTTPException

from course_lib.errors import CourseError
from course_lib.school.attempts.verdicts import NotYet

ON_PURPOSE: tuple[type[Exception], ...] = (
    CourseError,
    DBAPIError,
    NoResultFound,
    LookupError,
    PermissionError,
    ValueError,
    ConnectionError,
    HTTPException,
)
"""Expected of any call: the judge says what is wrong with it. Others are explained where they are raised."""
CRASHES = (NoResultFound, LookupError)


@contextmanager
def crash_named(name: str) -> Iterator[None]:
    """Where None is used as if it were a row, the diagnosis gets this name."""
    try:
        yield
    except NotYet as fault:
        if fault.misconception == "None used":
            fault.misconception = name
        raise
