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
from course_lib.lab.forms import FormNote, asking
from course_lib.lab.markdown_note import Note, without_noise
from course_lib.lab.postgres import PostgresUnavailable, Server

LONGEST_MESSAGE = 300


@dataclass
class Prediction:
    """A question, its choices if it has any, and the answer given so far (None: no answer yet)."""

    question: str
    choices: Sequence[object]
    answer: object

    def reveal(self, actual: object) -> Note:
        """Compare the answer with what happened. Without an answer the lesson goes on."""
        if self.answer is None:
            return Note(
                f"The answer: **{actual}**. You made no guess. Guess before you look: it makes you remember."
            )
        if isinstance(self.answer, str) and isinstance(actual, int | float):
            return Note(f"You said {self.answer!r}. Give a number, without quotes, and run both cells again.")
        if type(self.answer) is type(actual) and self.answer == actual:
            return Note(f"You said {self.answer}, and that is right: **{actual}**.")
        return Note(f"You said {self.answer}. The answer: **{actual}**. What made you expect something else?")

    def _ask(self) -> Note:
        choices = f" Choose from: {', '.join(map(repr, self.choices))}." if self.choices else ""
        if self.answer is None:
            return Note(
                f"**Predict.** {self.question}{choices} Put your answer in place of `None`, run this cell again."
            )
        if self.choices and self.answer not in self.choices:
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
    """Show the error that the block is going to raise, and go on. Another error passes through."""
    try:
        yield
    except error as caught:
        name, told = type(caught).__name__, _told(caught)
        display(Note(f"**{name}**: {escape(told, quote=False)}", plain=f"{name}: {told}"))
    else:
        display(Note(f"No error came, and **{error.__name__}** was expected. Is an `await` missing?"))


def show_source(pattern: Callable[..., Any] | type) -> Note:
    """The lines of a function or class of the library, read from its file."""
    module = inspect.getmodule(pattern)
    place = f"{module.__name__.replace('.', '/')}.py" if module else "this notebook"
    source = inspect.getsource(pattern).rstrip()
    return Note(f"`{place}`\n\n```python\n{source}\n```", plain=f"{place}\n\n{source}")


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


def _told(error: BaseException) -> str:
    message = without_noise(error)
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"
