"""The two commands of the README work, and the lists of what the kit needs say the same."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml
from kit_copies import copy_of_the_kit, with_our_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from processes import assert_all_end, only_posix, outside_make, processes_of, started, wait_for

from course_lib.school.kit_files import ROOT
from course_lib.school.program import cli
from course_lib.school.program.for_everybody import FIRST_LESSON, every_step

OFFLINE = {"PIP_NO_INDEX": "1", "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def project() -> Any:
    return tomllib.loads(read("pyproject.toml"))["project"]


def pins(name: str) -> list[str]:
    """The pinned lines of a list, without their hashes."""
    return re.findall(r"^[^\s#].*?(?= *\\?$)", read(name), flags=re.MULTILINE)


def versions(name: str) -> dict[str, list[str]]:
    """The exact versions of each package; there are several where systems or Pythons need different ones."""
    found: dict[str, list[str]] = {}
    for pin in map(Requirement, pins(name)):
        found.setdefault(pin.name, []).append(str(pin.specifier).removeprefix("=="))
    return found


@pytest.mark.parametrize(
    "needed", [Requirement(line) for line in project()["dependencies"]], ids=lambda needed: needed.name
)
def test_the_lock_has_what_pyproject_asks_for(needed: Requirement) -> None:
    locked = versions("requirements.lock").get(needed.name, [])
    assert locked
    assert all(needed.specifier.contains(version) for version in locked)


def test_every_locked_package_is_pinned_and_has_hashes() -> None:
    entries = re.split(r"\n(?=\S)", read("requirements.lock").strip())
    assert [
        entry for entry in entries if not re.match(r"[a-z0-9-]+==\S+.*( \\\n +--hash=sha256:\w{64})+$", entry)
    ] == []


def test_the_constraints_of_conda_are_the_lock() -> None:
    assert pins("constraints.txt") == pins("requirements.lock")


@pytest.mark.parametrize(("machine", "wanted"), [("x86_64", "<26"), ("arm64", ">=26")])
def test_a_mac_of_each_kind_gets_bindings_that_have_a_wheel_for_it(machine: str, wanted: str) -> None:
    """argon2-cffi-bindings has wheels for Intel processors up to 25.1 (PyPI's list of its files)."""
    mac = {"sys_platform": "darwin", "platform_machine": machine}
    every = [Requirement(pin) for pin in pins("requirements.lock")]
    found = [each for each in every if each.name == "argon2-cffi-bindings"]
    (chosen,) = [each for each in found if not each.marker or each.marker.evaluate(mac)]
    assert SpecifierSet(wanted).contains(str(chosen.specifier).removeprefix("=="))


def test_the_slow_parser_generator_stays_out() -> None:
    assert [pin for pin in pins("requirements.lock") if pin.startswith("rfc3987-syntax")] in (
        [],
        ["rfc3987-syntax==1.1.0 ; sys_platform == 'never'"],
    )


@pytest.mark.parametrize(
    "name",
    [
        "requirements.lock",
        "constraints.txt",
        "environment.yml",
        "Makefile",
        ".ci/run",
        "notebooks/site/requirements.lock",
    ],
)
def test_no_list_names_a_host(name: str) -> None:
    assert re.findall(r"://|(?<!emit-)index-url|find-links|trusted-host", read(name)) == []


def test_conda_gets_the_same_python_and_the_project_itself() -> None:
    python, *packages, from_pip = yaml.safe_load(read("environment.yml"))["dependencies"]
    one = re.fullmatch(r"python =(3\.\d+)", python)  # repo2docker takes no range
    assert one
    assert SpecifierSet(project()["requires-python"]).contains(one[1])
    assert packages == ["pip"]
    assert from_pip == {"pip": ["--constraint constraints.txt", "--editable ."]}


def test_make_supports_the_pythons_of_pyproject() -> None:
    supported = re.search(r"^SUPPORTED := (.+)$", read("Makefile"), flags=re.MULTILINE)
    allowed = SpecifierSet(project()["requires-python"])
    assert supported
    assert supported[1].split() == [f"3.{minor}" for minor in range(30) if allowed.contains(f"3.{minor}")]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_a_page_names_only_commands_that_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), flags=re.MULTILINE))
    words = {command.__name__ for command in cli.COMMANDS} | {"class"}
    steps = {command.__name__.replace("_", "-") for command in cli.CLASS_COMMANDS}
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", read(page), flags=re.MULTILINE)) <= targets
    assert set(re.findall(r"(?:^|`|/|\\)course ([a-z]+)", read(page), flags=re.MULTILINE)) <= words
    assert set(re.findall(r"course class ([a-z-]+)", read(page))) <= steps
    assert set(re.findall(r"STEPS=([a-z]+)", read(page))) <= set(every_step())


def test_a_version_is_decided_in_one_place_and_repeated_truly() -> None:
    version = project()["version"]
    assert yaml.safe_load(read("CITATION.cff"))["version"] == version
    assert re.findall(r"^## (\S+)", read("CHANGELOG.md"), flags=re.MULTILINE)[0] == version


def test_the_first_two_commands_of_the_readme_are_the_two_commands() -> None:
    assert re.findall(r"^```sh\n(.+)\n```$", read("README.md"), flags=re.MULTILINE) == [
        "make lab",
        "make test",
    ]


def make(kit: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = outside_make() | environment
    return subprocess.run(["make", *words], cwd=kit, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in a folder with a space in its name, with an environment that was built from other lists.

    All packages are in it, so that nothing must be fetched; `make` has to notice, and to install this copy.
    """
    kit = with_our_environment(copy_of_the_kit(tmp_path_factory.mktemp("folder")))
    (kit / ".venv/built").unlink(missing_ok=True)
    (kit / ".venv/built").write_text(f"{kit.resolve()}: other lists")
    return kit


@only_posix
def test_make_lab_opens_the_first_lesson_and_ctrl_c_ends_all_of_it(kit: Path, tmp_path: Path) -> None:
    where = {"COURSE_CACHE": str(tmp_path / "cache"), **OFFLINE}
    with started("make", "lab", folder=kit, **where) as (shell, address):
        assert f"/my_course/{FIRST_LESSON}" in address
        assert httpx.get(address, follow_redirects=True).status_code == 200
        there = processes_of(shell)
        assert any(str(kit / ".venv") in " ".join(process.cmdline()) for process in there)
        os.killpg(shell.pid, signal.SIGINT)
        assert_all_end(there)
    wait_for(lambda: not any(names(process, tmp_path / "cache") for process in psutil.process_iter()))


def names(process: psutil.Process, folder: Path) -> bool:
    try:
        return str(folder) in " ".join(process.cmdline())
    except psutil.Error:
        return False


@only_posix
def test_make_test_runs_the_checks_and_fails_with_them(kit: Path) -> None:
    assert "✓ lint" in make(kit, "test", "STEPS=lint", **OFFLINE).stdout
    (kit / "course_lib/spoilt.py").write_text("import os\n")
    finished = make(kit, "test", "STEPS=lint", **OFFLINE)
    assert finished.returncode != 0
    assert "✗ lint" in finished.stdout


@only_posix
def test_a_second_make_installs_nothing(kit: Path) -> None:
    assert make(kit, "install", **OFFLINE).returncode == 0
    assert make(kit, "install", PATH="/usr/bin:/bin", **OFFLINE).stdout == ""


@only_posix
@pytest.mark.parametrize("built", [None, "/another/folder: 1 2"], ids=["interrupted", "moved"])
def test_an_environment_that_is_not_whole_is_built_anew(kit: Path, built: str | None) -> None:
    stamp = kit / ".venv/built"
    before = stamp.read_text() if stamp.exists() else ""
    stamp.unlink(missing_ok=True)
    if built:
        stamp.write_text(built)
    (kit / "python3.9").write_text("#!/bin/sh\necho Python 3.9.2\nexit 1\n")
    (kit / "python3.9").chmod(0o755)
    finished = make(kit, "install", "PYTHON=./python3.9")
    stamp.write_text(before)
    assert finished.returncode != 0
    assert "need one of Python 3.11 3.12 3.13; ./python3.9 is Python 3.9.2." in finished.stdout


@pytest.mark.network
def test_the_kit_installs_from_nothing(tmp_path: Path) -> None:
    kit = copy_of_the_kit(tmp_path)
    finished = make(kit, "test", "STEPS=lint", f"PYTHON={Path(sys.executable).resolve()}")
    assert finished.returncode == 0, finished.stderr
    assert "No broken requirements found." in finished.stdout


@pytest.mark.network
def test_the_pip_section_of_conda_installs(tmp_path: Path) -> None:
    kit = copy_of_the_kit(tmp_path)
    python = str(kit / "env/bin/python")
    section = yaml.safe_load(read("environment.yml"))["dependencies"][-1]["pip"]
    (kit / "from-conda.txt").write_text("\n".join(section))
    for words in (
        [sys.executable, "-m", "venv", "env"],
        [python, "-m", "pip", "install", "--quiet", "--upgrade", "pip"],
        [python, "-m", "pip", "install", "--quiet", "-r", "from-conda.txt"],
        [python, "-m", "pip", "check"],
        [str(kit / "env/bin/course"), "doctor"],
    ):
        subprocess.run(words, cwd=kit, check=True, env=os.environ | {"COURSE_CACHE": str(tmp_path / "cache")})
