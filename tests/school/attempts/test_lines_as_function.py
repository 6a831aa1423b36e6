"""Lines in an order become a function, whose errors show the line that they came from."""

import traceback

import pytest

from course_lib.school.attempts.lines_as_function import program_of


def test_lines_become_the_body_of_a_function() -> None:
    add = program_of(
        ["total = one + more", "return total"], first="def add(one):", names={"more": 2}, file="<f>"
    )
    assert add(3) == 5


def test_an_error_shows_its_line() -> None:
    fails = program_of(["x = 1", "return x / 0"], first="def fails():", names={}, file="<lines of fails>")
    with pytest.raises(ZeroDivisionError) as caught:
        fails()
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.line) == ("<lines of fails>", "return x / 0")


def test_lines_that_are_no_python_in_this_order_are_refused() -> None:
    with pytest.raises(SyntaxError):
        program_of(["else:", "    pass"], first="def add():", names={}, file="<f>")
