"""Every exercise is proved: stub, solution, other right answer and each named wrong answer get what they must get."""

import ast
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answers import answer_to

from course_lib.school import judges
from course_lib.school.checking.assessing import assess
from course_lib.school.exercises import solutions as module
from course_lib.school.exercises.outcomes import NOT_ATTEMPTED, NOT_YET, PASSED
from course_lib.school.exercises.solutions import (
    KINDS,
    MILESTONE,
    Exercise,
    UnknownExercise,
    exercises,
    find,
    without_marks,
)
from course_lib.school.judges import judge_of
from course_lib.school.kit_files import SOLUTIONS
from course_lib.school.lessons.course import lessons
from course_lib.school.making.cutting import cut

ALL = exercises()
WRONG = [(exercise, name) for exercise in ALL for name in exercise.wrong]

each_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.id)
each_wrong_answer = pytest.mark.parametrize(
    ("exercise", "name"), WRONG, ids=[f"{exercise.id} {name}" for exercise, name in WRONG]
)
as_a_learner = pytest.param(False, marks=pytest.mark.ways, id="visible")  # as each cell of the solutions does
visible_and_hidden = pytest.mark.parametrize("hidden", [as_a_learner, pytest.param(True, id="hidden")])


@pytest.fixture(scope="module")
def released() -> dict[str, str]:
    """The exercises as the learner gets them."""
    stubs = {}
    for path in sorted(SOLUTIONS.glob("*.ipynb")):
        for cell in json.loads(cut(path))["cells"]:
            marks = cell["metadata"].get("nbgrader", {})
            if marks.get("solution"):
                stubs[marks["grade_id"]] = module.source_of(cell)
    return {exercise.id: stubs[f"{exercise.id.replace('.', '-')}-answer"] for exercise in ALL}


def test_the_cell_of_every_answer_shows_its_verdict() -> None:
    """The step `lessons` holds these outputs against what the checks say today."""
    verdicts, missing = 0, []
    for path in sorted(SOLUTIONS.glob("*.ipynb")):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            tags = set(cell["metadata"].get("tags", ()))
            if tags & {"wrong-answer", "other-answer"}:
                name = module.WRONG.match(module.source_of(cell))
                verdict = f"{NOT_YET}: {name['name']}" if name else PASSED
                verdict = NOT_ATTEMPTED if module.GIVEN in tags else verdict
                shown = json.dumps(cell["outputs"], ensure_ascii=False)
                missing += [] if f" {verdict}.**" in shown else [f"{path.stem} {cell['id']}: {verdict}"]
                verdicts += 1
    assert missing == []
    assert verdicts >= 4 * len(ALL)


@each_exercise
async def test_the_stub_is_not_attempted(exercise: Exercise, released: dict[str, str]) -> None:
    outcome = await assess(exercise, answer_to(exercise, released[exercise.id]))
    assert outcome.state == NOT_ATTEMPTED


@each_exercise
@visible_and_hidden
async def test_the_solution_passes(exercise: Exercise, hidden: bool) -> None:
    outcome = await assess(exercise, answer_to(exercise, exercise.answer), hidden=hidden)
    assert (outcome.state, outcome.told, outcome.remarks) == (PASSED, "", [])


@each_exercise
@visible_and_hidden
async def test_the_other_right_answer_passes(exercise: Exercise, hidden: bool) -> None:
    outcome = await assess(exercise, answer_to(exercise, exercise.other), hidden=hidden)
    assert (outcome.state, outcome.told, outcome.remarks) == (PASSED, "", [])


@each_wrong_answer
@visible_and_hidden
async def test_a_wrong_answer_gets_its_own_diagnosis(exercise: Exercise, name: str, hidden: bool) -> None:
    outcome = await assess(exercise, answer_to(exercise, exercise.wrong[name]), hidden=hidden)
    is_given = exercise.wrong[name] == exercise.given
    assert (outcome.misconception, outcome.state) == (name, NOT_ATTEMPTED if is_given else NOT_YET)


@each_exercise
def test_every_exercise_is_whole(exercise: Exercise) -> None:
    assert faults(exercise) == []


def faults(exercise: Exercise) -> list[str]:
    said = {
        "no kind that we know": exercise.kind not in KINDS,
        "points differ": f"· {exercise.points} point" not in exercise.task,
        "not three hints": len(exercise.hints) != 3,
        "fewer than two wrong answers": len(exercise.wrong) < 2,
        "no reason, or nothing rejected": "Rejected: " not in exercise.reason,
        "no other answer, or no trade-off": not (exercise.other and exercise.trade_off),
        "the other answer has the same shape": exercise.other == without_marks(exercise.answer),
        "no docstring": not specification(exercise.answer),
        "nothing to start from": bool(exercise.given) != (exercise.kind in ("fix", "modify")),
        "fewer than two blocks": exercise.kind in ("order", "choose") and len(exercise.blocks) < 2,
    }
    answers = [exercise.other, *exercise.wrong.values()]
    differ = any(specification(each) != specification(exercise.answer) for each in answers)
    return [fault for fault, there in (said | {"docstrings differ": differ}).items() if there]


def specification(source: str) -> tuple[str | None, str]:
    """What the answer has to be: its docstring and its first line."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return ast.get_docstring(node), f"{node.name}({ast.unparse(node.args)})"
    return None, ""


def test_every_lesson_has_exercises_of_several_kinds() -> None:
    kinds = {
        lesson.name: [each.kind for each in ALL if each.lesson == lesson.name] for lesson in lessons()[1:]
    }
    milestones = kinds.pop("17_capstone")
    assert {name: some for name, some in kinds.items() if len(some) < 4 or len(set(some)) < 4} == {}
    assert milestones == [MILESTONE] * 9
    assert {each.kind for each in ALL} == set(KINDS)
    assert len(ALL) >= 45


def test_every_lesson_has_a_folder_of_judges_and_every_exercise_a_module_of_its_title() -> None:
    folder = Path(judges.__file__).parent
    folders = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert folders == {f"l{lesson.name}" for lesson in lessons()[1:]}
    assert {each.id: judge_of(each.id, each.lesson).run.__module__ for each in ALL} == {
        each.id: f"{judges.__name__}.l{each.lesson}.e{each.id[3:]}_{in_letters(each.title)}" for each in ALL
    }


def in_letters(title: str) -> str:
    return re.sub(r"\W+", "_", title.lower()).strip("_")


def test_ids_are_counted_in_the_order_of_the_lessons() -> None:
    numbers: dict[str, list[str]] = {}
    for each in ALL:
        numbers.setdefault(each.lesson, []).append(each.id)
    for lesson, ids in numbers.items():
        assert ids == [f"{lesson[:2]}.{number}" for number in range(1, len(ids) + 1)]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"kind": "guess"}, "no kind that we know"),
        ({"points": 9}, "points differ"),
        ({"hints": ["one"]}, "not three hints"),
        ({"wrong": {}}, "fewer than two wrong answers"),
        ({"reason": "It is right."}, "no reason, or nothing rejected"),
        ({"trade_off": ""}, "no other answer, or no trade-off"),
        ({"other": "def people(session): ..."}, "docstrings differ"),
        ({"given": ""}, "nothing to start from"),
    ],
)
def test_an_exercise_that_is_not_whole_is_seen(change: dict[str, Any], fault: str) -> None:
    assert fault in faults(replace(find("07.1"), **change))


def test_a_wrong_answer_without_a_name_is_refused() -> None:
    exercise = replace(find("07.1"))
    cell = {
        "cell_type": "code",
        "source": ["def people(session): ..."],
        "metadata": {"tags": ["wrong-answer"]},
    }
    with pytest.raises(ValueError, match=r"of 07\.1 does not begin with '# Wrong: NAME'"):
        exercise.take(cell)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (
            "99.2",
            f"There is no exercise '99.2'. Lessons 01 to {ALL[-1].id[:2]} have exercises, named like '07.2'.",
        ),
        ("5.9", "There is no exercise '5.9'. Lesson 05 has 05.1, 05.2, 05.3, 05.4, 05.5."),
        ("5.1", "There is no exercise '5.1'. Did you mean '05.1'?"),
        ("Headlnes", "There is no exercise 'Headlnes'. Did you mean '07.2'?"),
        ("pay_wages", "There is no exercise 'pay_wages'. Did you mean '05.5'?"),
        (7.2, "There is no exercise 7.2. Write it in quotes. Did you mean '07.2'?"),
    ],
)
def test_an_unknown_exercise_is_answered_with_what_there_is(wanted: object, told: str) -> None:
    assert str(UnknownExercise(wanted)) == told


def test_an_unknown_exercise_is_named_with_its_neighbours() -> None:
    with pytest.raises(UnknownExercise, match=r"There is no exercise '07\.99'\. Lesson 07 has 07\.1, 07\.2"):
        find("07.99")
