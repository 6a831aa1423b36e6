"""A teacher is told whose cells or answers hung, and where."""

from classrooms import Round


def test_grading_says_who_was_stopped_and_where(whole_round: Round) -> None:
    chris = [notice.told for notice in whole_round.graded.notices if notice.student == "chris"]
    own = "a cell of their own in 07.3 did not end, and was stopped. It begins `while True:`."
    assert chris == [own, "07.2: the answer did not end, and was stopped by the check."]
    assert f"<li>chris: {own}</li>" in whole_round.page
