"""Whether an answer hides an error that it knows nothing of: the judge runs once more, and the connection breaks."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from course_lib.lab.engine_events import listening
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.time_limit import Stopped

T = TypeVar("T")


class CameOut(Stopped):
    """Ends the second run: the broken connection was told to the caller."""


class BrokenConnection(Attempt):
    """An attempt whose first statement finds no database any more. One that asks nothing is just called.

    Where it breaks, `call` and `reply` raise CameOut, or NotYet for an answer that goes on all the same.
    """

    async def call(
        self,
        *arguments: Any,
        function: Callable[..., Any] | None = None,
        expected: tuple[type[Exception], ...] = (),
    ) -> Any:
        asking = super().call(*arguments, function=function, expected=expected)
        got, cut = await self._without_power(asking)
        if cut and isinstance(got, SQLAlchemyError | ConnectionError):
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

    async def reply(self, asking: Awaitable[Any], *, function: Callable[..., Any] | None = None) -> Any:
        reply, cut = await self._without_power(super().reply(asking, function=function))
        if cut and reply.is_server_error:
            raise CameOut
        self.require(
            not cut,
            "error swallowed",
            "The connection broke under the first statement of a request, and the client was answered with "
            f"{reply.status_code} {reply.text:.60}, as if all were well. An error that you do not expect goes on, and "
            "becomes a 500: catch only the one that you can answer.",
        )
        return reply

    async def _without_power(self, work: Awaitable[T]) -> tuple[T, list[object]]:
        """What comes of the work, and the statements that were cut off."""
        cut: list[object] = []

        def statement(connection: object, cursor: object, sent: str, *_: object) -> None:
            cut.append(sent)
            raise ConnectionError("the power is gone")

        try:
            with listening(self.engine, before_cursor_execute=statement):
                return await work, cut
        except Exception:
            if not cut:
                raise
            raise CameOut from None
