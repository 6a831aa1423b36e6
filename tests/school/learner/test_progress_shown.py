"""Where a learner stands: the table, and the picture with the same numbers in its alt text."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from course_lib.school.exercises.solutions import Exercise, exercises
from course_lib.school.learner.progress import Progress, progress_of
from course_lib.school.learner.progress_shown import (
    picture_of_progress,
    table_of_exercises,
    table_of_progress,
)
from course_lib.school.lessons.course import Lesson, lessons, title_of

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = f"{AT.astimezone():%Y-%m-%d}"


@dataclass(frozen=True)
class Task:
    id: str
    lesson: str
    points: int
    title: str = "Load posts once"
    minutes: int = 9


TASKS = [
    Task("05.1", "05_transactions", 1),
    Task("07.1", "07_eager_loading", 2),
    Task("07.2", "07_eager_loading", 3),
]


@pytest.fixture
async def progress(tmp_path: Path) -> Progress:
    """Of lesson 07: one exercise passed at the second try, with a hint; and an exercise that the kit has dropped."""
    progress = progress_of(tmp_path)
    await progress.record("07.2", "not yet", "N+1", at=AT)
    await progress.note_hint("07.2", at=AT)
    await progress.record("07.2", "passed", at=AT)
    await progress.record("07.9", "passed", at=AT)
    return progress


async def test_the_table_tells_each_lesson_what_was_passed_and_what_it_took(progress: Progress) -> None:
    table = await table_of_progress(TASKS, progress)

    assert table.columns == ("lesson", "exercises", "passed", "points", "tries", "hints", "last try")
    assert table.rows == [
        ("05 Transactions", 1, 0, "0 of 1", 0, 0, "–"),
        ("07 Eager loading", 2, 1, "3 of 5", 2, 1, DAY),
    ]


async def test_a_list_of_exercises_tells_each_what_it_took(progress: Progress) -> None:
    table = await table_of_exercises(TASKS[1:], progress)

    assert table.caption == "You passed 1 of 2 exercises: 3 of 5 points."
    assert table.rows == [
        ("07.1 Load posts once", 9, 2, "–", 0, 0),
        ("07.2 Load posts once", 9, 3, "yes", 2, 1),
    ]


async def test_the_captions_give_the_sum(progress: Progress) -> None:
    answer = "You passed 1 of 3 exercises: 3 of 6 points."

    assert (await table_of_progress(TASKS, progress)).caption == answer
    assert (await picture_of_progress(TASKS, progress)).caption == answer


async def test_the_alt_text_of_the_picture_carries_the_numbers(progress: Progress) -> None:
    picture = await picture_of_progress(TASKS, progress)

    assert picture.alt == (
        "Bars: exercises passed in each lesson. 05 Transactions: 0 of 1; 07 Eager loading: 1 of 2."
    )
    assert picture.png.startswith(b"\x89PNG")


async def test_before_the_first_try_all_is_still_to_come(tmp_path: Path) -> None:
    nothing_yet = progress_of(tmp_path)

    table = await table_of_progress(TASKS, nothing_yet)
    assert [row[2:] for row in table.rows] == [(0, f"0 of {n}", 0, 0, "–") for n in (1, 5)]
    assert (await picture_of_progress(TASKS, nothing_yet)).caption.startswith("You passed 0 of 3")


async def test_the_exercises_of_the_kit_have_their_place(tmp_path: Path) -> None:
    all_of_them: tuple[Exercise, ...] = exercises()
    table = await table_of_progress(all_of_them, progress_of(tmp_path))

    assert sum(int(str(row[1])) for row in table.rows) == len(all_of_them)


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_a_lesson_is_called_as_on_the_map(lesson: Lesson) -> None:
    assert title_of(lesson.name) == lesson.title
