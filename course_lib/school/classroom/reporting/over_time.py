"""Which misconceptions a class met over time: who still has each, who has passed since, and when it was seen."""

from collections.abc import Iterable
from dataclasses import dataclass

from course_lib.school.classroom.results.graded_outcomes import SLIPS, UNNAMED
from course_lib.school.classroom.results.history import Told
from course_lib.school.exercises.outcomes import NOT_YET, PASSED

DAY = len("2026-03-01")


@dataclass(frozen=True)
class MetOverTime:
    """The way of one misconception in one exercise. `met`, `still` and `passed` are learners; `days` say, for each day
    of grading on which it was seen, how many of how many graded that day had it.
    """

    exercise: str
    misconception: str
    met: frozenset[str]
    still: frozenset[str]
    passed: frozenset[str]
    days: dict[str, tuple[int, int]]

    def __str__(self) -> str:
        return "; ".join(f"{day}: {times} of {of}" for day, (times, of) in self.days.items())


def over_time(history: Iterable[Told]) -> list[MetOverTime]:
    """One for each misconception of each exercise: by exercise, and the most frequent first."""
    rows = sorted(history, key=lambda each: each.time)
    found = {(each.exercise, _named(each)) for each in rows if _is_misconception(each)}
    ways = [_way([each for each in rows if each.exercise == exercise], why) for exercise, why in found]
    return sorted(ways, key=lambda each: (each.exercise, -len(each.met), each.misconception))


def _way(rows: list[Told], why: str) -> MetOverTime:
    """`rows` are those of one exercise, in their order; a later one of a day or of a learner replaces an earlier."""
    latest = {each.student: each for each in rows}
    met = {each.student for each in rows if _names(each, why)}
    return MetOverTime(
        exercise=rows[0].exercise,
        misconception=why,
        met=frozenset(met),
        still=frozenset(student for student in met if _names(latest[student], why)),
        passed=frozenset(student for student in met if latest[student].outcome == PASSED),
        days=_days(rows, why),
    )


def _days(rows: list[Told], why: str) -> dict[str, tuple[int, int]]:
    by_day: dict[str, dict[str, Told]] = {}
    for each in rows:
        by_day.setdefault(each.time[:DAY], {})[each.student] = each
    counts = {
        day: (sum(_names(each, why) for each in last.values()), len(last)) for day, last in by_day.items()
    }
    return {day: count for day, count in counts.items() if count[0]}


def _is_misconception(told: Told) -> bool:
    return told.outcome == NOT_YET and told.why not in SLIPS


def _names(told: Told, why: str) -> bool:
    return _is_misconception(told) and _named(told) == why


def _named(told: Told) -> str:
    return told.why or UNNAMED
