"""The program `course`: opens the lessons, keeps a learner's copy, serves a class, tests the kit."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from course_lib.lab.classroom import ClassroomError
from course_lib.lab.commands import kit, learner, teacher
from course_lib.lab.commands.asking import refuse
from course_lib.lab.course import UnknownLesson
from course_lib.lab.doctor import PORTS
from course_lib.lab.release import CannotCut
from course_lib.lab.study.progress import ProgressUnavailable
from course_lib.lab.workspace import WorkspaceError

MISTAKES = (WorkspaceError, ClassroomError, ProgressUnavailable, CannotCut, UnknownLesson)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that has no ✓ shows ? instead of failing
    options = vars(_parser().parse_args((sys.argv[1:] if words is None else words) or ["--help"]))
    command = options.pop("command")
    try:
        status = int(command(**options))
        sys.stdout.flush()
        return status
    except MISTAKES as error:
        return refuse(str(error))
    except BrokenPipeError:  # `course progress | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130  # what a shell expects of a program ended by Ctrl-C


def _step(name: str) -> str:
    if name not in kit.STEPS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(kit.STEPS)}")
    return name


Arguments = Mapping[str, Mapping[str, Any]]
Commands = Mapping[Callable[..., int], Arguments]

HERE: Arguments = {
    "folder": {"nargs": "?", "type": Path, "metavar": "DIR", "help": "your copy (my_course beside the kit)"}
}
THERE: Arguments = {
    "--dir": {"dest": "folder", "type": Path, "metavar": "DIR", "help": "your copy, if it is elsewhere"}
}
COURSE: Arguments = {"folder": {"type": Path, "metavar": "DIR", "help": "the course folder"}}
LESSON: Arguments = {"lesson": {"metavar": "NN", "help": "the lesson, such as 07"}}
JSON: Arguments = {"--json": {"dest": "as_json", "action": "store_true", "help": "for a program to read"}}

COMMANDS: Commands = {
    kit.lab: {
        **THERE,
        "--port": {"type": int, "default": PORTS[0], "help": "the first port to try (%(default)s)"},
        "--no-browser": {"action": "store_true", "help": "print the address, open no browser"},
    },
    learner.start: HERE,
    learner.update: THERE,
    learner.reset: {
        "what": {"metavar": "NN", "help": "07 for the exercises of a lesson, 07.2 for one exercise"},
        "--lesson": {"action": "store_true", "help": "the lesson itself, not its exercises"},
        **THERE,
    },
    learner.exercises: {**JSON, **THERE},
    learner.progress: THERE,
    learner.review: THERE,
    teacher.slides: {
        **LESSON,
        "folder": {"nargs": "?", "type": Path, "default": Path("slides"), "metavar": "DIR", "help": "slides"},
    },
    kit.test: {"steps": {"nargs": "*", "type": _step, "metavar": "STEP", "help": ", ".join(kit.STEPS)}},
    kit.doctor: JSON,
    kit.serve: {"--port": {"type": int, "default": 8000, "help": "where to listen (%(default)s)"}},
    teacher.cut: {"lesson": {"nargs": "?", "metavar": "NN", "help": "one lesson alone"}},
}
CLASS_COMMANDS: Commands = {
    teacher.init: COURSE,
    teacher.release: {**COURSE, **LESSON},
    teacher.collect: {
        **COURSE,
        **LESSON,
        "source": {"type": Path, "metavar": "FROM", "help": "a folder or a zip with learners' notebooks"},
    },
    teacher.grade: {
        **COURSE,
        **LESSON,
        "--again": {"action": "store_true", "help": "also those that are graded"},
    },
    teacher.report: {**COURSE, **LESSON},
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course", description="Database patterns, in lessons you run.")
    words = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    _add(words, COMMANDS)
    teaching = words.add_parser(
        "class", help="serve a class with nbgrader", description="A class, step by step."
    )
    _add(teaching.add_subparsers(required=True, metavar="STEP", title="steps"), CLASS_COMMANDS)
    return parser


def _add(words: Any, commands: Commands) -> None:
    for command, arguments in commands.items():
        word = words.add_parser(command.__name__, help=command.__doc__, description=command.__doc__)
        word.set_defaults(command=command)
        for name, options in arguments.items():
            word.add_argument(name, **options)


if __name__ == "__main__":
    sys.exit(main())
