"""The vote cards, as they stand in the teacher's notes (notebooks/teaching): what a class is asked, and where.

vote_cards(lesson_named("07"))
"""

import re
from dataclasses import dataclass

from course_lib.school.kit_files import TEACHING
from course_lib.school.lessons.course import Lesson

CARD = re.compile(r"^## Vote card \d\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ANSWER = re.compile(r"^Right is [A-D]\b", re.MULTILINE)
SETTLED = re.compile(r"^\*\*Settled by\*\* `([^`]+)` in \*([^*]+)\*", re.MULTILINE)


@dataclass(frozen=True)
class VoteCard:
    """A question with its four choices, and no answer; `code` is a line of the cell in `section` that settles it."""

    question: str
    code: str
    section: str


def vote_cards(lesson: Lesson) -> list[VoteCard]:
    """The cards of a lesson's note. A lesson without a note has none."""
    note = TEACHING / f"{lesson.name}.md"
    return cards_in(note.read_text("utf-8")) if note.exists() else []


def cards_in(note: str) -> list[VoteCard]:
    """The cards of a note that are complete: each says where its answer begins, and which cell settles it."""
    cards = []
    for text in CARD.findall(note):
        answer, settled = ANSWER.search(text), SETTLED.search(text)
        if answer and settled:
            cards.append(VoteCard(text[: answer.start()].strip(), settled[1], " ".join(settled[2].split())))
    return cards
