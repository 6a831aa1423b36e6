"""Where the kit's own files lie: beside the package in its repository, or inside the package that a wheel installed."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CARRIED = "_kit"
"""The folder that hatch_build.py puts into a wheel: notebooks and migrations under the names of the repository."""


def kit_root(package: Path = PACKAGE) -> Path:
    """The folder in which `notebooks` and `migrations` lie."""
    inside = package / CARRIED
    return inside if inside.is_dir() else package.parent
