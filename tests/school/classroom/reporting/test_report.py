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


def test_the_report_leads_to_a_page_about_each_learner_and_has_the_points(whole_round: Round) -> None:
    found = re.findall(
        r'<a href="([^"]+)">([^<]+)</a>.*<td class="number">([\d.]+)</td></tr>', whole_round.page
    )
    assert [row[1:] for row in found] == [("Anna Berg", "10"), ("ben", "0"), ("chris", "8"), ("eve", "0")]
    for address, _, _ in found:
        assert (whole_round.folder / "reports" / NAME / address).resolve().is_file()


def test_the_report_is_a_page_that_needs_nothing_else(whole_round: Round) -> None:
    assert re.findall(r"<script|<link|<img|://", whole_round.page) == []
    assert whole_round.page.count("<caption>") == 3
    assert '<th scope="row">07.1 ' in whole_round.page
    assert "ben: 07.2: the answer cell stands there 2 times" in whole_round.page
    assert re.findall("<h2>(.+)</h2>", whole_round.page) == [
        "What to talk about in the next hour", "Exercises", "Learners", "Misconceptions over time", "Unusual notebooks",
    ]  # fmt: skip


def test_the_next_hour_begins_with_what_was_met_and_the_cell_that_settles_it(whole_round: Round) -> None:
    topics = re.search("<ol>(.*)</ol>", whole_round.page)
    assert topics is not None
    assert re.match("<li>[^<]+: 1 of 4 learners, in 07[.][1-5]", topics[1])
    assert topics[1].count("<li>") == 3
    assert topics[1].count("Settled by the cell with <code>") == 2  # no lesson shows `wrong posts`


def test_misconceptions_are_followed_over_time(whole_round: Round) -> None:
    rows = whole_round.table("misconceptions.csv")
    assert {(row["met"], row["still"], row["passed since"]) for row in rows} == {("1", "1", "0")}
    assert [row["days"].partition(": ")[2] for row in rows if row["exercise"] == "07.1"] == ["1 of 4"]
