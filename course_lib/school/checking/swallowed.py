"""Whether an answer hides an error that it knows nothing of: the judge runs once more, and the connection breaks."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from course_lib.lab.engine_events import listening
from course_lib.lab.faults import power_cut
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.time_limit import Stopped
from course_lib.school.attempts.verdicts import NotYet


class CameOut(Stopped):
    """Ends the second run: the broken connection was told to the caller."""


class BrokenConnection(Attempt):
    """An attempt whose first statement finds no database any more."""

    async def call(
        self,
        *arguments: Any,
        function: Callable[..., Any] | None = None,
        expected: tuple[type[Exception], ...] = (),
    ) -> Any:
        """Raises CameOut, or NotYet for a function that returns all the same. One that asks nothing is just called."""
        cut: list[object] = []
        try:
            notes = listening(self.engine, before_cursor_execute=lambda *sent: cut.append(sent))
            with notes, power_cut(self.engine, ""):
                got = await super().call(*arguments, function=function, expected=expected)
        except NotYet:
            if not cut:
                raise
            raise CameOut from None
        if isinstance(got, SQLAlchemyError | ConnectionError):
            raise CameOut
        what = (
            f"raised {told(got)}"
            if isinstance(got, Exception)
            else f"returned {got!r:.60}, as if all were well"
        )
        self.require(
            not cut,
            "error swallowed",
            f"The connection broke under the first statement of `{self.name}`, and it {what}. An error that you do "
            "not expect goes on to the caller as it is: catch only the one that you can answer.",
        )
        return got
