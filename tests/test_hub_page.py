"""The page on hubs says what is true: its settings are those of its files, the chart knows them, the sums are right."""

import re
import tomllib
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from course_lib.school.kit_files import ROOT, TEACHING
from course_lib.school.learner.places import NAME
from course_lib.school.program import cli
from course_lib.school.program.for_everybody import FIRST_LESSON, TERMINAL

PAGE = (TEACHING / "hub.md").read_text("utf-8")
VALUES = (TEACHING / "hub_values.yaml").read_text("utf-8")
CHART, HUB_OF_CHART = "4.4.0", "5.5.0"
"""The release of the chart that was looked at, and the JupyterHub in it, as its changelog says."""


def fields(**known: Any) -> dict[str, Any]:
    """A part of the chart's schema that allows these fields and no other."""
    return {"type": "object", "additionalProperties": False, "properties": known}


MAYBE_TEXT, MAYBE_NUMBER = {"type": ["string", "null"]}, {"type": ["integer", "null"]}
FREE = {"type": "object", "additionalProperties": True}
LIMITS = {"type": ["number", "string", "null"]}
SCHEMA = fields(
    hub=fields(config=FREE),
    singleuser=fields(
        image=fields(name={"type": "string"}, tag={"type": "string"}) | {"required": ["name", "tag"]},
        cmd={"type": ["array", "string", "null"]},
        defaultUrl=MAYBE_TEXT,
        extraEnv={"type": ["object", "array"]},
        memory=fields(limit=LIMITS, guarantee=LIMITS),
        cpu=fields(limit={"type": ["number", "null"]}, guarantee={"type": ["number", "null"]}),
        storage=fields(
            type={"enum": ["dynamic", "static", "none"]},
            homeMountPath={"type": "string"},
            capacity=MAYBE_TEXT,
        )
        | {"required": ["type", "homeMountPath"]},
    ),
    cull=fields(enabled={"type": "boolean"}, every=MAYBE_NUMBER, timeout=MAYBE_NUMBER)
    | {"required": ["enabled"]},
)
"""The keys that our values use, with the types of the chart's own jupyterhub/values.schema.yaml (on GitHub,
jupyterhub/zero-to-jupyterhub-k8s at commit 02dd73df01bdbb6d602fed21b0be12565ab38080, a little older than the release).
helm holds the values against the whole schema of its release before it changes anything."""


@pytest.fixture
def config() -> Config:
    """The settings for one machine, as JupyterHub reads them."""
    return PyFileConfigLoader("hub_config.py", str(TEACHING)).load_config()


@pytest.fixture
def values() -> Any:
    return yaml.safe_load(VALUES)


def block(kind: str) -> str:
    """The text of the page's first block of that kind."""
    found = re.search(rf"^```{kind}\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_the_values_are_what_the_chart_knows(values: Any) -> None:
    jsonschema.validate(values, SCHEMA)


@pytest.mark.parametrize(
    ("text", "spoilt"),
    [
        ("  memory:", "  memories:"),
        ("    limit: 1G", "    limit: [1G]"),
        ('    tag: "1"', "    tag: 1"),
        ("    type: dynamic\n", ""),
        ("  timeout: 3600", "  timeout: an hour"),
    ],
)
def test_values_that_the_chart_does_not_know_are_found(text: str, spoilt: str) -> None:
    assert text in VALUES
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(VALUES.replace(text, spoilt, 1)), SCHEMA)


def test_the_page_shows_the_values_as_they_are() -> None:
    assert block("yaml") == VALUES


def test_a_server_does_the_same_on_one_machine_and_on_kubernetes(config: Config, values: Any) -> None:
    assert values["singleuser"]["cmd"] == config.Spawner.cmd
    assert values["singleuser"]["defaultUrl"] == config.Spawner.default_url
    assert values["singleuser"]["extraEnv"]["COURSE_ROWS"] == config.Spawner.environment["COURSE_ROWS"]
    assert config.Spawner.default_url == f"/lab/tree/{NAME}/{FIRST_LESSON}"
    assert f"user-redirect{config.Spawner.default_url}`" in PAGE


def test_terminals_on_one_machine_read_the_file_of_course_lab(config: Config) -> None:
    [shell] = [word for word in config.Spawner.args if "terminado_settings" in word]
    assert f"'--rcfile', '{TERMINAL}'" in shell


def test_the_versions_are_those_of_the_project_and_of_the_chart() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    [needed] = project["dependency-groups"]["hub"]
    assert f'"{needed}"' in block("sh")
    assert Requirement(needed).specifier.contains(Version("6.1.1"))
    assert f'"jupyterhub=={HUB_OF_CHART}"' in block("dockerfile")
    assert PAGE.count(f"--version {CHART} ") == 1
    assert f"version {CHART};" in VALUES
    left_out = [line.partition(";")[0] for line in project["tool"]["uv"]["override-dependencies"]]
    assert PAGE.count(f"pip uninstall --yes {' '.join(left_out)}\n") == 1
    assert f"pip uninstall --yes {' '.join(left_out)} \\\n" in block("dockerfile")


def test_the_sums_are_right() -> None:
    rows = re.findall(r"30 × (\d+) MB \| ([\d.]+) GB", PAGE)
    assert [30 * int(each) / 1000 for each, _ in rows] == [float(all_) for _, all_ in rows]
    told = [float(number) for number in re.findall(r"\| ([\d.]+) GB \|$", PAGE, flags=re.MULTILINE)]
    assert len(told) == 4
    assert round(sum(told[:3]), 1) == told[3]
    guarantee = int(yaml.safe_load(VALUES)["singleuser"]["memory"]["guarantee"].removesuffix("M"))
    assert f"thirty times {guarantee} MB are {30 * guarantee // 1000} GB" in PAGE


def test_what_the_page_names_is_there() -> None:
    words = {command.__name__ for command in cli.COMMANDS} | {"class", "hub"}
    assert set(re.findall(r"(?:`|!|^)course ([a-z]+)", PAGE, flags=re.MULTILINE)) <= words
    assert {command.__name__ for command in cli.CLASS_COMMANDS} >= set(
        re.findall(r"course class ([a-z]+)", PAGE)
    )
    links = re.findall(r"\]\(([^)#\s]+)\)", PAGE)
    assert [link for link in links if not (TEACHING / link).exists()] == []
    files = re.findall(r"/srv/course/(notebooks/\S+)", PAGE)
    assert files
    assert [name for name in files if not (ROOT / name).exists()] == []
