"""No notebook is a dead end: each leads on, as the list of lessons says."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_lib.school.kit_files import NOTEBOOKS
from course_lib.school.lessons.course import Lesson, lessons
from course_lib.school.making import ways_on
from course_lib.school.making.cutting import solutions
from course_lib.school.making.ways_on import (
    CELL,
    way_on_from_exercises,
    way_on_from_lesson,
    write_ways_on,
)

WITH_EXERCISES = [lesson for lesson in lessons() if lesson.name in {path.stem for path in solutions()}]

each_lesson = pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
each_with_exercises = pytest.mark.parametrize("lesson", WITH_EXERCISES, ids=lambda lesson: lesson.name)


def last_cell(path: Path) -> Any:
    return nbformat.read(path, as_version=4).cells[-1]


def links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", text)


@each_lesson
def test_every_lesson_ends_with_the_way_on_that_the_list_gives(lesson: Lesson) -> None:
    cell = last_cell(NOTEBOOKS / lesson.file)
    assert (cell.id, cell.source) == (CELL, way_on_from_lesson(lesson))


@each_with_exercises
def test_exercises_end_with_the_way_back_and_on(lesson: Lesson) -> None:
    cell = last_cell(NOTEBOOKS / lesson.exercises)
    assert (cell.id, cell.source) == (CELL, way_on_from_exercises(lesson))


@each_lesson
def test_every_way_on_leads_to_a_notebook(lesson: Lesson) -> None:
    from_lesson = [NOTEBOOKS / link for link in links(way_on_from_lesson(lesson))]
    exercises = (NOTEBOOKS / lesson.exercises).parent
    from_exercises = [exercises / link for link in links(way_on_from_exercises(lesson))]
    assert [path for path in from_lesson + from_exercises if not path.is_file()] == []


def test_whoever_follows_the_ways_comes_through_all_notebooks_to_the_end() -> None:
    walked = [lessons()[0]]
    while "Go on" in way_on_from_lesson(walked[-1]):
        target = links(way_on_from_lesson(walked[-1]))[-1]
        walked += [each for each in lessons() if each.file == target]
    assert walked == lessons()
    assert "`course review`" in way_on_from_lesson(walked[-1])
    practised = {links(way_on_from_lesson(lesson))[0] for lesson in WITH_EXERCISES}
    assert practised == {lesson.exercises for lesson in WITH_EXERCISES}


@pytest.fixture
def small_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Lesson]:
    """Two lessons that lead nowhere yet; the list stands for the kit's own."""
    course = [Lesson(name, 1, "Why?", [], [], {}) for name in ("00_first", "01_second")]
    monkeypatch.setattr(ways_on, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(ways_on, "lessons", lambda: course)
    for lesson in course:
        write_lesson(tmp_path, lesson)
    return course


def write_lesson(folder: Path, lesson: Lesson) -> None:
    notebook = new_notebook(cells=[new_code_cell("1 + 1", id="sum", execution_count=7)])
    nbformat.write(notebook, folder / lesson.file)


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_new_lesson_changes_its_own_notebook_and_the_one_before(
    small_course: list[Lesson], tmp_path: Path
) -> None:
    assert names(write_ways_on()) == ["00_first.ipynb", "01_second.ipynb"]
    assert write_ways_on() == []
    small_course.append(Lesson("02_third", 1, "How?", [], [], {}))
    write_lesson(tmp_path, small_course[-1])
    assert names(write_ways_on()) == ["01_second.ipynb", "02_third.ipynb"]
    assert "[02 Third](02_third.ipynb). *How?*" in last_cell(tmp_path / "01_second.ipynb").source


def test_no_other_cell_is_touched(small_course: list[Lesson], tmp_path: Path) -> None:
    before = (tmp_path / "00_first.ipynb").read_text("utf-8")
    write_ways_on()
    [first, way] = nbformat.read(tmp_path / "00_first.ipynb", as_version=4).cells
    assert first == nbformat.reads(before, as_version=4).cells[0]
    assert way.source.startswith("The way on:")
