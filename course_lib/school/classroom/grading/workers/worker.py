"""A process that grades: it imports nbgrader once, hears learners' names line by line, and answers each with a line.

What comes back is {"student": "anna", "why": "", "log": "…"}: `why` is empty where all went well. It ends when nobody
speaks to it any more, and takes a learner's notebook that is at work with it.
"""

import ast
import gc
import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

LAST = 60.0
"""Seconds to come to an end, for one who is not heard any more."""


def main() -> None:
    """python -c 'from … import main; main()' LESSON APART, in the course folder."""
    name, apart = sys.argv[1], Path(sys.argv[2])
    answers = _answers_apart()
    students = _heard()
    try:
        grade = _grader(name, apart)
    except BaseException as error:
        _say(answers, student="", why=f"{type(error).__name__}: {error}", log="")
        raise
    _say(answers, student="", why="", log="")
    while student := students.get():
        _say(answers, student=student, **grade(student))


def _answers_apart() -> TextIO:
    """The stream for answers; what any library prints goes where errors go."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _say(answers: TextIO, **told: str) -> None:
    print(json.dumps(told), file=answers, flush=True)


def _heard() -> "queue.SimpleQueue[str]":
    """The names as they come; an empty one where nobody speaks any more."""
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            heard.put(json.loads(line))
        heard.put("")
        _end_what_runs()

    threading.Thread(target=listen, daemon=True).start()
    return heard


def _end_what_runs() -> None:
    from course_lib.school.classroom.grading.running.run_bounded import RunBounded

    timer = threading.Timer(LAST, os._exit, [1])
    timer.daemon = True
    timer.start()
    RunBounded.halt("grading was stopped")


def _grader(name: str, apart: Path) -> Any:
    """A function that grades a learner, and gives what there is to say.

    The mark is set here: what forks the kernels has it, and what learners start; this process has begun without it.
    """
    from course_lib.school.classroom.course_folder import released
    from course_lib.school.classroom.grading.running.kernels import fork_kernels
    from course_lib.school.classroom.grading.running.marked import MARK

    os.environ[MARK] = str(apart)
    fork_kernels([f"course_lib.school.judges.l{name}", *imported_by(released(Path.cwd(), name))])
    from nbgrader.apps.baseapp import NbGrader

    from course_lib.school.classroom.grading.workers.one_learner import Grader
    from course_lib.school.classroom.grading.workers.reasons import reason

    app = NbGrader()
    app.raise_config_file_errors = True
    app.initialize([])
    grader = Grader(app, name, apart)
    gc.freeze()  # what was imported stays: nobody has to look through it again

    def grade(student: str) -> dict[str, str]:
        log = StringIO()
        handler = logging.StreamHandler(log)
        handler.setLevel(logging.INFO)
        app.log.addHandler(handler)
        why = ""
        try:
            grader.grade(student)
        except Exception as error:
            app.log.exception("%s could not be graded", student)
            why = reason(error)
        finally:
            app.log.removeHandler(handler)
        return {"why": why, "log": log.getvalue()}

    return grade


def imported_by(notebook: Path) -> Iterator[str]:
    """The modules that the cells of a notebook import, as far as they can be read."""
    for cell in json.loads(notebook.read_bytes())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and "import " in source:
            for line in ast.walk(ast.parse(source)):
                if isinstance(line, ast.ImportFrom) and line.module:
                    yield line.module
                elif isinstance(line, ast.Import):
                    yield from (each.name for each in line.names)


if __name__ == "__main__":
    main()
