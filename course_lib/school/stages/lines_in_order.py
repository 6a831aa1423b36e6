"""What the judges of lines in an order ask of every order, before they run it."""

from collections.abc import Sequence

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet


def returns_last(attempt: Attempt, letters: Sequence[str]) -> Sequence[str]:
    """The letters, where no line stands behind `return`, and one is a `return`; raises NotYet otherwise."""
    returning = next((letter for letter in letters if attempt.blocks[letter].startswith("return")), None)
    if returning is None:
        raise NotYet("nothing returned", "A function whose lines hold no `return` gives None.")
    if behind := [*letters][letters.index(returning) + 1 :]:
        raise NotYet(
            "lines behind return",
            f"{', '.join(behind)} stand{'s' * (len(behind) == 1)} behind {returning}, which is "
            f"`{attempt.blocks[returning]}`: it ends the function, and nothing behind it runs.",
        )
    return letters
