"""The teacher's report: who passed what, what was met, and a page that leads to each learner's."""

import re
from html import escape

from classrooms import NAME, Round


def test_the_report_counts_misconceptions_and_names_who_passed(whole_round: Round) -> None:
    rows = {row["exercise"]: row for row in whole_round.table("exercises.csv")}
    first = rows["07.1"]
    assert (first["learners"], first["passed"], first["who passed"]) == ("4", "2", "Anna_Berg; chris")
    assert first["misconceptions"].startswith("1 of 4: ")
    assert rows["07.2"]["slips"] == "1 of 4: runs for ever"
    assert rows["07.3"]["stopped"] == "2"  # Ben deleted his answer, and Eve's check is out of action


def test_a_misconception_has_an_example_of_what_a_learner_was_told(whole_round: Round) -> None:
    ben = next(row for row in whole_round.table("outcomes.csv") if row["why"] == "not loaded")
    assert ben["told"].count("passed") == ben["told"].count("not yet") == 0
    assert f'1 of 4: not loaded<span class="example">For example: {escape(ben["told"])}' in whole_round.page
    assert len(ben["told"]) > 30


def test_the_report_leads_to_each_learners_page_and_has_the_points(whole_round: Round) -> None:
    found = re.findall(
        r'<a href="([^"]+)">([^<]+)</a>.*<td class="number">([\d.]+)</td></tr>', whole_round.page
    )
    assert [row[1:] for row in found] == [("Anna Berg", "10"), ("ben", "0"), ("chris", "8"), ("eve", "0")]
    for address, _, _ in found:
        assert (whole_round.folder / "reports" / NAME / address).resolve().is_file()


def test_the_report_is_a_page_that_needs_nothing_else(whole_round: Round) -> None:
    assert re.findall(r"<script|<link|<img|://", whole_round.page) == []
    assert whole_round.page.count("<caption>") == 2
    assert '<th scope="row">07.1 ' in whole_round.page
    assert "ben: 07.2: the answer cell stands there 2 times" in whole_round.page
    assert re.findall("<h2>(.+)</h2>", whole_round.page) == ["Exercises", "Learners", "Unusual notebooks"]
