"""Answers that people have written, wrong ones and right ones: each gets the verdict that stands above it."""

import re
from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet
from answers import answer_to
from tried_answers import Tried, tried

from course_lib.school.checking.assessing import assess
from course_lib.school.exercises.outcomes import PASSED
from course_lib.school.exercises.solutions import find

LINES, COLUMNS = 5, 110
SLOW = ("11.4", "12.1", "13.1", "13.3", "13.5", "14.3", "14.5", "16", "17")
"""Checks of seconds: `test_every_answer` has their wrong answers in each run, and the tried ones wait."""


def cases() -> Iterator[ParameterSet]:
    """In each run one answer for each verdict of an exercise; the others in the step of the mutants."""
    seen: set[tuple[str, str]] = set()
    for each in tried():
        kind = (each.exercise, each.verdict)
        marks = [pytest.mark.mutants] if kind in seen or each.exercise.startswith(SLOW) else []
        seen.add(kind)
        yield pytest.param(each, marks=marks, id=f"{each.exercise} {each.what}")


@pytest.mark.parametrize("each", [*cases()])
async def test_an_answer_gets_its_verdict(each: Tried) -> None:
    outcome = await assess(find(each.exercise), answer_to(find(each.exercise), each.source))
    assert (outcome.misconception or outcome.state, shape(outcome.told)) == (each.verdict, [])


def shape(told: str) -> list[str]:
    """What is wrong with how it is told."""
    lines = sum(-(-len(line) // COLUMNS) or 1 for line in told.splitlines())
    faults = {
        "too long": lines > LINES,
        "an address": re.search(r" at 0x|https?://", told),
    }
    return [fault for fault, there in faults.items() if there]


def test_passed_is_the_verdict_of_right_answers() -> None:
    verdicts = [each.verdict for each in tried()]
    assert verdicts.count(PASSED) > 0
