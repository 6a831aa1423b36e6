"""A wheel carries the lessons, and `course` works from it; hatchling builds it as pip would, without the network."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from course_lib.school.kit_files import ROOT

FOLDERS = ("notebooks", "migrations")
LEFT_OUT = ("notebooks/pictures/", "notebooks/site/", "ruff.toml")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    [wheel] = place.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def unpacked(wheel: Path) -> Path:
    """What pip would put into site-packages."""
    place = wheel.parent / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def inside(wheel: Path, folder: str) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name.removeprefix(folder) for name in archive.namelist() if name.startswith(folder)}


def committed() -> set[str]:
    """What git knows of, or would take in."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.splitlines() if (ROOT / name).is_file()}


def test_a_wheel_carries_lessons_and_migrations_and_nothing_that_git_ignores(wheel: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the kit is no repository")
    wanted = {name for name in committed() if not any(each in name for each in LEFT_OUT)}
    assert inside(wheel, "course_lib/_kit/") == wanted | {"pyproject.toml"}


def test_a_wheel_has_the_package_the_licence_and_no_tests(wheel: Path) -> None:
    names = inside(wheel, "")
    assert {"course_lib/app.py", "course_lib/school/program/terminal.bashrc"} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"course_lib"}


def course(unpacked: Path, *words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run `course` from the unpacked wheel, with the packages of this environment behind it."""
    own = os.environ | {"PYTHONPATH": str(unpacked), "HOME": str(folder), "USERPROFILE": str(folder)}
    words = (sys.executable, "-P", "-m", "course_lib.school.program.cli", *words)
    return subprocess.run(words, cwd=folder, env=own, capture_output=True, encoding="utf-8", check=False)


def test_a_copy_is_made_at_home(unpacked: Path, tmp_path: Path) -> None:
    done = course(unpacked, "start", folder=tmp_path)
    assert done.stderr == ""
    assert done.stdout.startswith(f"{tmp_path / 'my_course'}: your copy, with 18 lessons")
    assert len(list((tmp_path / "my_course").glob("[0-9]*.ipynb"))) == 18


def test_exercises_are_listed_and_handed_out(unpacked: Path, tmp_path: Path) -> None:
    assert "89 exercises" in course(unpacked, "exercises", folder=tmp_path).stdout
    assert course(unpacked, "class", "init", "my_class", folder=tmp_path).returncode == 0
    assert len(list((tmp_path / "my_class/source").iterdir())) == 17


@pytest.mark.parametrize("word", ["test", "cut"])
def test_what_needs_the_repository_says_so(unpacked: Path, tmp_path: Path, word: str) -> None:
    done = course(unpacked, word, folder=tmp_path)
    assert done.returncode == 1
    assert f"`course {word}` works on the kit's repository" in done.stderr
