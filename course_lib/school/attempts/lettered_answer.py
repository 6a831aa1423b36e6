"""An answer of lettered lines or options, however it is written: "B D A", "BDA", "b, d, a" or ["B", "D", "A"]."""

import re
from collections.abc import Collection


class NotLetters(ValueError):
    """Something else than letters of the task, each at most once; `twice` tells which of the two."""

    def __init__(self, *, twice: bool = False) -> None:
        self.twice = twice
        super().__init__("a letter stands there twice" if twice else "not letters of the task")


def letters_in(answer: object, among: Collection[str]) -> list[str]:
    """The letters of an answer, in its order. Raises NotLetters."""
    found = re.findall(r"\w+", answer.upper()) if isinstance(answer, str) else answer
    if isinstance(found, list | tuple) and len(found) == 1 and len(str(found[0])) > 1:
        found = list(str(found[0]))  # "CAB" for "C A B"
    if not isinstance(found, list | tuple) or not found or any(each not in [*among] for each in found):
        raise NotLetters
    if len(set(found)) < len(found):
        raise NotLetters(twice=True)
    return [str(each) for each in found]
