"""Where the kit's own files lie, by their names: in its repository, or where a wheel has put them."""

import os
import sysconfig
from pathlib import Path

from course_lib.lab.kit_root import PACKAGE, kit_root

ROOT = kit_root()
IS_REPOSITORY = kit_root() == PACKAGE.parent
"""False where a wheel was installed: it has the lessons, and not what they are made and tested with."""
NOTEBOOKS = ROOT / "notebooks"
"""The lessons."""
SOLUTIONS = NOTEBOOKS / "solutions"
EXERCISES = NOTEBOOKS / "exercises"
TEACHING = NOTEBOOKS / "teaching"
COURSE = NOTEBOOKS / "course.toml"
"""The list of lessons and words."""
PROGRAMS = Path(sysconfig.get_path("scripts"))
"""`course`, `jupyter` and `alembic` of this environment."""


def own_programs_first() -> str:
    """The search path with this environment's programs in front."""
    return os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", os.defpath)])
