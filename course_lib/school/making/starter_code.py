"""A step that nbgrader does not have: exercises that start from wrong code.

This module is imported only where notebooks are cut, because nbgrader takes a second to import.
"""

from typing import Any

from nbgrader.preprocessors import NbGraderPreprocessor

from course_lib.school.exercises.solutions import GIVEN


class GiveWrongCode(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader ships no types
    """Puts the code of a cell tagged `given` in the place of the stub, in the answer cell before it.

    It runs behind ClearSolutions, which writes the stub, and before the tagged cells are removed.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        answer = None
        for cell in nb.cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                answer = cell
            elif GIVEN in cell.metadata.get("tags", []):
                if answer is None:
                    raise ValueError(f"no answer cell stands before the given code:\n{cell.source}")
                answer.source, answer = code_of(cell.source), None
        return nb, resources


def code_of(wrong_answer: str) -> str:
    """A wrong answer without its first line, which names the misconception, and its last, which checks it."""
    lines = wrong_answer.strip().split("\n")
    if not (lines[0].startswith("# Wrong: ") and lines[-1].startswith("await check(")):
        raise ValueError(
            f"given code starts with a line `# Wrong: NAME` and ends with `await check(…)`:\n{wrong_answer}"
        )
    return "\n".join(lines[1:-1]).strip()
