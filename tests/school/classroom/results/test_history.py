"""What was told stays, in the order in which it was told."""

from datetime import UTC, datetime
from pathlib import Path

from classrooms import NAME

from course_lib.school.classroom.results.graded_outcomes import Result
from course_lib.school.classroom.results.history import HISTORY, add_to_history, history_of
from course_lib.school.exercises.outcomes import NOT_YET, PASSED


def test_a_later_verdict_stands_below_the_earlier_one(tmp_path: Path) -> None:
    first = Result("Jürgen", "07.1", NOT_YET, "N+1, again")
    add_to_history(tmp_path, NAME, [first, Result("Jürgen", "07.2", PASSED)])
    add_to_history(tmp_path, NAME, [Result("Jürgen", "07.1", PASSED)])
    told = history_of(tmp_path, NAME)
    assert [(each.student, each.exercise, each.outcome, each.why) for each in told] == [
        ("Jürgen", "07.1", NOT_YET, "N+1, again"),
        ("Jürgen", "07.2", PASSED, ""),
        ("Jürgen", "07.1", PASSED, ""),
    ]
    assert told[0].time == told[1].time <= told[2].time
    assert datetime.fromisoformat(told[0].time).tzinfo == UTC


def test_a_spreadsheet_reads_the_letters(tmp_path: Path) -> None:
    for _ in range(2):
        add_to_history(tmp_path, NAME, [Result("Jürgen", "07.1", PASSED)])
    content = (tmp_path / "reports" / NAME / HISTORY).read_bytes()
    assert (content[:3], content.count(b"\xef\xbb\xbf"), content.count(b"time,")) == (b"\xef\xbb\xbf", 1, 1)


def test_a_lesson_that_was_never_graded_has_no_history(tmp_path: Path) -> None:
    assert history_of(tmp_path, NAME) == []
