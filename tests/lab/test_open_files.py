"""A file that another program has open is waited for where the system guards it, and nowhere else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from course_lib.lab import open_files
from course_lib.lab.open_files import patiently


def held(times: int, act: Callable[[], Path]) -> tuple[Callable[[], Path], list[int]]:
    """`act`, refused so many times first, as Windows refuses to move a file that is open; and the tries."""
    tries: list[int] = []

    def guarded() -> Path:
        tries.append(len(tries))
        if len(tries) <= times:
            raise PermissionError(13, "The process cannot access the file", "x")
        return act()

    return guarded, tries


def test_a_file_that_is_let_go_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "REFUSED_WHILE_OPEN", True)
    (tmp_path / "draft").write_text("new")
    move, tries = held(3, lambda: (tmp_path / "draft").replace(tmp_path / "whole"))
    assert patiently(move).read_text() == "new"
    assert len(tries) == 4


def test_a_file_that_stays_open_is_told_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "REFUSED_WHILE_OPEN", True)
    monkeypatch.setattr(open_files, "PATIENCE", 0.0)
    move, tries = held(9, Path.cwd)
    with pytest.raises(PermissionError, match="cannot access the file"):
        patiently(move)
    assert len(tries) < 9


def test_elsewhere_a_refusal_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "REFUSED_WHILE_OPEN", False)
    move, tries = held(1, Path.cwd)
    with pytest.raises(PermissionError):
        patiently(move)
    assert len(tries) == 1
