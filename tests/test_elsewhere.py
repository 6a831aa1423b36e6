"""A development container and Binder do what README tells people to do, and open the first lesson."""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import yaml
from packaging.specifiers import SpecifierSet
from processes import only_posix, started
from test_workflows import commands

from course_lib.school.kit_files import ROOT
from course_lib.school.learner import places
from course_lib.school.program.doctor import PORTS
from course_lib.school.program.for_everybody import FIRST_LESSON

POST_BUILD = (ROOT / ".binder/postBuild").read_text("utf-8")


def container() -> Any:
    text = (ROOT / ".devcontainer/devcontainer.json").read_text("utf-8")
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def test_what_the_readme_calls_a_place_is_a_line_at_its_foot() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    foot = re.findall(r"^\[(\w+)\]: ", readme, flags=re.MULTILINE)
    assert foot == ["binder", "codespace", "site"]
    assert set(re.findall(r"\]\[(\w+)\]", readme)) <= set(foot)


def test_a_container_makes_the_copy_and_opens_the_lesson() -> None:
    assert container()["postCreateCommand"] == "make install && .venv/bin/course start"
    assert container()["postAttachCommand"] == ".venv/bin/course lab"
    assert container()["forwardPorts"] == [PORTS[0]]


def test_each_place_has_a_python_that_the_kit_supports() -> None:
    allowed = SpecifierSet(
        tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    )
    packages = yaml.safe_load((ROOT / ".binder/environment.yml").read_text("utf-8"))["dependencies"]
    versions = [container()["image"].removeprefix("python:"), packages[0].removeprefix("python =")]
    assert [version for version in versions if not allowed.contains(version)] == []


def test_binder_installs_what_everybody_else_does() -> None:
    typed = [
        line.removeprefix(".venv\\Scripts\\") for line in commands(ROOT / ".github/workflows/checks.yml")
    ]
    installing = {line for line in typed if line.startswith("pip install")}
    plain = re.sub(r" --quiet| --no-cache-dir", "", POST_BUILD)
    assert len(installing) == 2
    assert set(re.findall(r"^pip install .+$", plain, flags=re.MULTILINE)) == installing
    assert "\ncourse start\n" in POST_BUILD


def test_binder_opens_the_first_lesson_of_the_copy() -> None:
    pages = json.loads((ROOT / ".binder/first_page.json").read_text("utf-8"))
    first = f"/lab/tree/{places.NAME}/{FIRST_LESSON}"
    assert {page["default_url"] for page in pages.values()} == {first}
    assert set(pages) == {"LabApp", "JupyterNotebookApp"}


@only_posix
def test_a_codespace_may_talk_to_its_server_and_no_other_page_may(tmp_path: Path) -> None:
    """Its page has another origin than the server is told, and what is no token's request is judged by that."""
    own = {
        "JUPYTER_CONFIG_PATH": str(ROOT / ".devcontainer"),
        "CODESPACE_NAME": "quiet-river",
        "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "forwarded.test",
    }
    words = (sys.executable, "-m", "course_lib.school.program.cli", "lab", "--dir", "copy", "--no-browser")
    with started(*words, folder=tmp_path, **own) as (_, address), httpx.Client(follow_redirects=True) as page:
        page.get(address).raise_for_status()
        status = f"{address.partition('/lab/')[0]}/api/status"
        answers = {
            name: page.get(status, headers={"Origin": f"https://{name}"}).status_code
            for name in (
                "quiet-river-8888.forwarded.test",
                "other-8888.forwarded.test",
                "quiet-river-8888.else.test",
            )
        }
    assert list(answers.values()) == [200, 404, 404]
