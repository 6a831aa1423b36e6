"""Where you stand in the course, as a table and as a picture: lesson by lesson, what is passed and what it took."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from course_lib.lab.plots import DATABASE, Picture, picture
from course_lib.lab.tables import Table
from course_lib.school.learner.copies import find
from course_lib.school.learner.progress import Progress, passed_in, progress_of
from course_lib.school.learner.progress_tables import HintShown, Try
from course_lib.school.lessons.course import title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Exercise(Protocol):
    """As much of an exercise as its progress needs."""

    @property
    def id(self) -> str: ...
    @property
    def lesson(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def points(self) -> int: ...


class TimedExercise(Exercise, Protocol):
    @property
    def minutes(self) -> int: ...


def progress_here() -> Progress:
    """The progress of the copy that this notebook or command runs in; an empty one elsewhere."""
    return progress_of(find() or Path.cwd())


async def table_of_progress(exercises: Sequence[Exercise], progress: Progress) -> Table:
    """A row for each lesson: what was passed, how often it was tried, how many hints were taken."""
    tries, hints = await progress.tries(), await progress.hints()
    columns = ("lesson", "exercises", "passed", "points", "tries", "hints", "last try")
    rows = [_row(group, tries, hints) for group in _by_lesson(exercises)]
    return Table(_answer(exercises, passed_in(tries)), columns, rows)


async def table_of_exercises(exercises: Sequence[TimedExercise], progress: Progress) -> Table:
    """A row for each exercise: whether it is passed, how often it was tried, how many hints were taken."""
    tries, hints = await progress.tries(), await progress.hints()
    passed = passed_in(tries)
    rows = [
        (
            f"{each.id} {each.title}",
            each.minutes,
            each.points,
            "yes" if each.id in passed else "–",
            sum(one.exercise == each.id for one in tries),
            sum(one.exercise == each.id for one in hints),
        )
        for each in exercises
    ]
    return Table(
        _answer(exercises, passed), ("exercise", "minutes", "points", "passed", "tries", "hints"), rows
    )


async def picture_of_progress(exercises: Sequence[Exercise], progress: Progress) -> Picture:
    """A bar for each lesson: as long as it has exercises, filled as far as they are passed."""
    passed = await progress.passed()
    groups = _by_lesson(exercises)
    names = [title_of(group[0].lesson) for group in groups]
    done = [len(_of_these(group, passed)) for group in groups]
    told = [f"{count} of {len(group)}" for count, group in zip(done, groups, strict=True)]

    def draw(axes: "Axes") -> None:
        whole = axes.barh(names, [len(group) for group in groups], color="white", edgecolor=DATABASE)
        axes.barh(names, done, color=DATABASE)
        axes.bar_label(whole, labels=told, padding=3)
        axes.invert_yaxis()
        axes.set(xlabel="exercises; filled: passed", xlim=(0, 1.15 * max(map(len, groups))))

    alt = (
        f"Bars: exercises passed in each lesson. {'; '.join(map(': '.join, zip(names, told, strict=True)))}."
    )
    return picture(draw, caption=_answer(exercises, passed), alt=alt, height=1.2 + 0.3 * len(groups))


def _row(group: Sequence[Exercise], tries: Iterable[Try], hints: Iterable[HintShown]) -> tuple[object, ...]:
    ids = {exercise.id for exercise in group}
    mine = [each for each in tries if each.exercise in ids]
    done = _of_these(group, passed_in(mine))
    return (
        title_of(group[0].lesson),
        len(group),
        len(done),
        f"{_points(done)} of {_points(group)}",
        len(mine),
        sum(hint.exercise in ids for hint in hints),
        f"{mine[-1].at.astimezone():%Y-%m-%d}" if mine else "–",
    )


def _answer(exercises: Sequence[Exercise], passed: set[str]) -> str:
    done = _of_these(exercises, passed)
    return f"You passed {len(done)} of {len(exercises)} exercises: {_points(done)} of {_points(exercises)} points."


def _by_lesson(exercises: Iterable[Exercise]) -> list[list[Exercise]]:
    groups: dict[str, list[Exercise]] = {}
    for exercise in exercises:
        groups.setdefault(exercise.lesson, []).append(exercise)
    return list(groups.values())


def _of_these(exercises: Iterable[Exercise], passed: set[str]) -> list[Exercise]:
    return [exercise for exercise in exercises if exercise.id in passed]


def _points(exercises: Iterable[Exercise]) -> int:
    return sum(exercise.points for exercise in exercises)
