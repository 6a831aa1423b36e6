"""A right guess is never called wrong for its form, and a wrong one never right."""

import pytest

from course_lib.lab.guesses import number_in, says


@pytest.mark.parametrize(
    ("guess", "actual"),
    [
        (2, 2),
        ("2", 2),
        (2.0, 2),
        ("two", 2),
        ("Two statements", 2),
        ("2 statements", 2),
        ("1,000", 1000),
        ("none", 0),
        ("no statement", 0),
        ("-3", -3),
        ("one thousand", 1000),
        ("a hundred", 100),
        ("10 thousand posts", 10_000),
        ("fifteen", 15),
        ("2.5", 2.5),
        (True, True),
        ("yes", True),
        ("False", False),
        ("n", False),
        ("It waits.", "it waits"),
        ("in  create_engine", "in create_engine"),
        ("sqlite", "SQLite"),
    ],
)
def test_a_right_guess_is_right_in_each_of_its_forms(guess: object, actual: object) -> None:
    assert says(guess, actual)


@pytest.mark.parametrize(
    ("guess", "actual"),
    [
        (3, 2),
        ("three statements", 2),
        (True, 1),
        (1, True),
        ("no", True),
        ("yes", 1),
        ("2 or 3", 2),
        ("twenty-one", 1),
        ("one thousand", 1),
        ("many", 2),
        ("it waits", "it fails"),
        ("", "nothing"),
        (None, 0),
    ],
)
def test_a_wrong_guess_is_wrong(guess: object, actual: object) -> None:
    assert not says(guess, actual)


def test_two_numbers_are_no_number() -> None:
    assert number_in("2 or 3") is None
