"""Modules under the names that they had before version 0.2: notebooks that were written with those keep working.

Each kernel of this environment loads this as an extension of IPython (program/ipython_config.py). In new code, write
the new name.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

NOW = {
    "course_lib.lab.checking": "course_lib.school.checking",
    "course_lib.lab.checks": "course_lib.school.judges",
    "course_lib.lab.checks.migrations": "course_lib.lab.migrating",
    "course_lib.lab.course": "course_lib.school.lessons.course",
    "course_lib.lab.doctor": "course_lib.school.program.doctor",
    "course_lib.lab.exercises": "course_lib.school.exercises.solutions",
    "course_lib.lab.judging": "course_lib.school.attempts",
    "course_lib.lab.judging.served": "course_lib.lab.serving_in_this_loop",
    "course_lib.lab.study": "course_lib.school.learner",
    "course_lib.lab.study.shown": "course_lib.school.learner.progress_shown",
}
"""What learners' notebooks have ever imported, and where it is now."""


class FormerNames(MetaPathFinder, Loader):
    """Finds a module by its former name: a new module object with the names of the one that there is now."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, is_package=True) if fullname in NOW else None

    def exec_module(self, module: ModuleType) -> None:
        now = import_module(NOW[module.__name__])
        vars(module).update((name, thing) for name, thing in vars(now).items() if not name.startswith("__"))


def load_ipython_extension(shell: object) -> None:
    if not any(isinstance(finder, FormerNames) for finder in sys.meta_path):
        sys.meta_path.append(FormerNames())
