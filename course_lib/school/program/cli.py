"""The program `course`: opens the lessons, keeps a learner's copy, serves a class, tests the kit."""

import argparse
import codecs
import importlib.metadata
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from course_lib.school.classroom.course_folder import ClassroomError
from course_lib.school.kit_files import IS_REPOSITORY
from course_lib.school.learner.files import ProgressUnavailable, WorkspaceError
from course_lib.school.lessons.course import UnknownLesson
from course_lib.school.making.cutting import CannotCut
from course_lib.school.program import for_everybody, for_learners, for_teachers
from course_lib.school.program.asking import refuse
from course_lib.school.program.doctor import PORTS

MISTAKES = (WorkspaceError, ClassroomError, ProgressUnavailable, CannotCut, UnknownLesson)


PLAIN_SIGNS = {
    "✓": "+",
    "✗": "x",
    "○": "o",
    "→": ">",
    "…": "...",
    "·": "-",
    "─": "-",
    "–": "-",
    "“": '"',
    "”": '"',
}


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    codecs.register_error("plain signs", _plain_sign)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="plain signs")
    options = vars(_parser().parse_args((sys.argv[1:] if words is None else words) or ["--help"]))
    command = options.pop("command")
    if _is_nowhere():
        return refuse("The folder that you are in is gone. Go to another one first: cd ~")
    if command in OF_THE_REPOSITORY and not IS_REPOSITORY:
        return refuse(
            f"`course {command.__name__}` works on the kit's repository; here only its wheel is installed."
        )
    try:
        status = int(command(**options))
        sys.stdout.flush()
        return status
    except MISTAKES as error:
        return refuse(str(error))
    except PermissionError as error:
        place = error.filename or "A file"
        return refuse(f"{place}: {error.strerror}. Go to a folder of your own, or name one, and try again.")
    except BrokenPipeError:  # `course progress | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130  # what a shell expects of a program ended by Ctrl-C


def _plain_sign(error: UnicodeError) -> tuple[str, int]:
    """What stands for a sign that a console has not: a letter where it matters which, or else a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN_SIGNS.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


def _is_nowhere() -> bool:
    try:
        return not Path.cwd().exists()
    except OSError:
        return True


def _step(name: str) -> str:
    steps = for_everybody.every_step()
    if name not in steps:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(steps)}")
    return name


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: one is a number from 1 to 65535")
    return int(text)


Arguments = Mapping[str, Mapping[str, Any]]
Commands = Mapping[Callable[..., int], Arguments]

HERE: Arguments = {
    "folder": {
        "nargs": "?",
        "type": Path,
        "metavar": "DIR",
        "help": "your copy (my_course beside the kit, or in your home)",
    }
}
THERE: Arguments = {
    "--dir": {"dest": "folder", "type": Path, "metavar": "DIR", "help": "your copy, if it is elsewhere"}
}
COURSE: Arguments = {"folder": {"type": Path, "metavar": "DIR", "help": "the course folder"}}
LESSON: Arguments = {"lesson": {"metavar": "NN", "help": "the lesson, such as 07"}}
JSON: Arguments = {"--json": {"dest": "as_json", "action": "store_true", "help": "for a program to read"}}

COMMANDS: Commands = {
    for_everybody.lab: {
        **THERE,
        "--port": {"type": _port, "default": PORTS[0], "help": "the first port to try (%(default)s)"},
        "--no-browser": {"action": "store_true", "help": "print the address, open no browser"},
    },
    for_learners.start: HERE,
    for_learners.update: THERE,
    for_learners.reset: {
        "what": {"metavar": "NN", "help": "07 for the exercises of a lesson, 07.2 for one exercise"},
        "--lesson": {"action": "store_true", "help": "the lesson itself, not its exercises"},
        **THERE,
    },
    for_learners.exercises: {**JSON, **THERE},
    for_learners.progress: {
        "--html": {"type": Path, "metavar": "FILE", "help": "write a page to print or to hand on"},
        "--csv": {"type": Path, "metavar": "FILE", "help": "write a table for a spreadsheet"},
        "--name": {"help": "your name, as it stands there (the name of your login)"},
        **THERE,
    },
    for_learners.review: THERE,
    for_teachers.slides: {
        **LESSON,
        "folder": {"nargs": "?", "type": Path, "default": Path("slides"), "metavar": "DIR", "help": "slides"},
    },
    for_everybody.test: {
        "steps": {
            "nargs": "*",
            "type": _step,
            "metavar": "STEP",
            "help": ", ".join(for_everybody.every_step()),
        }
    },
    for_everybody.doctor: JSON,
    for_everybody.serve: {
        "--port": {"type": _port, "default": 8000, "help": "where to listen (%(default)s)"}
    },
    for_teachers.cut: {"lesson": {"nargs": "?", "metavar": "NN", "help": "one lesson alone"}},
}
OF_THE_REPOSITORY = (for_everybody.test, for_teachers.cut)
CLASS_COMMANDS: Commands = {
    for_teachers.init: COURSE,
    for_teachers.release: {**COURSE, **LESSON},
    for_teachers.collect: {
        **COURSE,
        **LESSON,
        "source": {
            "type": Path,
            "metavar": "FROM",
            "help": "a folder, a zip or a tar of learners' notebooks",
        },
        "--dry-run": {
            "action": "store_true",
            "help": "say what would become of each file, and write nothing",
        },
    },
    for_teachers.grade: {
        **COURSE,
        **LESSON,
        "--again": {"action": "store_true", "help": "also those that are graded"},
    },
    for_teachers.regrade: {**COURSE, **LESSON},
    for_teachers.report: {**COURSE, **LESSON},
    for_teachers.hand_back: {**COURSE, **LESSON},
    for_teachers.status: {
        **COURSE,
        "lesson": {"nargs": "?", "metavar": "NN", "help": "one lesson alone"},
        "--csv": {"type": Path, "metavar": "FILE", "help": "write a table for a spreadsheet, too"},
        "--moodle": {"nargs": "?", "const": "", "metavar": "FILE", "help": "fill Moodle's grading worksheet"},
        "--canvas": {
            "nargs": "?",
            "const": "",
            "metavar": "FILE",
            "help": "fill the gradebook that Canvas exports",
        },
        "--column": {"metavar": "NAME", "help": "the column of that file that takes the points"},
    },
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course", description="Database patterns, in lessons you run.")
    parser.add_argument("--version", action="version", version=importlib.metadata.version("course-lib"))
    words = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    _add(words, COMMANDS)
    teaching = words.add_parser(
        "class", help="serve a class with nbgrader", description="A class, step by step."
    )
    _add(teaching.add_subparsers(required=True, metavar="STEP", title="steps"), CLASS_COMMANDS)
    return parser


def _add(words: Any, commands: Commands) -> None:
    for command, arguments in commands.items():
        word = words.add_parser(
            command.__name__.replace("_", "-"), help=command.__doc__, description=command.__doc__
        )
        word.set_defaults(command=command)
        for name, options in arguments.items():
            word.add_argument(name, **options)


if __name__ == "__main__":
    sys.exit(main())
