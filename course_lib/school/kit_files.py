"""Where the kit's own files lie: it is installed in place, so its notebooks lie beside its library."""

import os
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
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
