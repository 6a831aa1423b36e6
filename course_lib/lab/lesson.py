"""The small words of a lesson: predict before you look, expect an error, show a pattern from its file."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from IPython.display import display
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.lab.databases import open_database
from course_lib.lab.explanations import explanation_of
from course_lib.lab.forms import FormNote, asking
from course_lib.lab.guesses import says
from course_lib.lab.markdown_note import Note, Source, without_noise
from course_lib.lab.postgres import PostgresUnavailable, Server
from course_lib.lab.standby import Pair
from course_lib.lab.unawaited import let_go

LONGEST_MESSAGE = 300


@dataclass
class Prediction:
    """A question, its choices if it has any, and the answer given so far (None: no answer yet)."""

    question: str
    choices: Sequence[object]
    answer: object

    def reveal(self, actual: object) -> Note:
        """Compare the answer with what happened, and explain it. Without an answer the lesson goes on."""
        told = explanation_of(self.question)
        return Note(f"{self._compared(actual)}\n\n{told}" if told else self._compared(actual))

    def _compared(self, actual: object) -> str:
        if self.answer is None:
            return (
                f"The answer: **{actual}**. You made no guess. Guess before you look: it makes you remember."
            )
        if says(self.answer, actual):
            return f"You said {self.answer}, and that is right: **{actual}**."
        return f"You said {self.answer}. The answer: **{actual}**. What made you expect something else?"

    def _ask(self) -> Note:
        choices = f" Choose from: {', '.join(map(repr, self.choices))}." if self.choices else ""
        if self.answer is None:
            return Note(
                f"**Predict.** {self.question}{choices} Put your answer in place of `None`, and run this cell again."
            )
        if self.choices and not any(says(self.answer, choice) for choice in self.choices):
            return Note(f"**Predict.** {self.question} `{self.answer!r}` is none of the choices.{choices}")
        return Note(f"**Predict.** {self.question} You say: `{self.answer!r}`. The next cell tells.")


def predict(question: str, *, answer: object = None, choices: Sequence[object] = ()) -> Prediction:
    """Ask before the evidence; `.reveal(actual)` in a later cell compares.

    Where a page draws forms, a click writes the answer into the cell. It finds the question in the code as it is here,
    so write that as one string.
    """
    prediction = Prediction(question, choices, answer)
    display(FormNote(prediction._ask(), asking(question, choices, answer)))
    return prediction


@contextmanager
def expect(error: type[BaseException]) -> Iterator[None]:
    """Show the error that the block is going to raise, and go on. Another error passes through.

    One that is a kind of the expected error says so. What the block began and never
    awaited goes with the error, and no warning of it comes later.
    """
    try:
        yield
    except error as caught:
        let_go(caught)
        name, told = type(caught).__name__, _told(caught)
        kind = "" if type(caught) is error else f" ({_a(error.__name__)})"
        shown = f"**{name}**{kind}: {escape(told, quote=False)}"
        display(Note(shown, plain=f"{name}{kind}: {told}"))
    else:
        display(Note(f"No error came, and **{error.__name__}** was expected. Is an `await` missing?"))


def value_or_error(call: Callable[[], object]) -> object:
    """What a call gives, or the error that it raises."""
    try:
        return call()
    except Exception as error:
        let_go(error)
        return error


def show_source(pattern: Callable[..., Any] | type) -> Source:
    """The lines of a function or class of the library, read from its file."""
    module = inspect.getmodule(pattern)
    place = f"{module.__name__.replace('.', '/')}.py" if module else "this notebook"
    return Source(place, inspect.getsource(pattern).rstrip())


async def open_both() -> list[AsyncEngine]:
    """Engines on two fresh databases with the sample people: SQLite, and PostgreSQL where it can start."""
    engines = [await open_database("sqlite")]
    try:
        engines.append(await open_database("postgres"))
    except PostgresUnavailable as reason:
        display(Note(f"**Without PostgreSQL**: {reason} The lesson goes on with SQLite alone."))
    return engines


def own_postgres() -> Server | None:
    """A PostgreSQL server for this notebook alone, to be killed at will; None, and a word why, where none can start."""
    try:
        return Server.own()
    except PostgresUnavailable as reason:
        display(Note(f"**Without PostgreSQL**: {reason} The next cells have nothing to show."))
        return None


def own_pair() -> Pair | None:
    """A primary and its standby for this notebook alone; None, and a word why, where none can start."""
    try:
        return Pair.own()
    except PostgresUnavailable as reason:
        display(Note(f"**Without PostgreSQL**: {reason} The next cells have nothing to show."))
        return None


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _told(error: BaseException) -> str:
    message = without_noise(error)
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"
