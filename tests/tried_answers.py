"""Answers that people have written, wrong ones and right ones, each with the verdict that it is to get.

A file of tests/school/judges/tried is one lesson's. An answer stands below a heading such as
`## 05.5 wrong amounts: the balance is read once` (exercise, verdict, what is the matter with it).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_lib.school.exercises.outcomes import PASSED
from course_lib.school.exercises.solutions import Exercise

FOLDER = Path(__file__).parent / "school" / "judges" / "tried"
ANSWER = re.compile(
    r"^## (?P<exercise>\d\d\.\d+) (?P<verdict>(?:not caught: )?[^\n]+?): (?P<what>[^\n]+)\n+"
    r"```python\n(?P<source>.*?)\n```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Tried:
    exercise: str
    verdict: str
    what: str
    source: str


def tried() -> Iterator[Tried]:
    for path in sorted(FOLDER.glob("*.md")):
        for found in ANSWER.finditer(path.read_text("utf-8")):
            yield Tried(**found.groupdict())


def verdicts_of(exercise: Exercise) -> set[str]:
    """The verdicts on its wrong answers, in its notebook or in `tried`."""
    return {*exercise.wrong, *(each.verdict for each in tried() if each.exercise == exercise.id)} - {PASSED}
