"""Each learner has the points of what passed, and no zero where nothing was graded."""

from classrooms import Round


def test_each_learner_gets_the_points_of_what_passed(whole_round: Round) -> None:
    anna, ben, chris, *_ = whole_round.table("grades.csv")
    assert (anna["score"], anna["max_score"]) == (anna["max_score"], "10.0")
    assert ben["score"] == "0.0"
    assert (chris["07.2"], chris["score"]) == ("0.0", "8.0")


def test_who_handed_nothing_in_has_no_zero(whole_round: Round) -> None:
    rows = {row["student"]: (row["score"], row["state"]) for row in whole_round.table("grades.csv")}
    assert rows["fritz"] == ("", "not handed in")
    assert rows["dora"] == ("", "not graded")
    assert rows["ben"] == ("0.0", "graded")
