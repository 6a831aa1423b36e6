"""Where the kit's own files lie: it is installed in place, so its notebooks lie beside its library."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
"""The lessons."""
SOLUTIONS = NOTEBOOKS / "solutions"
EXERCISES = NOTEBOOKS / "exercises"
TEACHING = NOTEBOOKS / "teaching"
COURSE = NOTEBOOKS / "course.toml"
"""The list of lessons and words."""
