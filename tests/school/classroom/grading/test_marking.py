"""There are no points without a pass, whatever a notebook does to the checks."""

from classrooms import Round


def test_a_check_without_an_outcome_gives_no_points_anywhere(whole_round: Round) -> None:
    rows = {row["student"]: row for row in whole_round.table("grades.csv")}
    assert rows["eve"]["score"] == "0.0"
    assert "Score: 0.0 / 10.0" in whole_round.graded.pages["eve"].read_text("utf-8")
    told = "07.1, 07.2, 07.3, 07.4, 07.5: no points, because the check told no outcome"
    assert any(str(notice).startswith(f"eve: {told}") for notice in whole_round.graded.notices)
    assert f"<li>eve: {told}" in whole_round.page.partition("Unusual notebooks")[2]
