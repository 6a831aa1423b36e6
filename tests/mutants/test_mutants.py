"""Each answer that passes, broken by rule at each place: the check refuses it, or `right` says why not."""

import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from answers import answer_to
from mutating import Mutant, letters, mutants

from course_lib.school.attempts import time_limit
from course_lib.school.checking.assessing import assess
from course_lib.school.exercises.outcomes import PASSED
from course_lib.school.exercises.solutions import Exercise, exercises, without_marks

RIGHT: dict[str, dict[str, str]] = {
    exercise: labels
    for path in sorted(Path(__file__).with_name("right").glob("*.toml"))
    for exercise, labels in tomllib.loads(path.read_text("utf-8")).items()
}
"""By the exercise's id: the label of a mutant that passes, and why it is right."""
ENOUGH = 0.95
VAGUE = ("error in the code", "unforeseen answer")


def broken(exercise: Exercise) -> Iterator[Mutant]:
    """The mutants of the solution and of the other answer."""
    both = {"solution": without_marks(exercise.answer), "other": exercise.other}
    for name, source in both.items():
        for mutant in _letters(exercise, source) if exercise.blocks else mutants(source):
            yield Mutant(f"{name}: {mutant.label}", mutant.source)


def _letters(exercise: Exercise, source: str) -> Iterator[Mutant]:
    returned = answer_to(exercise, source)()
    right = "".join(returned).replace(" ", "").replace(",", "")
    for mutant in letters(right, "".join(exercise.blocks)):
        answer = f"def {exercise.function}():\n    return {' '.join(mutant.source)!r}\n"
        yield Mutant(mutant.label, answer)


@pytest.mark.mutants
@pytest.mark.parametrize("exercise", exercises(), ids=lambda exercise: exercise.id)
async def test_broken_answers_are_refused(
    exercise: Exercise, record_property: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limit, "PATIENCE", 3.0)
    verdicts = {}
    for mutant in broken(exercise):
        outcome = await assess(exercise, answer_to(exercise, mutant.source))
        verdicts[mutant.label] = outcome.misconception if outcome.state != PASSED else PASSED
    right = RIGHT.get(exercise.id, {})
    passed = {label for label, verdict in verdicts.items() if verdict == PASSED}
    made, missed = len(verdicts) - len(passed & set(right)), sorted(passed - set(right))
    named = Counter(verdicts.values())
    record_property(
        "score",
        f"{exercise.id}: {made - len(missed)} of {made} refused, {len(right)} right, "
        f"{sum(named[each] for each in VAGUE)} vague: {dict(named.most_common(6))}",
    )
    assert sorted(set(right) - passed) == [], "listed as right, and refused or not made"
    assert made - len(missed) >= ENOUGH * made, missed
