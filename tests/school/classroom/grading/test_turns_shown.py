"""A terminal has one line with who is at work; elsewhere each learner has a line."""

from io import StringIO

from course_lib.school.classroom.grading.turns_shown import Bar, Lines


def test_lines_say_whose_turn_it_is_and_who_could_not_be_graded() -> None:
    told: list[str] = []
    shown = Lines(["anna", "ben"], told.append)
    shown.is_graded("anna")
    shown.begins("ben")
    shown.ends("ben", "its kernel died.")
    assert told == ["1 of 2: anna is graded, and nothing is new", "2 of 2: ben", "ben could not be graded"]


def test_a_bar_is_one_line_with_those_at_work_and_ends_with_the_last() -> None:
    stream = StringIO()
    shown = Bar(["anna", "ben"], stream)
    shown.begins("anna")
    shown.begins("ben")
    shown.ends("anna", "")
    shown.ends("ben", "")
    lines = [line.rstrip(" ") for line in stream.getvalue().split("\r")[1:]]
    assert lines == [
        "0 of 2 [....................] anna",
        "0 of 2 [....................] anna, ben",
        "1 of 2 [##########..........] ben",
        "2 of 2 [####################]" + lines[-1].removeprefix("2 of 2 [####################]"),
    ]
    assert lines[-1].endswith("\n")
    assert stream.getvalue().count("\n") == 1


def test_a_bar_never_breaks_the_line() -> None:
    stream = StringIO()
    Bar(["anna" * 100], stream).begins("anna" * 100)
    assert len(stream.getvalue()) <= 80
