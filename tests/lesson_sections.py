"""The code cells of a lesson by the heading they stand below: teacher's notes name a cell by section and line."""

import re
from typing import Any

import nbformat

from course_lib.school.kit_files import NOTEBOOKS
from course_lib.school.lessons.course import Lesson


def sections(lesson: Lesson) -> dict[str, list[Any]]:
    """The code cells below each `##` heading, in their order."""
    found: dict[str, list[Any]] = {"": []}
    for cell in nbformat.read(NOTEBOOKS / lesson.file, as_version=4).cells:
        if cell.cell_type == "code":
            list(found.values())[-1].append(cell)
        else:
            found |= {heading: [] for heading in re.findall(r"^## (.+)$", cell.source, flags=re.MULTILINE)}
    return {heading: cells for heading, cells in found.items() if heading}


def lines(cell: Any) -> list[str]:
    return [line.strip() for line in cell.source.splitlines()]
