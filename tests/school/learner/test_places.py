"""A learner's copy lies beside a kit of one's own, and at home where the kit is there for many."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from other_users import NOBODY, UNKNOWN, folder_for_all, needs_root, told_as
from processes import only_posix

from course_lib.school.learner.places import is_shared, left_beside, may_write, own_copy

IMPORTS = "from pathlib import Path; from course_lib.school.learner.places import may_write, own_copy"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own, and no hub around this run of the tests."""
    for name in ("JUPYTERHUB_USER", "JUPYTERHUB_SERVICE_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def kit() -> Iterator[Path]:
    with folder_for_all() as folder:
        (folder / "kit").mkdir()
        yield folder / "kit"


def test_beside_a_kit_of_ones_own(kit: Path) -> None:
    assert not is_shared(kit)
    assert own_copy(kit) == kit / "my_course"


@pytest.mark.parametrize("variable", ["JUPYTERHUB_USER", "JUPYTERHUB_SERVICE_PREFIX"])
def test_at_home_on_a_hub(kit: Path, home: Path, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "/user/anna/")
    assert own_copy(kit) == home / "my_course"


def test_an_empty_variable_is_no_hub(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "")
    assert own_copy(kit) == kit / "my_course"


@needs_root
def test_for_root_beside_the_kit_of_a_laptop_that_a_container_shares(kit: Path) -> None:
    os.chown(kit, NOBODY, -1)
    assert own_copy(kit) == kit / "my_course"


@needs_root
@pytest.mark.parametrize("mode", [0o555, 0o755, 0o777], ids=oct)
def test_at_home_where_root_installed_the_kit(kit: Path, mode: int) -> None:
    kit.chmod(mode)
    told = told_as(NOBODY, f"print(own_copy(Path({str(kit)!r})))", imports=IMPORTS, HOME="/home/anna")
    assert told == "/home/anna/my_course\n"


@only_posix
def test_at_home_where_ones_own_kit_may_not_be_written(kit: Path, home: Path) -> None:
    kit.chmod(0o555)
    if os.geteuid() == 0:  # root may write everywhere, and becomes somebody who may not
        os.chown(kit, NOBODY, -1)
        told = told_as(NOBODY, f"print(own_copy(Path({str(kit)!r})))", imports=IMPORTS, HOME=str(home))
        assert told == f"{home / 'my_course'}\n"
    else:
        assert own_copy(kit) == home / "my_course"


@needs_root
def test_who_has_no_home_is_asked_for_a_folder(kit: Path) -> None:
    code = f"try: own_copy(Path({str(kit)!r}))\nexcept Exception as error: print(type(error).__name__, error)"
    assert told_as(UNKNOWN, code, imports=IMPORTS) == (
        "WorkspaceError The system knows no home of yours. Name a folder for your copy: `course start DIR`.\n"
    )


def test_a_copy_from_before_is_not_forgotten(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (kit / "my_course").mkdir()
    assert left_beside(kit) is None
    monkeypatch.setenv("JUPYTERHUB_USER", "anna")
    assert left_beside(kit) == kit / "my_course"


@only_posix
def test_a_copy_of_somebody_else_is_not_told_as_ones_own(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "anna")
    assert left_beside(kit) is None
    if os.geteuid() == 0:
        (kit / "my_course").mkdir()
        os.chown(kit / "my_course", NOBODY, -1)
        assert left_beside(kit) is None


def test_a_trial_of_writing_leaves_nothing(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert may_write(kit)
    assert not may_write(kit / "gone")
    assert list(kit.iterdir()) == []
