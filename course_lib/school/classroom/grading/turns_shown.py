"""How far grading is: in a terminal one line that is drawn again and again, elsewhere a line for each learner."""

import shutil
from collections.abc import Callable, Iterable
from typing import TextIO

BAR = 20
"""The width of the bar."""


class Lines:
    """A line as soon as a learner's turn comes."""

    def __init__(self, students: Iterable[str], tell: Callable[[str], object]) -> None:
        self._students, self._tell = list(students), tell

    def is_graded(self, student: str) -> None:
        self._tell(f"{self._place(student)} is graded, and nothing is new")

    def begins(self, student: str) -> None:
        self._tell(self._place(student))

    def ends(self, student: str, why: str) -> None:
        if why:
            self._tell(f"{student} could not be graded")

    def _place(self, student: str) -> str:
        return f"{self._students.index(student) + 1} of {len(self._students)}: {student}"


class Bar(Lines):
    """One line: how many are done, a bar, and who is at work."""

    def __init__(self, students: Iterable[str], stream: TextIO) -> None:
        super().__init__(students, str)
        self._stream = stream
        self._done, self._at_work = 0, dict[str, None]()

    def is_graded(self, student: str) -> None:
        self._done += 1
        self._draw()

    def begins(self, student: str) -> None:
        self._at_work[student] = None
        self._draw()

    def ends(self, student: str, why: str) -> None:
        self._at_work.pop(student, None)
        self._done += 1
        self._draw()
        if self._done == len(self._students):
            self._stream.write("\n")

    def _draw(self) -> None:
        everybody = len(self._students)
        full = BAR * self._done // everybody
        line = f"{self._done} of {everybody} [{'#' * full}{'.' * (BAR - full)}] {', '.join(self._at_work)}"
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r{line[:width]:<{width}}")
        self._stream.flush()
