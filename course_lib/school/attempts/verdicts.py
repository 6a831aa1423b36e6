"""What keeps an attempt from passing: it was not made, or it is not right yet."""

from course_lib.lab.sql import Statements


class NotAttempted(Exception):
    """The answer is still the stub."""


class NotYet(Exception):
    """The answer is not right yet: the name of the misconception, and what was called, what happened, what was asked.

    `sent` are the statements to be shown as evidence; `raised` tells that the learner's code raised an error. `share`
    is the part of the points, from 0 to 1, that a milestone is worth all the same.
    """

    def __init__(
        self, misconception: str, told: str, *, sent: Statements | None = None, raised: bool = False
    ) -> None:
        self.share = 0.0
        self.misconception, self.told, self.sent, self.raised = misconception, told, sent, raised
        super().__init__(f"{misconception}: {told}")
