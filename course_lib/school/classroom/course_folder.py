"""The course folder, and nbgrader in it: made from the solutions, one assignment for each lesson."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from course_lib.school.kit_files import own_programs_first
from course_lib.school.making.cutting import solutions, source_for_teachers

SETTINGS = "nbgrader_config.py"
SETTINGS_TEXT = '''"""The settings of nbgrader for this course folder. Your own go below the last line, and win."""

from course_lib.school.classroom.grading.nbgrader_settings import configure

c = get_config()  # noqa: F821
configure(c)
'''
FORMER_MODULE, MODULE = (
    "course_lib.lab.classroom.settings",
    "course_lib.school.classroom.grading.nbgrader_settings",
)
"""Where `configure` was before version 0.2, and where it is now."""


class ClassroomError(Exception):
    """A step of the classroom cannot be taken; the message says why, and what to do first."""


@dataclass(frozen=True)
class Notice:
    """Something a teacher should know about what was handed in. `student` is empty where nobody is named."""

    student: str
    told: str

    def __str__(self) -> str:
        return f"{self.student}: {self.told}" if self.student else self.told


def init(folder: Path) -> list[str]:
    """Make the course folder, and give the lessons that are new in it. What is there already stays as it is."""
    if folder.exists() and not (folder / SETTINGS).is_file() and (folder.is_file() or any(folder.iterdir())):
        raise ClassroomError(f"{folder} is not empty and is no course folder. Name a new one.")
    folder.mkdir(parents=True, exist_ok=True)
    new = [path for path in solutions() if not (folder / "source" / path.stem).exists()]
    for path in new:
        source = folder / "source" / path.stem / path.name
        source.parent.mkdir(parents=True)
        source.write_text(source_for_teachers(path), encoding="utf-8", newline="\n")
    if not (folder / SETTINGS).exists():
        (folder / SETTINGS).write_text(SETTINGS_TEXT, encoding="utf-8", newline="\n")
    return [path.stem for path in new]


def release(folder: Path, lesson: str) -> Path:
    """Cut the learners' notebook of a lesson, and enter its points in the gradebook. Gives the notebook."""
    name = lesson_named(folder, lesson)
    run_nbgrader(folder, "generate_assignment", name, "--force")
    return released(folder, name)


def lesson_named(folder: Path, lesson: str) -> str:
    """The full name of a lesson such as '7', '07' or '07_eager_loading'."""
    if not (folder / SETTINGS).is_file():
        raise ClassroomError(f"{folder} is no course folder. Make one first: {command('init', folder)}")
    names = sorted(path.name for path in (folder / "source").iterdir() if path.is_dir())
    found = [name for name in names if lesson == name or lesson.zfill(2) == name[:2]]
    if len(found) != 1:
        raise ClassroomError(f"{lesson!r} is no lesson of {folder}. There are {', '.join(names) or 'none'}.")
    return found[0]


def released(folder: Path, name: str) -> Path:
    """The notebook that learners got."""
    notebook = folder / "release" / name / f"{name}.ipynb"
    if not notebook.is_file():
        raise ClassroomError(
            f"{name} is not released yet. Release it first: {command('release', folder, name)}"
        )
    return notebook


def command(step: str, folder: Path, *more: str) -> str:
    """The words to type for a step of the classroom, in this course folder; of a lesson its number is enough."""
    place = f'"{folder}"' if " " in str(folder) else str(folder)
    return " ".join(
        ["course class", step, place, *(each[:2] if each[:2].isdigit() else each for each in more)]
    )


def run_nbgrader(folder: Path, *words: str, heard: Callable[[str], object] | None = None) -> str:
    """Run one of nbgrader's commands in the folder and give what it said. Who has `heard` each line, as it comes,
    takes a failure too; otherwise it is one of ours.

    It has a process of its own: it changes the working folder, starts kernels, and calls alembic by its name.
    """
    bring_up_to_date(folder)
    with subprocess.Popen(
        [sys.executable, "-m", "nbgrader", *words], cwd=folder, env=nbgraders_environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
    ) as running:  # fmt: skip
        log = _listen(running, heard or str)
    if running.returncode and not heard:
        raise ClassroomError(f"nbgrader {' '.join(words)} failed:\n{_why(log)}")
    return log


def nbgraders_environment() -> dict[str, str]:
    """The environment of a process in which nbgrader is at work."""
    return os.environ | {"JUPYTER_PREFER_ENV_PATH": "1", "PYTHONUTF8": "1", "PATH": own_programs_first()}


def bring_up_to_date(folder: Path) -> None:
    """A course folder that an older kit made names a module that has moved; all else in it is the teacher's."""
    settings = folder / SETTINGS
    text = settings.read_text("utf-8")
    if FORMER_MODULE in text:
        settings.write_text(text.replace(FORMER_MODULE, MODULE), encoding="utf-8", newline="\n")


def _listen(running: subprocess.Popen[str], heard: Callable[[str], object]) -> str:
    """All that a process says; each line is passed on as it comes."""
    lines = []
    try:
        for line in running.stdout or ():
            lines.append(line)
            heard(line)
    except BaseException:  # Ctrl-C, or an error of the listener: nobody waits for the end
        running.kill()
        raise
    return "".join(lines)


def _why(log: str) -> str:
    """The last lines of a log: nbgrader ends with what went wrong."""
    return "\n".join(log.strip().splitlines()[-8:])
