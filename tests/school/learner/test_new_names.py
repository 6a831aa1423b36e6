"""A copy of an earlier version takes the new names of its exercise notebooks, and keeps every answer."""

from pathlib import Path

import pytest
from learner_copies import EXERCISES, TASKS, edit, everything, save, sources

from course_lib.school.learner.copies import (
    exercises_as_given,
    kit_has_news,
    reset,
    start,
    update,
)
from course_lib.school.learner.files import GIVEN, MARKER

FORMER = "exercises/07_eager_loading.ipynb"
ANSWERED = TASKS | {"answer-2": "def two(): return 2"}


@pytest.fixture
def earlier(copy: Path) -> Path:
    """The copy as an earlier version made it, with an answer in it."""
    for base in (copy, copy / GIVEN):
        (base / EXERCISES).rename(base / FORMER)
    edit(copy / FORMER, answer_2=ANSWERED["answer-2"])
    return copy


def names(copy: Path) -> list[str]:
    return sorted(path.name for path in (copy / "exercises").iterdir())


def test_an_update_carries_the_answers_over_to_the_new_name(earlier: Path, kit: Path) -> None:
    before = (earlier / FORMER).read_bytes()
    assert kit_has_news(earlier, kit=kit)
    lines = update(earlier, kit=kit)
    assert lines == [f"{FORMER}: its name is {EXERCISES} now; what you wrote is in it."]
    assert (names(earlier), (earlier / EXERCISES).read_bytes()) == ([Path(EXERCISES).name], before)
    assert not kit_has_news(earlier, kit=kit)
    assert update(earlier, kit=kit)[0].startswith("Nothing is new")


def test_what_is_new_in_the_kit_comes_with_the_same_update(earlier: Path, kit: Path) -> None:
    save(kit / EXERCISES, TASKS | {"title": "# New"})
    update(earlier, kit=kit)
    assert sources(earlier / EXERCISES) == ANSWERED | {"title": "# New"}


def test_a_reset_gives_back_an_exercise_of_an_earlier_copy(earlier: Path, kit: Path) -> None:
    lines = reset(earlier, "07.2", kit=kit)
    assert (lines[1], sources(earlier / EXERCISES)) == (
        f"{EXERCISES}, exercise 07.2: as it was given.",
        TASKS,
    )
    assert any(b"return 2" in content for name, content in everything(earlier).items() if "backups" in name)


def test_a_notebook_that_the_learner_deleted_stays_away(earlier: Path, kit: Path) -> None:
    (earlier / FORMER).unlink()
    update(earlier, kit=kit)
    assert names(earlier) == []
    reset(earlier, "07", kit=kit)
    assert names(earlier) == [Path(EXERCISES).name]


def test_an_update_killed_between_the_two_names_is_completed_by_the_next(earlier: Path, kit: Path) -> None:
    (earlier / FORMER).rename(earlier / EXERCISES)
    update(earlier, kit=kit)
    assert sources(earlier / EXERCISES) == ANSWERED
    assert not (earlier / GIVEN / FORMER).exists()


def test_a_start_that_an_earlier_version_left_unfinished_goes_on(earlier: Path, kit: Path) -> None:
    (earlier / MARKER).unlink()
    start(earlier, kit=kit)
    assert (names(earlier), sources(earlier / EXERCISES)) == ([Path(EXERCISES).name], ANSWERED)


def test_a_file_of_the_learners_own_under_the_new_name_stays(earlier: Path, kit: Path) -> None:
    save(earlier / EXERCISES, {"own": "mine = 1"})
    before = everything(earlier)
    [line] = update(earlier, kit=kit)
    assert "your own file stays. Give yours another name" in line
    assert everything(earlier) == before
    (earlier / EXERCISES).rename(earlier / "exercises" / "own.ipynb")
    update(earlier, kit=kit)
    assert sources(earlier / EXERCISES) == ANSWERED


def test_a_page_that_saves_under_the_former_name_again_loses_nothing(earlier: Path, kit: Path) -> None:
    update(earlier, kit=kit)
    save(earlier / FORMER, ANSWERED | {"answer-3": "def three(): return 3"})
    before = everything(earlier)
    [line] = update(earlier, kit=kit)
    assert line.startswith(f"{FORMER}: the former name of {EXERCISES}, and both are there.")
    assert everything(earlier) == before


def test_a_file_of_the_learners_own_in_the_form_of_a_former_name_stays(copy: Path, kit: Path) -> None:
    save(copy / "exercises" / "08_my_notes.ipynb", {"own": "mine = 1"})
    before = everything(copy)
    assert update(copy, kit=kit)[0].startswith("Nothing is new")
    assert everything(copy) == before


def test_code_as_it_was_given_is_known_before_the_first_update_too(earlier: Path, kit: Path) -> None:
    lesson = "07_eager_loading"
    assert exercises_as_given(earlier, lesson) == earlier / GIVEN / FORMER
    update(earlier, kit=kit)
    assert exercises_as_given(earlier, lesson) == earlier / GIVEN / EXERCISES
