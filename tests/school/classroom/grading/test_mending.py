"""A notebook that lost cells gets them back, and its learner is told."""

from classrooms import Round


def test_cells_that_were_put_back_say_so_to_the_learner(whole_round: Round) -> None:
    page = whole_round.graded.pages["ben"].read_text("utf-8")
    assert page.count("was put back for grading") == 2
