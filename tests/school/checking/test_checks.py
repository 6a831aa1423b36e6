"""What a learner sees of a check and of a hint, and what is kept of it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from learners import written
from traitlets.config import Config

from course_lib.lab.forms import Sort
from course_lib.lab.postgres import programs
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.checking import check, grade, hint
from course_lib.school.checking.assessing import assess
from course_lib.school.checking.checks import NotPassed
from course_lib.school.checking.memory import memory
from course_lib.school.exercises.outcomes import NOT_ATTEMPTED
from course_lib.school.exercises.solutions import find
from course_lib.school.judges import judge_of
from course_lib.school.judges import registry as registered
from course_lib.school.judges.registry import BOTH, POSTGRES, Judge
from course_lib.school.learner import copies
from course_lib.school.learner.progress import progress_of
from course_lib.school.lessons.course import exercise_notebook

NAMES = (
    "from sqlalchemy import select\nfrom course_lib.models import User, Post\nfrom sqlalchemy.orm import *\n"
)
RIGHT, GIVEN = find("07.1").answer, find("07.1").given
WRONG = find("07.1").wrong["N+1"]


def people(source: str) -> Callable[..., Any]:
    exec(NAMES, names := dict[str, Any]())
    return written(
        source, **{name: names[name] for name in ("select", "User", "Post", "selectinload", "joinedload")}
    )


async def shown(answer: object, exercise: str = "07.1", *, by: Any = check) -> list[Any]:
    """What the cell displays: the outcome first, and the statements behind it."""
    with capture_output() as captured:
        await by(exercise, answer)
    return list(captured.outputs)


def hinted(exercise: str = "07.1") -> str:
    with capture_output() as captured:
        hint(exercise)
    return str(captured.outputs[0].data["text/plain"])


@pytest.fixture(autouse=True)
def _shell() -> Iterator[None]:
    """What a notebook's kernel has, so that what is displayed can be looked at."""
    InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    yield
    InteractiveShell.clear_instance()


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for kept in ("failed", "hints"):
        monkeypatch.setattr(memory, kept, Counter())
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's own copy, where this notebook lies."""
    copies.start(tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy" / "exercises")
    return tmp_path / "copy"


async def test_a_pass_shows_the_other_answer_and_its_trade_off() -> None:
    [outcome] = await shown(people(RIGHT))
    assert outcome.data["text/plain"].startswith("✓ 07.1 passed.")
    assert "joinedload(User.posts).joinedload(Post.tags)" in outcome.data["text/markdown"]
    assert find("07.1").trade_off in outcome.data["text/markdown"]


async def test_who_found_the_other_answer_is_shown_the_first() -> None:
    [outcome] = await shown(people(find("07.1").other))
    assert "selectinload(User.posts).selectinload(Post.tags)" in outcome.data["text/markdown"]
    assert "SOLUTION" not in outcome.data["text/markdown"]


async def test_who_chose_the_other_letter_is_shown_the_first() -> None:
    [outcome] = await shown(written("def fewest_rows():\n    return 'd'"), "07.4")
    assert 'return "B"' in outcome.data["text/markdown"]


async def test_a_number_without_quotes_is_told_so() -> None:
    [outcome] = await shown(people(RIGHT), 7.1)  # type: ignore[arg-type]
    assert "There is no exercise 7.1. Write it in quotes." in outcome.data["text/plain"]


async def test_a_wrong_answer_shows_its_name_and_the_first_statements() -> None:
    outcome, evidence = await shown(people(WRONG))
    assert outcome.data["text/plain"].startswith(
        "✗ 07.1 not yet: N+1. people sent 52 statements; 3 are enough."
    )
    assert evidence.data["text/plain"].count("\n1  ") == 8
    assert "… and 45 more" in evidence.data["text/plain"]


async def test_given_code_that_was_not_touched_is_not_attempted() -> None:
    outcome, _ = await shown(people(GIVEN + "  # a comment is no change"))
    assert outcome.data["text/plain"].startswith("○ 07.1 not attempted. This is the code as it was given.")


@pytest.mark.parametrize("answer", [None, 3, "N+1", [], object()])
async def test_whatever_is_checked_the_cell_raises_nothing(answer: object) -> None:
    [outcome] = await shown(answer)
    assert "not yet: not a function" in outcome.data["text/plain"]


@pytest.mark.parametrize("wanted", ["07.9", "7.1", "", "seven"])
async def test_an_unknown_exercise_is_told_with_those_that_there_are(wanted: str) -> None:
    [outcome] = await shown(people(RIGHT), wanted)
    assert f"There is no exercise {wanted!r}." in outcome.data["text/plain"]
    assert ("07.1, 07.2" in hinted("07.9")) is True


async def test_a_check_that_stumbles_over_an_answer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stumbles(attempt: Attempt) -> None:
        _ = sorted([object(), object()])

    await assess(find("07.1"), people(RIGHT))
    monkeypatch.setitem(registered.JUDGES, "07.1", Judge(stumbles, BOTH))
    [outcome] = await shown(people(RIGHT))
    assert "not yet: unforeseen answer. The check cannot read what" in outcome.data["text/plain"]


async def test_code_that_an_older_kit_gave_is_not_attempted_either(copy: Path) -> None:
    older = copy / ".course" / "given" / exercise_notebook("07_eager_loading")
    older.write_text(
        older.read_text("utf-8").replace("with_posts = ", "some = ").replace("(with_posts)", "(some)")
    )
    outcome, _ = await shown(people(GIVEN.replace("with_posts", "some")))
    assert outcome.data["text/plain"].startswith("○ 07.1 not attempted. This is the code as it was given.")


@pytest.fixture
def _page(_shell: None) -> None:
    """Each request comes from a page, which tells the cell that it runs."""
    shell: Any = InteractiveShell.instance()
    shell.get_parent = lambda: {"metadata": {"cellId": "5"}}


@pytest.mark.usefixtures("_page")
async def test_lines_to_be_put_in_order_go_to_a_page_with_the_outcome() -> None:
    [outcome] = await shown(written("def right_order():\n    raise NotImplementedError"), "07.5")
    assert outcome.data["text/plain"].startswith("○ 07.5 not attempted.")
    form = outcome.data[Sort.mime]
    assert form["function"] == "right_order"
    assert form["lines"][1] == ("B", "return before, len(user.posts)")
    assert [letter for letter, _ in form["lines"]] == list("ABCDEFG")


@pytest.mark.usefixtures("_page")
async def test_other_exercises_have_no_lines_to_sort() -> None:
    [outcome] = await shown(people(RIGHT))
    assert set(outcome.data) == {"text/plain", "text/markdown"}


async def test_a_program_reads_the_outcome_in_the_metadata() -> None:
    wrong, _ = await shown(people(WRONG))
    assert wrong.metadata == {"course": {"exercise": "07.1", "outcome": "not yet", "misconception": "N+1"}}


async def test_grade_raises_for_what_did_not_pass_and_shows_no_traceback() -> None:
    await shown(people(RIGHT), by=grade)
    with pytest.raises(NotPassed) as caught:
        await shown(people(WRONG), by=grade)
    assert caught.value._render_traceback_() == ["NotPassed: 07.1 not yet: N+1"]


def judged(monkeypatch: pytest.MonkeyPatch, exercise: str, fails: dict[str, float]) -> None:
    """From now on the check of the exercise looks at nothing: it fails on these databases, with these shares."""

    async def run(attempt: Attempt) -> None:
        if attempt.database in fails:
            fault = attempt.not_yet("a race", "Two came at once.")
            fault.share = fails[attempt.database]
            raise fault

    judge_of(exercise, find(exercise).lesson)
    monkeypatch.setitem(registered.JUDGES, exercise, Judge(run, BOTH))


@pytest.mark.parametrize(
    ("fails", "points"),
    [
        ({}, None),
        ({"postgresql": 0}, 4.0),
        ({"sqlite": 0}, 4.0),
        ({"sqlite": 0.5, "postgresql": 0}, 2.0),
        ({"sqlite": 0.5, "postgresql": 0.75}, 5.0),
    ],
)
async def test_a_milestone_is_worth_the_part_that_holds(
    monkeypatch: pytest.MonkeyPatch, fails: dict[str, float], points: float | None
) -> None:
    judged(monkeypatch, "17.2", fails)
    with capture_output() as captured:
        got = await grade("17.2", lambda session, show_ids: {})
    assert got == points
    assert captured.outputs[0].metadata["course"].get("points") == points


async def test_a_milestone_that_holds_nowhere_and_any_other_exercise_are_worth_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged(monkeypatch, "17.2", {"sqlite": 0, "postgresql": 0})
    judged(monkeypatch, "07.1", {"postgresql": 0})
    for exercise in ("17.2", "07.1"):
        with pytest.raises(NotPassed):
            await shown(people(RIGHT), exercise, by=grade)


async def test_hints_come_one_at_a_time_and_end_in_the_solution() -> None:
    told = [hinted() for _ in range(5)]
    assert [each.partition(".")[0] for each in told[:4]] == [
        "Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "The solution"
    ]  # fmt: skip
    assert told[3] == told[4]
    assert "Rejected: " in told[3]


async def test_a_hint_is_offered_after_three_failed_tries() -> None:
    told = [(await shown(people(WRONG)))[0].data["text/plain"] for _ in range(6)]
    assert ['hint("07.1")' in each for each in told] == [False, False, True, False, False, True]


async def test_no_hint_is_offered_when_the_solution_was_shown() -> None:
    told = [hinted() for _ in range(4)]
    assert told[2].endswith("The next call shows the solution.")
    tries = [(await shown(people(WRONG)))[0].data["text/plain"] for _ in range(3)]
    assert not any("Stuck?" in each for each in tries)


async def test_tries_and_hints_are_kept_in_the_learners_copy(copy: Path) -> None:
    await shown(people(WRONG))
    await shown(people(RIGHT))
    hinted()
    kept = progress_of(copy)
    assert [(each.exercise, each.outcome, each.misconception) for each in await kept.tries()] == [
        ("07.1", "not yet", "N+1"),
        ("07.1", "passed", None),
    ]
    assert await kept.hints_shown("07.1") == 1


async def test_a_grade_is_no_try_of_the_learner(copy: Path) -> None:
    await shown(people(RIGHT), by=grade)
    assert await progress_of(copy).tries() == []


async def test_a_check_goes_on_where_the_progress_is_out_of_reach(copy: Path) -> None:
    progress_of(copy).file.write_text("no database")
    told = [(await shown(people(WRONG)))[0].data["text/plain"] for _ in range(3)]
    assert all("✗ 07.1 not yet: N+1." in each and "This was not kept: " in each for each in told)
    assert 'hint("07.1")' in told[2]
    assert "Hint 1 of 3" in hinted()
    assert "Hint 2 of 3" in hinted()


async def test_where_postgresql_cannot_start_sqlite_alone_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    ran_on: list[str] = []

    async def notes(attempt: Attempt) -> None:
        ran_on.append(attempt.database)

    await assess(find("07.1"), people(RIGHT))
    monkeypatch.setitem(registered.JUDGES, "07.1", Judge(notes, BOTH))
    monkeypatch.setattr(programs, "VERSION", 99)
    outcome = await assess(find("07.1"), people(RIGHT))
    assert set(ran_on) == {"sqlite"}
    assert "Checked on SQLite alone" in outcome.remarks[0]


async def test_where_postgresql_cannot_start_an_exercise_about_it_is_not_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def accepts(attempt: Attempt) -> None: ...

    await assess(find("07.1"), people(RIGHT))
    monkeypatch.setitem(registered.JUDGES, "07.1", Judge(accepts, (POSTGRES,)))
    monkeypatch.setattr(programs, "VERSION", 99)
    outcome = await assess(find("07.1"), people(RIGHT))
    assert (outcome.state, outcome.misconception, outcome.remarks) == (NOT_ATTEMPTED, "", [])
    assert outcome.note().plain.startswith("○ 07.1 not checked. This exercise is about what PostgreSQL does")


async def test_an_exercise_about_postgresql_never_runs_on_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    ran_on: list[str] = []

    async def refuses(attempt: Attempt) -> None:
        ran_on.append(attempt.database)
        attempt.require(len(ran_on) < 3, "third run", "This is the third run.")

    await assess(find("07.1"), people(RIGHT))
    monkeypatch.setitem(registered.JUDGES, "07.1", Judge(refuses, (POSTGRES,)))
    outcomes = [await assess(find("07.1"), people(RIGHT)) for _ in range(2)]
    assert ran_on == ["postgresql"] * 3
    assert [each.told for each in outcomes] == ["", "This is the third run."]


def test_a_hint_can_be_asked_for_inside_a_running_loop() -> None:
    async def cell() -> str:
        return hinted()

    assert asyncio.run(cell()).startswith("Hint 1 of 3")
