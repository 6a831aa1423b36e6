"""The questions with which each lesson begins, read from its section *Before you start*."""

import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from course_lib.school.kit_files import NOTEBOOKS


@dataclass(frozen=True)
class Question:
    """A retrieval question of a lesson; the id of the second one of lesson 07 is "07?2"."""

    id: str
    lesson: str
    text: str
    answer: str


def questions(folder: Path = NOTEBOOKS) -> list[Question]:
    """The questions of all lessons in a folder of notebooks, from their sections *Before you start*."""
    return [
        question
        for file in sorted(folder.glob("[0-9][0-9]_*.ipynb"))
        for question in questions_in(file.stem, _before_you_start(file))
    ]


def questions_in(lesson: str, markdown: str) -> list[Question]:
    """Each `<details><summary>1. question</summary>answer</details>`, in their order."""
    folds = _Folds()
    folds.feed(markdown)
    folds.close()
    return [
        Question(f"{lesson[:2]}?{place}", lesson, re.sub(r"^\d+\.\s*", "", asked.strip()), answer.strip())
        for place, (asked, answer) in enumerate(folds.found, 1)
    ]


class _Folds(HTMLParser):
    """Collects summary and content of each `<details>`; code stands between backticks, as in Markdown."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[str]] = []
        self.part: int | None = None

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "details":
            self.found.append(["", ""])
            self.part = 1
        if tag == "summary":
            self.part = 0
        if tag == "code":
            self.handle_data("`")

    def handle_endtag(self, tag: str) -> None:
        if tag == "details":
            self.part = None
        if tag == "summary":
            self.part = 1
        if tag == "code":
            self.handle_data("`")

    def handle_data(self, data: str) -> None:
        if self.part is not None:
            self.found[-1][self.part] += data


def _before_you_start(file: Path) -> str:
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    prose = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    found = re.search(r"^## Before you start$(.*?)(?=^#|\Z)", prose, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""
