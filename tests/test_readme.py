"""The first screen of the README says what is true today: the picture, the words beside it, and the hours."""

import re
import struct

import pytest
from first_look import PICTURES, run, told

from course_lib.school.exercises.solutions import exercises
from course_lib.school.kit_files import ROOT
from course_lib.school.lessons.course import lessons

README = (ROOT / "README.md").read_text("utf-8")
FIRST_SCREEN = README.partition("\n### Windows")[0]


def test_the_first_screen_says_for_whom_how_to_get_it_and_the_two_commands() -> None:
    places = [
        FIRST_SCREEN.index(words)
        for words in ("For people who", "<picture>", "git clone", "make lab", "make test")
    ]
    assert places == sorted(places)


def test_the_address_is_left_to_the_owner() -> None:
    assert "git clone <address of this repository>" in FIRST_SCREEN


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_is_there_for_a_light_page_and_a_dark_one(theme: str) -> None:
    picture = PICTURES[theme]
    assert f'"{picture.relative_to(ROOT).as_posix()}"' in FIRST_SCREEN
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    assert 1 < width / height < 2.5


def test_the_words_beside_the_picture_are_what_the_cells_tell_today() -> None:
    found = re.search(r'<img src="[^"]+" alt="([^"]+)">', FIRST_SCREEN)
    assert found
    assert found[1] == told(run()), "take the picture anew: tests/first_look.py, and put in what it prints"


def test_the_hours_are_the_minutes_of_all_lessons_and_exercises() -> None:
    reading = sum(lesson.minutes for lesson in lessons())
    writing = sum(exercise.minutes for exercise in exercises())
    assert f"The whole course takes about {(reading + writing) / 60:.0f} hours." in README
    assert f"lessons take about {reading / 60:.0f} hours" in README
    assert f"exercises about {writing / 60:.0f} more" in README
