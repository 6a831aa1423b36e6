"""What a lesson tells once a prediction is revealed: a page for each lesson, and a section for each question.

These words are no part of the notebooks, where a reader would meet them ahead of the result.
"""

import re
from pathlib import Path

from course_lib.lab.kit_root import kit_root

FOLDER = kit_root() / "notebooks" / "explanations"
SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)


def explanation_of(question: str, folder: Path = FOLDER) -> str:
    """The Markdown below the heading that is the question; nothing where no page has it."""
    pages = (sections(page) for page in sorted(folder.glob("*.md")))
    return next((page[question] for page in pages if question in page), "")


def sections(page: Path) -> dict[str, str]:
    """The explanations of one page, by their questions."""
    _, *parts = SECTION.split(page.read_text(encoding="utf-8"))
    return {asked.strip(): told.strip() for asked, told in zip(parts[::2], parts[1::2], strict=True)}
