"""Lines that cannot be reached are told before anything runs."""

from types import SimpleNamespace
from typing import Any

import pytest

from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.stages.lines_in_order import returns_last

ATTEMPT: Any = SimpleNamespace(blocks={"A": "number = 1", "B": "return number", "C": "number += 1"})


def test_an_order_that_ends_with_return_is_handed_on() -> None:
    assert returns_last(ATTEMPT, ["A", "B"]) == ["A", "B"]


@pytest.mark.parametrize(
    ("letters", "told"),
    [
        (["B", "A", "C"], "lines behind return: A, C stand behind B, which is `return number`"),
        (["A", "B", "C"], "lines behind return: C stands behind B"),
        (["A", "C"], "nothing returned"),
    ],
)
def test_lines_behind_return_are_named(letters: list[str], told: str) -> None:
    with pytest.raises(NotYet, match=told):
        returns_last(ATTEMPT, letters)
