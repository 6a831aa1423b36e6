"""A time without a zone, as a clock on a wall shows it, that notices when it is taken for the computer's own."""

from datetime import datetime, timedelta, timezone, tzinfo

ELSEWHERE = timezone(timedelta(hours=11, minutes=15))
READ_AS_LOCAL: list[datetime] = []
"""The bare times that were taken for times of the computer's clock, in the last call of 02.3."""


class WallClock(datetime):
    """A bare time that tells whether it was taken for a time of the computer's own clock, as `astimezone` does.

    So that this is wrong on every computer, its clock stands here in ELSEWHERE.
    """

    def astimezone(self, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        if self.tzinfo is not None:
            return super().astimezone(tz)
        return self._taken_for_local().astimezone(tz or ELSEWHERE)

    def timestamp(self) -> float:
        return super().timestamp() if self.tzinfo is not None else self._taken_for_local().timestamp()

    def _taken_for_local(self) -> datetime:
        READ_AS_LOCAL.append(self)
        return self.replace(tzinfo=ELSEWHERE)


WallClock.__name__ = "datetime"  # what an error of the learner's code should say
