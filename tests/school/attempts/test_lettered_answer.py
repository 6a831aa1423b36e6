"""An answer of letters is understood however it is written, and whatever else is no answer."""

import pytest

from course_lib.school.attempts.lettered_answer import NotLetters, letters_in

BLOCKS = dict.fromkeys("ABCD", "a line")


@pytest.mark.parametrize(
    "answer",
    [
        "B D A",
        "BDA",
        "b, d, a",
        " B  D A ",
        "B → D → A",
        "(B, D, A)",
        ["B", "D", "A"],
        ("B", "D", "A"),
        ["BDA"],
    ],
)
def test_letters_are_read_in_every_usual_form(answer: object) -> None:
    assert letters_in(answer, BLOCKS) == ["B", "D", "A"]


@pytest.mark.parametrize("answer", [None, "", [], "B E", "B1", 3, {"B"}, ["B", None], object()])
def test_whatever_is_no_letter_of_the_task_is_refused(answer: object) -> None:
    with pytest.raises(NotLetters) as caught:
        letters_in(answer, BLOCKS)
    assert not caught.value.twice


def test_a_letter_that_stands_there_twice_is_refused_as_such() -> None:
    with pytest.raises(NotLetters, match="stands there twice") as caught:
        letters_in("A B A", BLOCKS)
    assert caught.value.twice
