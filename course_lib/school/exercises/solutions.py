"""The exercises as they stand in notebooks/solutions: what each asks, its hints, and the answers it must tell apart.

A solution notebook is the only source. An exercise begins at a heading such as `## 07.2 Title`; what its cells are is
told by nbgrader's marks (the answer and its check) and by tags: hint, reason, other-answer, trade-off, wrong-answer,
given.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from course_lib.school.kit_files import SOLUTIONS

HEAD = re.compile(r"## (?P<id>\d\d\.\d+) (?P<title>.+)\n+\*\*(?P<kind>\w+)\*\* · (?P<minutes>\d+) minutes · ")
BLOCK = re.compile(
    r"^\*\*(?P<letter>[A-Z])\*\*[^\n]*\n+```python\n(?P<code>.*?)\n```", re.MULTILINE | re.DOTALL
)
LINE = re.compile(r"^(?P<letter>[A-Z])  (?P<code>.+)$", re.MULTILINE)
WRONG = re.compile(r"# Wrong: (?P<name>.+)\n")
LAST_CHECK = re.compile(r"\n+await check\(.*\)\s*$")
MILESTONE = "milestone"
"""A kind with part points: each database gives its share, and one that fails leaves the other."""
KINDS = ("modify", "make", "fix", "order", "choose", "test", "incident", MILESTONE)
GIVEN = "given"
LEFT_OUT = ("hint", "reason", "other-answer", "trade-off", "wrong-answer")
"""Tags of cells that learners do not get; a wrong answer that is also `given` is what they start from."""

Cell = Mapping[str, Any]


@dataclass
class Exercise:
    """One exercise: `wrong` maps the name of a misconception to code that has it; `given` is the code to be changed.

    `lesson` is two digits and a topic, `blocks` are the lettered lines (order) or options (choose) of its text.
    """

    id: str
    lesson: str
    title: str
    kind: str
    minutes: int
    task: str
    points: int = 0
    setup: str = ""
    answer: str = ""
    hints: list[str] = field(default_factory=list)
    reason: str = ""
    other: str = ""
    trade_off: str = ""
    wrong: dict[str, str] = field(default_factory=dict)
    given: str = ""

    @property
    def blocks(self) -> dict[str, str]:
        pattern = LINE if self.kind == "order" else BLOCK
        return {found["letter"]: found["code"] for found in pattern.finditer(self.task)}

    @property
    def function(self) -> str:
        """The name of the function that the learner writes."""
        return function_name(self.answer)

    def take(self, cell: Cell) -> None:
        """Put one more cell of the notebook in its place."""
        source, tags = source_of(cell), cell["metadata"].get("tags", [])
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("solution"):
            self.answer = source
        elif marks.get("grade"):
            self.points = int(marks["points"])
        elif "hint" in tags:
            self.hints.append(source)
        elif "wrong-answer" in tags:
            self._take_wrong(source, given="given" in tags)
        elif "other-answer" in tags:
            self.other = without_check(source)
        elif "reason" in tags:
            self.reason = source
        elif "trade-off" in tags:
            self.trade_off = source

    def _take_wrong(self, source: str, *, given: bool) -> None:
        found = WRONG.match(source)
        if found is None:
            raise ValueError(f"a wrong answer of {self.id} does not begin with '# Wrong: NAME'")
        code = without_check(source[found.end() :])
        self.wrong[found["name"]] = code
        if given:
            self.given = code


class UnknownExercise(Exception):
    def __init__(self, wanted: object) -> None:
        self.wanted = wanted
        quotes = "" if isinstance(wanted, str) else "Write it in quotes. "
        super().__init__(f"There is no exercise {wanted!r}. {quotes}{_what_there_is(str(wanted))}")


def _what_there_is(wanted: str) -> str:
    """The exercise that was perhaps meant, or those of its lesson, or the lessons that have some."""
    number, _, place = wanted.partition(".")
    number = number.zfill(2)  # whoever writes 7.2 means 07.2
    ids = [exercise.id for exercise in exercises()]
    names = {name: each.id for each in exercises() for name in (each.title.lower(), each.function)}
    near = [names[name] for name in get_close_matches(wanted.lower(), names, n=1)]
    if meant := [name for name in (f"{number}.{place}", *near) if name in ids]:
        return f"Did you mean {meant[0]!r}?"
    if of_lesson := [name for name in ids if name[:2] == number]:
        return f"Lesson {number} has {', '.join(of_lesson)}."
    return f"Lessons {ids[0][:2]} to {ids[-1][:2]} have exercises, named like '07.2'."


@cache
def exercises() -> tuple[Exercise, ...]:
    """All exercises, in their order."""
    return tuple(exercise for path in sorted(SOLUTIONS.glob("*.ipynb")) for exercise in read(path))


def find(wanted: str) -> Exercise:
    """The exercise with this id. Raises UnknownExercise."""
    for exercise in exercises():
        if exercise.id == wanted:
            return exercise
    raise UnknownExercise(wanted)


def read(path: Path) -> Iterator[Exercise]:
    """The exercises of one solution notebook. Raises ValueError for a cell that is out of form."""
    exercise, setup = None, ""
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        head = HEAD.match(source_of(cell)) if cell["cell_type"] == "markdown" else None
        if head is not None:
            if exercise is not None:
                yield exercise
            exercise = _begin(head, source_of(cell), lesson=path.stem, setup=setup)
        elif exercise is not None:
            exercise.take(cell)
        elif cell["cell_type"] == "code":
            setup = source_of(cell)
    if exercise is not None:
        yield exercise


def _begin(head: re.Match[str], task: str, *, lesson: str, setup: str) -> Exercise:
    return Exercise(
        head["id"], lesson, head["title"], head["kind"], int(head["minutes"]), task=task, setup=setup
    )


def source_of(cell: Cell) -> str:
    return "".join(cell["source"])


def without_check(source: str) -> str:
    return LAST_CHECK.sub("", source).strip("\n")


def without_marks(source: str) -> str:
    """A solution as one would write it, without the marks for nbgrader."""
    return "\n".join(line for line in source.splitlines() if not line.strip().startswith("### ")).strip()


def function_name(source: str) -> str:
    found = re.search(r"^(?:async )?def (\w+)", source, re.MULTILINE)
    return found[1] if found else ""
