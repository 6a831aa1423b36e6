"""What to talk about in the next hour: the misconceptions most learners met, each with the cell that settles it."""

from dataclasses import dataclass

from course_lib.school.classroom.results.graded_outcomes import SLIPS, Result
from course_lib.school.exercises.outcomes import NOT_YET
from course_lib.school.lessons.settling import SettlingCell, settled_by

MOST = 3


@dataclass(frozen=True)
class Topic:
    """A misconception, how many `of` all graded learners met it in any of these exercises, what one was `told`, and
    the cell of a lesson whose output settles it, where there is one.
    """

    misconception: str
    exercises: tuple[str, ...]
    learners: int
    of: int
    told: str
    cell: SettlingCell | None

    def __str__(self) -> str:
        return (
            f"{self.misconception}: {self.learners} of {self.of} learners, in {' and '.join(self.exercises)}"
        )


def next_hour(results: list[Result]) -> list[Topic]:
    """The three most met; a name that stands in several exercises is one topic, and one without a name is none."""
    graded = len({each.student for each in results})
    found: dict[str, list[Result]] = {}
    for each in results:
        if each.outcome == NOT_YET and each.why and each.why not in SLIPS:
            found.setdefault(each.why, []).append(each)
    topics = [_topic(why, own, graded) for why, own in found.items()]
    return sorted(topics, key=lambda topic: (-topic.learners, topic.exercises, topic.misconception))[:MOST]


def _topic(why: str, own: list[Result], graded: int) -> Topic:
    exercises = sorted({each.exercise for each in own})
    most_met = max(exercises, key=lambda exercise: sum(each.exercise == exercise for each in own))
    told = next((each.told for each in own if each.exercise == most_met), "")
    learners = len({each.student for each in own})
    return Topic(why, tuple(exercises), learners, graded, told, settled_by(most_met, why))
