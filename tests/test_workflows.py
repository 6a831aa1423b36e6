"""The public checks type what README and CONTRIBUTING tell people to type, on each Python that the kit supports."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from course_lib.school.kit_files import ROOT
from course_lib.school.program.for_everybody import ON_REQUEST

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = [path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
OF_THE_WORKFLOWS_ALONE = {
    'eval "$(conda shell.bash hook)"': "a script has no shell that conda has set up",
    "make install": "what `make test` does first; here something is put in beside it",
    "rm requirements.lock": "or `make lock` would keep the versions in it",
    "git diff --stat -- constraints.txt": "what is newer than in the list",
}
WHOLE_COMMIT = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")

each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)


def steps(workflow: Path) -> list[Any]:
    return [step for job in read(workflow)["jobs"].values() for step in job["steps"]]


def commands(workflow: Path) -> Iterator[str]:
    """Each line that is typed, on the Python that README names."""
    for step in steps(workflow):
        yield from step.get("run", "").replace("${{ matrix.python }}", supported()[-1]).splitlines()


def told() -> set[str]:
    """Every command in README and CONTRIBUTING: in a block of its own, or between backquotes."""
    text = "\n".join((ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md"))
    blocks = re.findall(r"^```\w+\n(.+?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return {*re.findall(r"`([^`\n]+)`", text), *"\n".join(blocks).splitlines()}


def supported() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    allowed = SpecifierSet(project["requires-python"])
    return [f"3.{minor}" for minor in range(30) if allowed.contains(f"3.{minor}")]


@each_workflow
def test_what_is_typed_is_what_people_are_told(workflow: Path) -> None:
    known = told() | set(OF_THE_WORKFLOWS_ALONE)
    assert set(commands(workflow)) - known == set()


def test_windows_types_every_line_of_its_section_but_the_one_that_opens_a_browser() -> None:
    section = (ROOT / "README.md").read_text("utf-8").partition("### Windows")[2]
    lines = section.partition("```bat\n")[2].partition("```")[0].splitlines()
    typed = list(commands(ROOT / ".github/workflows/checks.yml"))
    begin = typed.index(lines[0])
    assert typed[begin : begin + len(lines)] == [*lines[:-1], lines[-1].replace("course lab", "course test")]
    assert lines[-1].endswith("course lab")


def test_three_systems_run_on_each_supported_python() -> None:
    jobs = read(ROOT / ".github/workflows/checks.yml")["jobs"]
    matrix = jobs["make"]["strategy"]["matrix"]
    assert matrix["python"] == jobs["windows"]["strategy"]["matrix"]["python"] == supported()
    systems = {*matrix["system"], jobs["windows"]["runs-on"]}
    assert {name.partition("-")[0] for name in systems} == {"ubuntu", "macos", "windows"}
    assert {each["system"] for each in matrix["include"]} == {"ubuntu-24.04-arm", "macos-15-intel"}
    assert {each["python"] for each in matrix["include"]} <= set(supported())


def test_the_newest_versions_are_tried_on_each_supported_python() -> None:
    newest = read(ROOT / ".github/workflows/newest.yml")
    assert newest["jobs"]["newest"]["strategy"]["matrix"]["python"] == supported()
    assert newest["on"]["schedule"]


def test_only_steps_that_are_there_can_be_asked_for() -> None:
    asked = read(ROOT / ".github/workflows/on_request.yml")["on"]["workflow_dispatch"]["inputs"]["step"]
    assert set(ON_REQUEST) <= set(asked["options"])


@each_workflow
def test_a_workflow_may_read_and_no_more_and_no_two_run_at_once(workflow: Path) -> None:
    whole = read(workflow)
    assert whole["permissions"] == {"contents": "read"}
    assert whole["concurrency"]["group"]
    assert "secrets." not in workflow.read_text("utf-8")
    assert all("timeout-minutes" in job and "permissions" not in job for job in whole["jobs"].values())


@each_workflow
def test_each_action_is_a_commit_with_its_version_beside_it(workflow: Path) -> None:
    used = re.findall(r"uses: (.+)", workflow.read_text("utf-8"))
    assert used
    assert [
        line for line in used if not re.fullmatch(WHOLE_COMMIT.pattern + r" # v\d+\.\d+\.\d+", line)
    ] == []


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_an_issue_asks_what_doctor_says(form: Path) -> None:
    asked = {field["id"]: field for field in read(form)["body"]}
    assert "course doctor --json" in asked["doctor"]["attributes"]["label"]
    assert asked["doctor"]["validations"]["required"] == "true"
