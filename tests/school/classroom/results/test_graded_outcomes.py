"""What a check must have told to count as a pass, and how misconceptions and slips are counted."""

from pathlib import Path
from typing import Any

import pytest
from classrooms import code

from course_lib import school
from course_lib.school.classroom.results.graded_outcomes import SLIPS, Result, has_part, has_passed, met
from course_lib.school.exercises.outcomes import NOT_YET, PASSED
from course_lib.school.exercises.solutions import exercises


def test_misconceptions_are_counted_the_most_frequent_first() -> None:
    whys = ["N+1"] * 3 + ["no order", ""]
    results = [Result(f"learner {number}", "07.1", NOT_YET, why) for number, why in enumerate(whys)]
    results += [Result("anna", "07.1", PASSED), Result("ben", "07.1", NOT_YET, "wrong signature")]
    assert [str(each) for each in met(results)] == [
        "3 of 7: N+1",
        "1 of 7: no order",
        "1 of 7: without a name",
    ]
    assert [str(each) for each in met(results, slips=True)] == ["1 of 7: wrong signature"]


def test_no_slip_is_a_misconception_of_an_exercise_and_each_is_told_by_a_check() -> None:
    assert SLIPS.isdisjoint({name for each in exercises() for name in each.wrong})
    folders = [Path(school.__file__).parent / name for name in ("attempts", "checking", "judges", "stages")]
    said = [file.read_text("utf-8") for folder in folders for file in folder.rglob("*.py")]
    assert {name for name in SLIPS if f'"{name}"' not in "".join(said)} == set()


def told(*outcomes: str, exercise: str = "07.1") -> dict[str, Any]:
    cell = code("await check('07.1', f)\nawait grade('07.1', f)")
    facts = [{"exercise": exercise, "outcome": outcome, "misconception": None} for outcome in outcomes]
    return cell | {
        "outputs": [{"output_type": "display_data", "metadata": {"course": each}} for each in facts]
    }


def test_the_hidden_rows_have_the_last_word() -> None:
    assert has_passed(told("passed", "passed"))
    assert has_passed(told("not yet", "passed"))
    assert not has_passed(told("passed", "not yet"))


@pytest.mark.parametrize(
    "cell",
    [
        told(),
        told("passed"),
        told("passed", "passed", "passed"),
        told("passed", "passed", exercise="07.2"),
        told("passed", "well done"),
    ],
)
def test_an_outcome_too_few_too_many_or_of_another_exercise_is_no_pass(cell: dict[str, Any]) -> None:
    assert not has_passed(cell)


def in_part(points: object, *, shown: str, exercise: str = "17.3") -> dict[str, Any]:
    cell = code(f"await check('{exercise}', f)\nawait grade('{exercise}', f)")
    facts = {"exercise": exercise, "outcome": "not yet", "misconception": "sold twice"}
    told = [
        {"output_type": "display_data", "metadata": {"course": each}}
        for each in (facts, facts | {"points": points})
    ]
    number = {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": shown}}
    return cell | {"outputs": [*told, number]}


def test_a_part_is_what_the_check_told_and_the_cell_ends_with() -> None:
    assert has_part(in_part(4.0, shown="4.0"))
    assert not has_passed(in_part(4.0, shown="4.0"))


@pytest.mark.parametrize(
    "cell",
    [
        in_part(4.0, shown="8.0"),
        in_part(None, shown="8.0"),
        in_part(0, shown="0"),
        told("not yet", "not yet"),
    ],
)
def test_a_number_that_no_check_told_is_no_part(cell: dict[str, Any]) -> None:
    assert not has_part(cell)
