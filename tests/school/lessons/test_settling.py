"""Each exercise has a cell that settles it; each entry names a cell that is there, and a misconception that is met."""

import re
from functools import cache
from typing import Any

import pytest
from lesson_sections import lines, sections
from tried_answers import verdicts_of

from course_lib.school.classroom.results.graded_outcomes import SLIPS
from course_lib.school.exercises.solutions import exercises
from course_lib.school.kit_files import ROOT
from course_lib.school.lessons import settling
from course_lib.school.lessons.course import UnknownLesson, lesson_named
from course_lib.school.lessons.settling import SettlingCell, settled_by, settled_cells

SETTLED = settled_cells()
EXERCISE = re.compile(r"\d\d\.\d+")
QUESTION = "predict("  # the output of such a cell asks, and tells nothing


@cache
def met_in() -> dict[str, set[str]]:
    """The misconceptions of each exercise, by the names that its checks say."""
    return {exercise.id: verdicts_of(exercise) - SLIPS for exercise in exercises()}


@cache
def cells_of(lesson: str) -> dict[str, list[Any]]:
    return sections(lesson_named(lesson))


def parts_of(key: str) -> tuple[str, str]:
    """Its exercise and its misconception, each of which may be empty."""
    first, _, rest = key.partition(" ")
    return (first, rest) if EXERCISE.fullmatch(first) else ("", key)


def faults_of_key(key: str) -> list[str]:
    exercise, misconception = parts_of(key)
    if exercise and exercise not in met_in():
        return [f"{exercise} is no exercise"]
    known = met_in()[exercise] if exercise else set().union(*met_in().values())
    return [] if not misconception or misconception in known else [f"nobody meets {misconception!r}"]


def faults_of_entry(entry: list[str]) -> list[str]:
    if not entry:
        return []
    lesson, section, line = entry
    try:
        cells = cells_of(lesson).get(section)
    except UnknownLesson as error:
        return [str(error)]
    if cells is None:
        return [f"{section!r} is no section"]
    found = [cell for cell in cells if any(each.startswith(line) for each in lines(cell))]
    if len(found) != 1:
        return [f"{len(found)} cells have {line!r}"]
    return [] if found[0].outputs and QUESTION not in found[0].source else [f"{line!r} shows nothing"]


@pytest.mark.parametrize("exercise", exercises(), ids=lambda exercise: exercise.id)
def test_every_exercise_has_a_cell(exercise: Any) -> None:
    assert SETTLED.get(exercise.id)


@pytest.mark.parametrize("key", SETTLED)
def test_a_key_is_an_exercise_or_a_misconception_or_both(key: str) -> None:
    assert faults_of_key(key) == []


@pytest.mark.parametrize("key", SETTLED)
def test_an_entry_names_one_cell_that_shows_something(key: str) -> None:
    assert faults_of_entry(SETTLED[key]) == []


def test_the_file_is_in_order() -> None:
    """Misconceptions met anywhere come first, then the exercises, each before its own misconceptions."""
    places = [(exercise, exercise not in ("", key)) for key in SETTLED for exercise, _ in [parts_of(key)]]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("misconception", "line"),
    [("N+1", "both"), ("order lost", "misconception"), ("posts left out", "exercise"), ("", "exercise")],
)
def test_an_entry_for_both_goes_before_one_for_the_misconception(misconception: str, line: str) -> None:
    settled = {
        "07.1": ["07", "Ask again", "exercise"],
        "N+1": ["04", "Ask again", "misconception"],
        "order lost": ["07", "Ask again", "misconception"],
        "07.1 N+1": ["07", "Ask again", "both"],
    }
    assert settled_by("07.1", misconception, settled=settled) == SettlingCell(
        "07_eager_loading", "Ask again", line
    )


def test_an_empty_entry_is_no_cell() -> None:
    settled = {"07.1": ["07", "Ask again", "exercise"], "wrong people": []}
    assert settled_by("07.1", "wrong people", settled=settled) is None


def test_an_exercise_that_nobody_knows_has_no_cell() -> None:
    assert settled_by("99.1", "its own") is None


def test_the_file_is_read() -> None:
    assert settled_by("07.2", "N+1") == SettlingCell(
        "07_eager_loading", "Eight people on a page", "usual_cost.reveal(len(sent))"
    )


def test_a_kit_without_the_notes_has_no_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "FILE", ROOT / "nowhere" / "settled.toml")
    assert settled_by("07.2", "N+1") is None


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("07.9", "07.9 is no exercise"),
        ("7.1", "nobody meets '7.1'"),
        ("07.9 N+1", "07.9 is no exercise"),
        ("07.1 commit missing", "nobody meets 'commit missing'"),
        ("commit forgotten", "nobody meets 'commit forgotten'"),
        ("07.1 passed", "nobody meets 'passed'"),
        ("runs for ever", "nobody meets 'runs for ever'"),
    ],
)
def test_a_key_without_a_meaning_is_seen(key: str, fault: str) -> None:
    assert faults_of_key(key) == [fault]


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (["77", "Ask again", "seen_again.reveal("], "there is no lesson '77'"),
        (["07", "Ask twice", "seen_again.reveal("], "'Ask twice' is no section"),
        (["07", "Ask again", "usual_cost.reveal("], "0 cells have 'usual_cost.reveal('"),
        (["07", "Ask again", "mira = ("], "2 cells have 'mira = ('"),
        (["07", "Ask again", "seen_again = predict("], "shows nothing"),
        (["07", "Eight people on a page", "async def blog_of("], "shows nothing"),
    ],
)
def test_an_entry_without_its_cell_is_seen(entry: list[str], fault: str) -> None:
    assert fault in faults_of_entry(entry)[0]
