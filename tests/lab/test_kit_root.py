"""The kit finds its files in its repository, and in a package that has them inside."""

from pathlib import Path

from course_lib.lab.kit_root import PACKAGE, kit_root


def test_in_the_repository_they_lie_beside_the_package() -> None:
    assert kit_root() == PACKAGE.parent
    assert (kit_root() / "notebooks/course.toml").is_file()


def test_in_a_wheel_they_lie_in_the_package(tmp_path: Path) -> None:
    (tmp_path / "course_lib/_kit").mkdir(parents=True)
    assert kit_root(tmp_path / "course_lib") == tmp_path / "course_lib/_kit"
