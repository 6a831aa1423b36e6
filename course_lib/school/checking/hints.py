"""The hints of an exercise, one at a time: where to look, which idea, a skeleton, and in the end the solution."""

from IPython.display import display

from course_lib.lab.markdown_note import Note
from course_lib.lab.run_apart import run_apart
from course_lib.school.checking.memory import kept_progress, memory, not_kept
from course_lib.school.exercises.solutions import Exercise, UnknownExercise, find, without_marks
from course_lib.school.learner.progress import ProgressUnavailable


def hint(exercise: str) -> None:
    """The next hint: where to look, which idea, a skeleton, and in the end the solution with its reason."""
    try:
        found = find(exercise)
    except UnknownExercise as error:
        display(Note(str(error)))
        return
    number, remarks = run_apart(_next_hint(found.id))
    display(Note("\n\n".join([_words_of_hint(found, number), *remarks])))


async def _next_hint(exercise: str) -> tuple[int, list[str]]:
    try:
        return await kept_progress().note_hint(exercise), []
    except ProgressUnavailable as error:
        return await memory.note_hint(exercise), [not_kept(error)]


def _words_of_hint(exercise: Exercise, number: int) -> str:
    if number <= len(exercise.hints):
        last = "\n\nThe next call shows the solution." if number == len(exercise.hints) else ""
        return f"**Hint {number} of {len(exercise.hints)}.** {exercise.hints[number - 1]}{last}"
    return f"**The solution.**\n\n```python\n{without_marks(exercise.answer)}\n```\n\n{exercise.reason}"
