"""Whether a guess says what happened, in whatever form it was typed: 2, "2", "two", "two statements"; True or "yes"."""

import re
from math import prod

WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen twenty"
)
NUMBERS = {word: float(number) for number, word in enumerate(WORDS.split())}
NUMBERS |= {"no": 0.0, "none": 0.0, "nothing": 0.0, "once": 1.0, "twice": 2.0}
TIMES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
YES_OR_NO = {"yes": True, "true": True, "y": True, "no": False, "false": False, "n": False}
NUMBER = re.compile(r"[-+]?\d[\d,_]*(?:\.\d+)?")


def says(guess: object, actual: object) -> bool:
    """A number may come as a word or with its unit, text in any case and with any spaces, and a bool as yes or no."""
    if isinstance(actual, bool):
        return guess is actual or YES_OR_NO.get(_plain(guess)) is actual
    if isinstance(actual, int | float):
        return number_in(guess) == actual
    return _plain(guess) == _plain(actual)


def number_in(guess: object) -> float | None:
    """The only number that the guess names; None where it names none, or several. None and True are no numbers."""
    if guess is None or isinstance(guess, bool):
        return None
    if isinstance(guess, int | float):
        return guess
    text = str(guess).lower()
    named = [float(re.sub("[,_]", "", found)) for found in NUMBER.findall(text)]
    words = re.findall(r"[a-z]+(?:-[a-z]+)*", text)  # of "twenty-one" nobody takes the one
    named += [NUMBERS[word] for word in words if word in NUMBERS]
    times = prod(TIMES.get(word, 1) for word in words)
    if not named and times > 1:
        return times  # a hundred
    return named[0] * times if len(named) == 1 else None


def _plain(text: object) -> str:
    return " ".join(re.findall(r"\w+", str(text).casefold()))
