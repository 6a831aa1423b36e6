"""The doctor sees what is wrong with a machine, and says what to do."""

import json
import os
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from course_lib.lab import postgres
from course_lib.school.program import doctor
from course_lib.school.program.doctor import Check, Finding


def run(name: str) -> Finding:
    return next(check for check in doctor.CHECKS if check.name == name).run()


def offer_kernel(folder: Path, program: str) -> None:
    """A kernel named python3 that starts `program`, as an older installation leaves it behind."""
    kernel = folder / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [program, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "Old", "language": "python"}))


def test_a_good_machine_gets_a_tick_on_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.report() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines] == ["✓"] * len(doctor.CHECKS)


def test_json_is_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.report(as_json=True) == 0
    findings = json.loads(capsys.readouterr().out)
    assert [finding["name"] for finding in findings] == [check.name for check in doctor.CHECKS]
    assert all(set(finding) == {"name", "ok", "found", "fix"} for finding in findings)


def test_one_cross_is_a_failure_and_shows_its_fix(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Check("disk", lambda: f"{1 / 0}", "buy a disk")
    monkeypatch.setattr(doctor, "examine", lambda: [broken.run()])
    assert doctor.report() == 1
    assert " ".join(capsys.readouterr().out.split()) == "✗ disk division by zero → buy a disk"


def test_a_python_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.python_version", lambda: "3.9.2")
    finding = run("Python")
    assert not finding.ok
    assert "3.9.2" in finding.found


def test_an_old_sqlite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    assert not run("SQLite").ok


def test_a_kernel_of_another_python_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Path(sys.base_prefix) / "bin" / "python3"
    if not other.exists() or sys.prefix == sys.base_prefix:
        pytest.skip("there is no other Python to point to")
    offer_kernel(tmp_path, str(other))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    finding = run("notebook kernel")
    assert not finding.ok
    assert sys.prefix in finding.found


def test_a_kernel_of_a_python_that_is_gone_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_kernel(tmp_path, "/gone/bin/python")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert not run("notebook kernel").ok


def test_a_kernel_in_the_users_folder_does_no_harm_to_course_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_kernel(tmp_path, "/gone/bin/python")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    assert run("notebook kernel").ok


def test_a_missing_postgresql_is_a_cross_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable() -> postgres.Server:
        raise postgres.PostgresUnavailable("there are no programs for this machine")

    monkeypatch.setattr(postgres, "shared", unavailable)
    crosses = [finding for finding in doctor.examine() if not finding.ok]
    assert [finding.name for finding in crosses] == ["PostgreSQL"]
    assert "SQLite" in crosses[0].fix


def test_a_folder_that_cannot_be_written_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "kit"
    place.mkdir(mode=0o500)
    if os.access(place, os.W_OK):  # root may write everywhere, but not into a file
        place.rmdir()
        place.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_COPY", str(place / "my_course"))
    assert not run("write access").ok


def test_a_taken_port_is_no_harm_while_the_next_one_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        monkeypatch.setattr(doctor, "PORTS", range(number, number + 1))
        assert not run("port").ok
        monkeypatch.setattr(doctor, "PORTS", range(number, number + 50))
        assert run("port").ok
