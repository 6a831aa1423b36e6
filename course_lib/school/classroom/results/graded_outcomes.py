"""What each learner's graded notebook says of each exercise; the checks wrote it into their outputs."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.school.classroom.cells import Cell, Part, cells_of, name_of, source_of
from course_lib.school.classroom.paths import autograded
from course_lib.school.exercises.outcomes import NOT_ATTEMPTED, NOT_YET, PASSED

STOPPED = "stopped"
OUTCOMES = (PASSED, NOT_YET, NOT_ATTEMPTED, STOPPED)
SIGNS = {PASSED: "✓", NOT_YET: "✗", NOT_ATTEMPTED: "○", STOPPED: "✗"}
SLIPS = frozenset({
    "error in the code", "leaves the program", "letter left out", "not Python in this order", "not a function",
    "not an order", "not one letter", "nothing returned", "runs for ever", "unforeseen answer", "wrong signature",
})  # fmt: skip
"""What a check says of any answer that it cannot judge. A name that is not here says what a learner believed."""

NO_OUTCOME = "no outcome"
TOO_LONG = "TooLong"
"""The error of a cell that did not end, and was stopped."""
NOT_PASSED, NO_PASS = VERDICTS = ("NotPassed", "NoPass")
"""Errors that are no mishap: `grade` raises the first, and the second stands where a check came to no pass."""
CALL = re.compile(r"""^await (?:check|grade)\(\s*["'](\d\d\.\d+)["']""", re.MULTILINE)
LONGEST = 300
UNNAMED = "without a name"


@dataclass(frozen=True)
class Result:
    """One learner's outcome in one exercise; `stopped` is a check that came to no outcome.

    `why` is the misconception of a `not yet`, where the check knows its name, and the error of a `stopped`. `told` is
    what the learner was told about it.
    """

    student: str
    exercise: str
    outcome: str
    why: str = ""
    told: str = ""

    @property
    def verdict(self) -> str:
        return f"{self.outcome}: {self.why}" if self.why else self.outcome

    def __str__(self) -> str:
        return f"{SIGNS[self.outcome]} {self.verdict}"


@dataclass(frozen=True)
class Met:
    """How many `of` some learners met one misconception, or one slip, and what one of them was `told`."""

    times: int
    of: int
    name: str
    told: str = ""

    def __str__(self) -> str:
        return f"{self.times} of {self.of}: {self.name}"


def met(results: list[Result], *, slips: bool = False) -> list[Met]:
    """The misconceptions, or the slips, that these results of one exercise name; the most frequent first."""
    own = [each for each in results if each.outcome == NOT_YET and (each.why in SLIPS) == slips]
    examples = {each.why: each.told for each in reversed(own)}
    times = Counter(each.why for each in own).most_common()
    return [Met(count, len(results), why or UNNAMED, examples[why]) for why, count in times]


def results_of(folder: Path, name: str, parts: Mapping[str, Part], *, only: str = "") -> list[Result]:
    """The outcomes of all graded notebooks of a lesson, learner by learner, or those of one learner."""
    return [
        _result(student, part, cell)
        for student, notebook in autograded(folder, name).items()
        if only in ("", student)
        for part, cell in _checks_in(notebook, parts)
    ]


def calls(cell: Cell) -> list[str]:
    """The exercises that a cell checks and grades, one for each call. A test of a teacher's own has none."""
    return CALL.findall(source_of(cell))


def outcomes_in(cell: Cell) -> list[Any]:
    """The outputs of a cell that tell an outcome."""
    return [output for output in cell.get("outputs", []) if _facts(output)]


def is_complete(cell: Cell) -> bool:
    """Whether each call told one outcome of its exercise, and nothing else in the cell told another."""
    return [_facts(output)["exercise"] for output in outcomes_in(cell)] == calls(cell)


def has_passed(cell: Cell) -> bool:
    """The hidden rows have the last word."""
    return is_complete(cell) and _facts(outcomes_in(cell)[-1])["outcome"] == PASSED


def has_part(cell: Cell) -> bool:
    """Whether its last check gave some of its points: the cell ends with their number."""
    points = _facts(outcomes_in(cell)[-1]).get("points") if is_complete(cell) else None
    shown = [each for each in cell.get("outputs", []) if each["output_type"] == "execute_result"]
    return bool(points) and [_text_of(each) for each in shown] == [str(points)]


def _text_of(output: Any) -> str:
    text = output.get("data", {}).get("text/plain", "")
    return text if isinstance(text, str) else "".join(text)


def _facts(output: Any) -> dict[str, Any]:
    facts = output.get("metadata", {}).get("course")
    known = isinstance(facts, dict) and "exercise" in facts and facts.get("outcome") in OUTCOMES
    return dict(facts) if known else {}


def _checks_in(notebook: Path, parts: Mapping[str, Part]) -> Iterator[tuple[Part, Cell]]:
    for cell in cells_of(notebook.read_bytes()):
        part = parts.get(name_of(cell))
        if part is not None and part.role == "check" and calls(cell):
            yield part, cell


def _result(student: str, part: Part, cell: Cell) -> Result:
    errors = [
        f"{output['ename']}: {output['evalue']}" for output in cell.get("outputs", []) if _is_mishap(output)
    ]
    if errors or not is_complete(cell):
        return Result(student, part.exercise, STOPPED, errors[-1] if errors else NO_OUTCOME)
    last = outcomes_in(cell)[-1]
    facts = _facts(last)
    why = str(facts.get("misconception") or "") if facts["outcome"] == NOT_YET else ""
    return Result(student, part.exercise, facts["outcome"], why, _told(last, why) if why else "")


def _is_mishap(output: Any) -> bool:
    return output["output_type"] == "error" and output["ename"] not in VERDICTS


def _told(output: Any, why: str) -> str:
    """The diagnosis: the first paragraph of what a check shows, without its head."""
    paragraph = _text_of(output).partition("\n\n")[0]
    told = re.sub(r"^(\s*\([^)]*\))?[.:\s]*", "", paragraph.partition(f": {why}")[2])
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}…"
