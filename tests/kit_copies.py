"""Copies of the kit, with an environment that holds all packages, so that nothing has to be fetched."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from course_lib.school.kit_files import ROOT

NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", "__pycache__", ".*_cache", ".ipynb_checkpoints", "course.db*", "my_course", "slides"
)


def copy_of_the_kit(folder: Path) -> Path:
    return shutil.copytree(ROOT, folder / "a kit", ignore=NOT_COPIED)


def with_our_environment(kit: Path) -> Path:
    """The kit, with this environment as its .venv; its programs still point here, and `make` has to notice."""
    if not Path(sys.prefix, "pyvenv.cfg").exists():
        pytest.skip("this environment was not made by make")
    shutil.copytree(sys.prefix, kit / ".venv", symlinks=True, copy_function=link_or_copy)
    return kit


def lay_packages_into(environment: Path) -> None:
    """Put the packages of this environment into an empty one of the same Python, with what they share."""
    packages = Path(sysconfig.get_path("purelib"))
    there = environment / packages.relative_to(sys.prefix)
    shutil.copytree(packages, there, symlinks=True, copy_function=link_or_copy, dirs_exist_ok=True)
    for name in ("share", "etc"):  # JupyterLab writes into these files: they are no links to ours
        shutil.copytree(Path(sys.prefix, name), environment / name, symlinks=True, dirs_exist_ok=True)


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
