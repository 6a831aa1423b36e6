"""What decides that an answer is right: a folder for each lesson, and in it a module for each exercise.

A judge runs the learner's function and looks at what it did: rows, statements, transactions, connections. It never
looks at the source, so that every right style passes.

registry is where each judge enters itself.
"""

from importlib import import_module

from course_lib.school.judges.registry import JUDGES, Judge


def judge_of(exercise: str, lesson: str) -> Judge:
    """The judge of an exercise such as '07.1' in '07_eager_loading'. Its lesson's folder is imported now: a notebook
    needs no other."""
    import_module(f"{__name__}.l{lesson}")
    return JUDGES[exercise]
