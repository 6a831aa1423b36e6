"""What was tried and hinted: in the learner's progress, or, where that is out of reach, until the kernel ends."""

import os
from collections import Counter

from course_lib.school.exercises.outcomes import NOT_YET, PASSED
from course_lib.school.learner import copies
from course_lib.school.learner.progress import LAST_HINT, Progress, ProgressUnavailable, progress_of


class Memory:
    """Keeps count until the kernel ends: where there is no copy of a learner's own, or its file is out of reach."""

    def __init__(self) -> None:
        self.failed: Counter[str] = Counter()
        self.hints: Counter[str] = Counter()

    async def record(self, exercise: str, outcome: str, misconception: str | None) -> None:
        self.failed[exercise] = 0 if outcome == PASSED else self.failed[exercise] + (outcome == NOT_YET)

    async def failed_tries(self, exercise: str) -> int:
        return self.failed[exercise]

    async def hints_shown(self, exercise: str) -> int:
        return self.hints[exercise]

    async def note_hint(self, exercise: str) -> int:
        self.hints[exercise] = min(self.hints[exercise] + 1, LAST_HINT)
        return self.hints[exercise]


memory = Memory()


def kept_progress() -> Progress | Memory:
    folder = copies.find()
    graded = "NBGRADER_EXECUTION" in os.environ  # by a teacher, in whatever folder
    return memory if folder is None or graded else progress_of(folder)


def not_kept(error: ProgressUnavailable) -> str:
    return f"This was not kept: {error}"
