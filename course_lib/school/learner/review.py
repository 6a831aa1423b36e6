"""What is due again: you recall it a day later, then after 3, 7, 16 and 35 days, and what you forgot begins anew.

The boxes are Sebastian Leitner's (So lernt man lernen, 1972). An item is an exercise that you passed before, or a
question from *Before you start* of a lesson that you have begun. An exercise that you passed when its check asked for
less is due at once.
"""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from course_lib.school.exercises.outcomes import PASSED
from course_lib.school.exercises.stricter import STRICTER_SINCE
from course_lib.school.learner.progress import Progress
from course_lib.school.learner.progress_shown import Exercise
from course_lib.school.learner.progress_tables import Recall, Try
from course_lib.school.lessons.course import exercise_notebook, title_of
from course_lib.school.lessons.questions import Question, questions

INTERVALS = [timedelta(days=days) for days in (1, 3, 7, 16, 35)]
"""After the first success in a row, after the second, …; after the last one and each further one."""
AT_ONCE = 3

Event = tuple[datetime, bool]


@dataclass(frozen=True)
class Due:
    """An item, and the time from which on it is due."""

    item: Exercise | Question
    since: datetime


async def due(
    progress: Progress, exercises: Sequence[Exercise], questions: Sequence[Question], *, now: datetime
) -> list[Due]:
    """At most three items, the longest overdue first, from different lessons where that is possible."""
    return pick([each for each in await schedule(progress, exercises, questions) if each.since <= now])


async def schedule(
    progress: Progress, exercises: Iterable[Exercise], questions: Iterable[Question]
) -> list[Due]:
    """Everything that is due now or later, the earliest first. Raises ProgressUnavailable."""
    tries, recalls = await progress.tries(), await progress.recalls()
    found = [*_passed_before(exercises, tries), *_of_begun_lessons(questions, tries, recalls)]
    return sorted(found, key=lambda each: each.since)


def pick(waiting: Sequence[Due]) -> list[Due]:
    """The first three, or rather the first of each lesson."""
    first_of_lesson = {each.item.lesson: each for each in reversed(waiting)}.values()
    others = [each for each in waiting if each not in first_of_lesson]
    preferred = sorted(first_of_lesson, key=lambda each: each.since) + others
    return sorted(preferred[:AT_ONCE], key=lambda each: each.since)


def next_time(first: datetime, events: Iterable[Event]) -> datetime:
    """When an item that is due at `first` is due again, after what happened since: (time, whether it was a success).

    A success before its time does not count: who runs a cell three times in a row has not remembered it for three days.
    """
    time, row = first, 0
    for at, success in events:
        if not success:
            time, row = at + INTERVALS[0], 0
        elif at >= time:
            row += 1
            time = at + INTERVALS[min(row, len(INTERVALS)) - 1]
    return time


def review(progress: Progress, exercises: Sequence[Exercise], *, now: datetime | None = None) -> int:
    """Go through what is due, in a terminal, and return the exit status. Raises ProgressUnavailable.

    Without a terminal the questions are printed, the answers below them, and nothing is noted.
    """
    now = now or datetime.now(UTC)
    everything = asyncio.run(schedule(progress, exercises, questions()))
    waiting = [each for each in everything if each.since <= now]
    picked = pick(waiting)
    print(f"{len(picked)} of {len(waiting)} that are due:" if picked else _why_nothing(everything))
    try:
        _ask(picked, progress, now) if sys.stdin.isatty() else _print(picked)
    except EOFError:  # Ctrl-D
        print("\n\nWhat you have answered is noted.")
    if more := len(waiting) - len(picked):
        print(f"\n{more} more: course review")
    return 0


def _ask(picked: Iterable[Due], progress: Progress, now: datetime) -> None:
    for number, each in enumerate(picked, 1):
        print(f"\n{number}. {_told(each.item)}")
        if isinstance(each.item, Question):
            input("   Press Enter to see the answer. ")
            print(f"   {each.item.answer}")
            asyncio.run(progress.note_recall(each.item.id, _said_yes("   Did you know it? [y/n] "), at=now))


def _print(picked: Sequence[Due]) -> None:
    for number, each in enumerate(picked, 1):
        print(f"\n{number}. {_told(each.item)}")
    answers = [(number, each.item) for number, each in enumerate(picked, 1)]
    if asked := [f"{number}. {item.answer}" for number, item in answers if isinstance(item, Question)]:
        print("\nThe answers, further down:\n\n\n\n" + "\n".join(asked))


def _told(item: Exercise | Question) -> str:
    if isinstance(item, Question):
        return f"{title_of(item.lesson)}, before you start: {item.text}"
    stricter = STRICTER_SINCE.get(item.id)
    return (
        f"{title_of(item.lesson)}, exercise {item.id} {item.title}, in {exercise_notebook(item.lesson)}\n"
        f"   Solve it again from memory: course reset {item.id} gives a fresh copy and keeps yours."
        + (f"\n   Its check asks for more since {stricter.day} {stricter:%B %Y}." if stricter else "")
    )


def _said_yes(prompt: str) -> bool:
    while (said := input(prompt).strip().lower()) not in ("y", "yes", "n", "no"):
        pass
    return said.startswith("y")


def _why_nothing(everything: Sequence[Due]) -> str:
    if not everything:
        return "Nothing is due. The day after you have tried your first exercise, this command has questions for you."
    first = everything[0].since.astimezone()
    return f"Nothing is due. The next review is due on {first.day} {first:%B %Y, at %H:%M}."


def _passed_before(exercises: Iterable[Exercise], tries: Sequence[Try]) -> list[Due]:
    found = []
    for exercise in exercises:
        events = [(each.at, each.outcome == PASSED) for each in tries if each.exercise == exercise.id]
        passes = [at for at, success in events if success]
        stricter = STRICTER_SINCE.get(exercise.id)
        counted = [at for at in passes if stricter is None or at >= stricter]
        if counted:
            since_pass = events[events.index((counted[0], True)) :]
            found.append(Due(exercise, next_time(counted[0], since_pass)))
        elif passes and stricter:
            found.append(Due(exercise, stricter))
    return found


def _of_begun_lessons(
    questions: Iterable[Question], tries: Sequence[Try], recalls: Sequence[Recall]
) -> list[Due]:
    begun = _begun(tries, recalls)
    found = []
    for question in questions:
        if (number := question.lesson[:2]) in begun:
            events = [(each.at, each.known) for each in recalls if each.question == question.id]
            # Whoever begins a lesson reads its questions on that day.
            found.append(Due(question, next_time(begun[number] + INTERVALS[0], events)))
    return found


def _begun(tries: Iterable[Try], recalls: Iterable[Recall]) -> dict[str, datetime]:
    """By the number of the lesson: when its first exercise was tried, or its first question recalled."""
    signs = [(each.exercise[:2], each.at) for each in tries]
    signs += [(each.question[:2], each.at) for each in recalls]
    return dict(sorted(signs, key=lambda sign: sign[1], reverse=True))
