"""What is due again comes in time, from different lessons, and a conversation in a terminal notes what was known."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from processes import only_posix

from course_lib.school.exercises.solutions import exercises
from course_lib.school.exercises.stricter import STRICTER_SINCE
from course_lib.school.learner import review as review_module
from course_lib.school.learner.progress import Progress, progress_of
from course_lib.school.learner.review import Due, _told, due, next_time, review, schedule
from course_lib.school.lessons.questions import Question

START = datetime(2026, 3, 4, 12, tzinfo=UTC)
A_MINUTE = timedelta(minutes=1)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


@dataclass(frozen=True)
class Task:
    id: str
    lesson: str
    title: str = "Load posts once"
    points: int = 1


TASKS = [
    Task(f"{lesson[:2]}.{number}", lesson)
    for lesson in ("05_transactions", "07_eager_loading", "08_pagination")
    for number in (1, 2, 3)
]
QUESTIONS = [
    Question(f"{lesson[:2]}?{number}", lesson, f"What is {number}?", f"It is {number}.")
    for lesson in ("07_eager_loading", "08_pagination")
    for number in (1, 2)
]


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return progress_of(tmp_path)


@pytest.fixture(autouse=True)
def stricter(monkeypatch: pytest.MonkeyPatch) -> dict[str, datetime]:
    """Since when the checks of these tests ask for more: none of them does, unless a test says so."""
    since: dict[str, datetime] = {}
    monkeypatch.setattr(review_module, "STRICTER_SINCE", since)
    return since


def ids(found: list[Due]) -> list[str]:
    return [each.item.id for each in found]


@pytest.mark.parametrize(
    ("successes", "next_day"),
    [
        ([], 0),
        ([0], 1),
        ([0, 1], 1 + 3),
        ([0, 1, 4], 4 + 7),
        ([0, 1, 4, 11], 11 + 16),
        ([0, 1, 4, 11, 27], 27 + 35),
        ([0, 1, 4, 11, 27, 62], 62 + 35),
        ([0, 9], 9 + 3),
    ],
)
def test_each_success_in_a_row_makes_the_next_pause_longer(successes: list[int], next_day: int) -> None:
    assert next_time(START, [(day(number), True) for number in successes]) == day(next_day)


@pytest.mark.parametrize(
    ("events", "next_day"),
    [
        ([(0, True), (1, True), (4, False)], 4 + 1),
        ([(0, True), (1, True), (4, False), (5, True)], 5 + 1),
        ([(0, True), (1, True), (4, False), (5, True), (6, True)], 6 + 3),
        ([(0, False)], 1),
    ],
)
def test_a_failure_goes_back_to_the_first_pause(events: list[tuple[int, bool]], next_day: int) -> None:
    assert next_time(START, [(day(number), success) for number, success in events]) == day(next_day)


def test_a_success_before_its_time_changes_nothing() -> None:
    early = [(day(0), True), (day(0.1), True), (day(0.9), True)]

    assert next_time(START, early) == day(1)
    assert next_time(START, [*early, (day(1), True), (day(2), True)]) == day(4)


async def test_an_exercise_is_due_a_day_after_its_first_pass(progress: Progress) -> None:
    await progress.record("07.2", "not yet", at=day(-0.5))
    await progress.record("07.2", "passed", at=day(0))

    assert await due(progress, TASKS, [], now=day(1) - A_MINUTE) == []
    assert await due(progress, TASKS, [], now=day(1)) == [Due(TASKS[4], day(1))]


async def test_an_exercise_that_was_never_passed_is_not_reviewed(progress: Progress) -> None:
    await progress.record("07.2", "not yet", at=day(0))

    assert await due(progress, TASKS, [], now=day(99)) == []


async def test_an_exercise_failed_after_its_pass_begins_anew(progress: Progress) -> None:
    for at, outcome in ((0, "passed"), (1, "passed"), (4, "not yet")):
        await progress.record("07.2", outcome, at=day(at))

    assert await schedule(progress, TASKS, []) == [Due(TASKS[4], day(5))]


async def test_questions_come_the_day_after_a_lesson_was_begun(progress: Progress) -> None:
    await progress.record("07.1", "not yet", at=day(0))
    await progress.record("07.1", "not yet", at=day(3))

    assert await due(progress, TASKS, QUESTIONS, now=day(1) - A_MINUTE) == []
    assert ids(await due(progress, TASKS, QUESTIONS, now=day(1))) == ["07?1", "07?2"]


async def test_a_recalled_question_begins_its_lesson_too(progress: Progress) -> None:
    await progress.note_recall("08?2", True, at=day(0))
    await progress.record("05.1", "not yet", at=day(0))

    found = await schedule(progress, TASKS, QUESTIONS)
    assert [(each.item.id, each.since) for each in found] == [("08?1", day(1)), ("08?2", day(1))]


async def test_a_question_is_spaced_by_what_was_known(progress: Progress) -> None:
    await progress.record("07.1", "not yet", at=day(0))
    for at, known in ((1, True), (2, True), (5, False)):
        await progress.note_recall("07?1", known, at=day(at))

    found = {each.item.id: each.since for each in await schedule(progress, TASKS, QUESTIONS)}
    assert found == {"07?1": day(6), "07?2": day(1)}


async def test_three_are_asked_and_the_longest_overdue_comes_first(progress: Progress) -> None:
    for number in (3, 1, 2):
        await progress.record(f"07.{number}", "passed", at=day(number))

    assert ids(await due(progress, TASKS, [], now=day(9))) == ["07.1", "07.2", "07.3"]
    assert ids(await due(progress, TASKS, QUESTIONS, now=day(9))) == ["07.1", "07?1", "07?2"]


async def test_different_lessons_go_before_the_longest_overdue(progress: Progress) -> None:
    for at, exercise in enumerate(("07.1", "07.2", "07.3", "05.1", "08.1")):
        await progress.record(exercise, "passed", at=day(at))

    assert ids(await due(progress, TASKS, [], now=day(4) - A_MINUTE)) == ["07.1", "07.2", "07.3"]
    assert ids(await due(progress, TASKS, [], now=day(5) - A_MINUTE)) == ["07.1", "07.2", "05.1"]
    assert ids(await due(progress, TASKS, [], now=day(9))) == ["07.1", "05.1", "08.1"]


async def test_what_the_kit_has_dropped_is_not_asked(progress: Progress) -> None:
    await progress.record("99.1", "passed", at=day(0))
    await progress.note_recall("99?1", False, at=day(0))

    assert await due(progress, TASKS, QUESTIONS, now=day(99)) == []


def test_a_new_learner_is_told_when_questions_will_come(
    progress: Progress, capsys: pytest.CaptureFixture[str]
) -> None:
    assert review(progress, TASKS, now=START) == 0

    assert capsys.readouterr().out == (
        "Nothing is due. The day after you have tried your first exercise, this command has questions for you.\n"
    )
    assert not progress.file.exists()


def test_who_has_nothing_due_is_told_the_next_day(
    progress: Progress, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(progress.record("07.2", "passed", at=START))
    review(progress, TASKS, now=START)

    local = day(1).astimezone()
    assert capsys.readouterr().out == (
        f"Nothing is due. The next review is due on {local.day} {local:%B %Y, at %H:%M}.\n"
    )


def test_for_an_exercise_the_way_to_a_fresh_copy_is_told(
    progress: Progress, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(progress.record("07.2", "passed", at=START - A_MINUTE))
    review(progress, TASKS, now=day(1) - A_MINUTE)

    told = capsys.readouterr().out
    assert (
        "1. 07 Eager loading, exercise 07.2 Load posts once, in exercises/ex07_eager_loading.ipynb\n" in told
    )
    assert "Solve it again from memory: course reset 07.2 gives a fresh copy and keeps yours.\n" in told


REVIEW = """
import pathlib, sys
from datetime import UTC, datetime
from types import SimpleNamespace
from course_lib.school.learner.progress import Progress
from course_lib.school.learner.review import review

exercise = SimpleNamespace(id="05.1", lesson="05_transactions", title="Pay", points=1)
sys.exit(review(Progress(pathlib.Path(sys.argv[1])), [exercise], now=datetime(2026, 3, 6, 12, tzinfo=UTC)))
"""


def reviewed(progress: Progress, stdin: int) -> str:
    """What the review prints two days after lesson 07 was begun."""
    asyncio.run(progress.record("07.1", "not yet", at=START))
    words = [sys.executable, "-W", "error", "-c", REVIEW, str(progress.file)]
    done = subprocess.run(
        words, stdin=stdin, check=True, timeout=60, capture_output=True, encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


@contextmanager
def typed(keys: str) -> Iterator[int]:
    """A terminal at which somebody types; it shows as the standard input of a process."""
    import pty  # there is none on Windows

    outer, inner = pty.openpty()
    os.write(outer, keys.encode())
    yield inner
    os.close(inner)
    os.close(outer)


def test_without_a_terminal_the_answers_stand_below_and_nothing_is_noted(progress: Progress) -> None:
    told = reviewed(progress, subprocess.DEVNULL)

    asked, _, answers = told.partition("The answers, further down:")
    assert "3. 07 Eager loading, before you start: `posts.author_id` is a foreign key." in asked
    assert "3. `User.posts`: one user has many posts.\n" in answers
    assert asyncio.run(progress.recalls()) == []


@only_posix
def test_in_a_terminal_each_question_is_asked_shown_and_noted(progress: Progress) -> None:
    with typed("\nmaybe\nY\n\nno\n\ny\n") as terminal:
        told = reviewed(progress, terminal)

    assert told.startswith(
        "3 of 3 that are due:\n\n1. 07 Eager loading, before you start: A session loads user 2"
    )
    assert told.count("Did you know it? [y/n]") == 4
    noted = [(each.question, each.known, each.at) for each in asyncio.run(progress.recalls())]
    assert noted == [("07?1", True, day(2)), ("07?2", False, day(2)), ("07?3", True, day(2))]


@only_posix
def test_in_a_terminal_an_exercise_waits_for_no_key(progress: Progress) -> None:
    asyncio.run(progress.record("05.1", "passed", at=START - A_MINUTE))
    with typed("\ny\n\nn\n") as terminal:
        told = reviewed(progress, terminal)

    assert told.startswith(
        "3 of 7 that are due:\n\n1. 05 Transactions, exercise 05.1 Pay, in exercises/ex05_trans"
    )
    assert [each.question for each in asyncio.run(progress.recalls())] == ["05?1", "07?1"]


@only_posix
def test_the_end_of_the_input_ends_the_review_and_keeps_what_was_answered(progress: Progress) -> None:
    with typed("\ny\n\x04") as terminal:
        told = reviewed(progress, terminal)

    assert told.endswith("What you have answered is noted.\n")
    assert len(asyncio.run(progress.recalls())) == 1


def test_what_stays_due_is_counted(progress: Progress, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2, 3):
        asyncio.run(progress.record(f"07.{number}", "passed", at=START))
    review(progress, TASKS, now=day(1))

    told = capsys.readouterr().out
    assert told.startswith("3 of 6 that are due:\n")
    assert told.endswith("\n3 more: course review\n")


async def test_what_was_passed_before_its_check_asked_for_more_is_due_at_once(
    progress: Progress, stricter: dict[str, datetime]
) -> None:
    stricter["07.1"] = day(3)
    for exercise in ("07.1", "07.2"):
        for number in (0, 1):
            await progress.record(exercise, "passed", at=day(number))

    found = await schedule(progress, TASKS, [])

    assert [(each.item.id, each.since) for each in found] == [("07.1", day(3)), ("07.2", day(4))]
    assert [_told(each.item).partition("Its check asks for more since ")[2] for each in found] == [
        "7 March 2026.",
        "",
    ]


async def test_who_passes_it_again_has_it_behind_them(
    progress: Progress, stricter: dict[str, datetime]
) -> None:
    stricter["07.1"] = day(3)
    for number in (0, 5):
        await progress.record("07.1", "passed", at=day(number))

    assert [each.since for each in await schedule(progress, TASKS, [])] == [day(6)]


def test_only_exercises_that_there_are_became_stricter() -> None:
    assert set(STRICTER_SINCE) - {each.id for each in exercises()} == set()
