"""The way on at the end of each notebook: from a lesson to its exercises and the next one, from exercises back and on.

All of it is made from the list of lessons, so a lesson that is new in the list changes the notebooks beside it.
"""

from pathlib import Path
from typing import Any

from course_lib.school.kit_files import NOTEBOOKS, SOLUTIONS
from course_lib.school.lessons.course import Lesson, lessons

CELL = "way-on"
"""The id of the cell that is made here, the last one of its notebook."""
LEAD = "The way on:"  # no heading: slides and timetables have one place for each
AT_THE_END = (
    "This was the last lesson. In a terminal, `course exercises` lists what you have not passed yet, and "
    "`course review` asks again what you learned some days ago."
)


def way_on_from_lesson(lesson: Lesson) -> str:
    if not (SOLUTIONS / lesson.file).is_file():
        return _listed(_next(lesson))
    return _listed(f"Practise: [the exercises of this lesson]({lesson.exercises})", _next(lesson))


def way_on_from_exercises(lesson: Lesson) -> str:
    back = f"Back to the lesson: [{lesson.title}](../{lesson.file})"
    return _listed(back, _next(lesson, folder="../"))


def with_way_on(notebook: Any, text: str) -> Any:
    """The notebook with this text as its last cell, in place of what was written there before."""
    from nbformat.v4 import new_markdown_cell

    kept = [cell for cell in notebook.cells if cell.get("id") != CELL]
    notebook.cells = [*kept, new_markdown_cell(text, id=CELL)]
    return notebook


def write_ways_on() -> list[Path]:
    """Write the last cell of every lesson anew; gives the notebooks that changed."""
    return [NOTEBOOKS / lesson.file for lesson in lessons() if _write(lesson)]


def _write(lesson: Lesson) -> bool:
    import nbformat

    path = NOTEBOOKS / lesson.file
    before = path.read_text("utf-8")
    notebook = nbformat.reads(before, as_version=4)
    now = f"{nbformat.writes(with_way_on(notebook, way_on_from_lesson(lesson)))}\n"
    if now != before:
        path.write_text(now, encoding="utf-8", newline="\n")
    return now != before


def _next(lesson: Lesson, *, folder: str = "") -> str:
    names = [each.name for each in lessons()]
    behind = lessons()[names.index(lesson.name) + 1 :]
    if not behind:
        return AT_THE_END
    return f"Go on: [{behind[0].title}]({folder}{behind[0].file}). *{behind[0].question}*"


def _listed(*lines: str) -> str:
    return "\n".join([f"{LEAD}\n", *(f"- {line}" for line in lines)])
