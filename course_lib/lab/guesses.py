"""Whether a guess says what happened, in whatever form it was typed: 2, "2", "two", "two statements"; True or "yes"."""

import re

NUMBERS = {
    "no": 0.0,
    "none": 0.0,
    "nothing": 0.0,
    "zero": 0.0,
    "one": 1.0,
    "once": 1.0,
    "two": 2.0,
    "twice": 2.0,
}
NUMBERS |= {
    "three": 3.0,
    "four": 4.0,
    "five": 5.0,
    "six": 6.0,
    "seven": 7.0,
    "eight": 8.0,
    "nine": 9.0,
    "ten": 10.0,
}
NUMBERS |= {"eleven": 11.0, "twelve": 12.0}
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
    named += [NUMBERS[word] for word in re.findall(r"[a-z]+", text) if word in NUMBERS]
    return named[0] if len(named) == 1 else None


def _plain(text: object) -> str:
    return " ".join(re.findall(r"\w+", str(text).casefold()))
