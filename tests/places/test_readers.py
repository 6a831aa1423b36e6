"""`course test places`: other people's programs read our files as they will elsewhere, and Binder's place is built.

No container is started: repo2docker and the development container's program need Docker for that, and only read here.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from environments import environment, run
from processes import only_posix, started

from course_lib.lab.postgres.os_account import cache
from course_lib.school.kit_files import ROOT

pytestmark = pytest.mark.places

READ_BY_BINDER = """
import json, sys
from repo2docker.app import Repo2Docker

app = Repo2Docker()
packs = [kind(app.base_image) for kind in app.buildpacks]
pack = next(pack for pack in packs if pack.detect())
print(json.dumps([type(pack).__name__, pack.python_version, pack.get_post_build_scripts()]))
"""
SCHEMAS = {
    "vendor.github-workflows": ".github/workflows/*.yml",
    "custom.github-workflows-require-timeout": ".github/workflows/*.yml",
    "vendor.github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "vendor.github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "vendor.dependabot": ".github/dependabot.yml",
    "vendor.citation-file-format": "CITATION.cff",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("places")


@pytest.fixture(scope="module")
def repository(folder: Path) -> Path:
    """What a place gets: the files that git knows of, as they stand here."""
    place = folder / "course"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place / name)
    return place


@pytest.fixture(scope="module")
def repo2docker(folder: Path) -> Path:
    return environment(folder / "repo2docker", "jupyter-repo2docker")


@pytest.fixture(scope="module")
def check_jsonschema(folder: Path) -> Path:
    return environment(folder / "check-jsonschema", "check-jsonschema")


def read_by_binder(programs: Path, place: Path) -> Any:
    return json.loads(run(programs / "python", "-c", READ_BY_BINDER, folder=place).splitlines()[-1])


def test_binder_finds_its_python_and_what_to_run_afterwards(repo2docker: Path, repository: Path) -> None:
    assert read_by_binder(repo2docker, repository) == ["CondaBuildPack", "3.12", [".binder/postBuild"]]


def test_repo2docker_reads_the_file_of_conda_too(repo2docker: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "environment.yml", tmp_path)
    assert read_by_binder(repo2docker, tmp_path) == ["CondaBuildPack", "3.12", []]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_each_file_is_of_the_form_that_its_reader_wants(check_jsonschema: Path, schema: str) -> None:
    files = [str(path) for path in sorted(ROOT.glob(SCHEMAS[schema]))]
    assert files
    run(check_jsonschema / "check-jsonschema", "--builtin-schema", schema, *files, folder=ROOT)


def test_whoever_converts_citations_accepts_ours(folder: Path) -> None:
    programs = environment(folder / "cffconvert", "cffconvert")
    assert "valid" in run(programs / "cffconvert", "--validate", "-i", ROOT / "CITATION.cff", folder=folder)
    assert "@misc" in run(programs / "cffconvert", "-f", "bibtex", "-i", ROOT / "CITATION.cff", folder=folder)


@only_posix
def test_the_container_is_read_by_its_own_program(folder: Path, repository: Path) -> None:
    """It asks Docker whether such a container runs already; `true`, in Docker's place, says that none does."""
    place = folder / "devcontainer"
    place.mkdir()
    run("npm", "install", "--silent", "--prefix", place, "@devcontainers/cli", folder=place)
    program = place / "node_modules/.bin/devcontainer"
    words = ("read-configuration", "--docker-path", "true", "--workspace-folder", str(repository))
    done = subprocess.run([program, *words], cwd=place, capture_output=True, text=True, check=True)
    read = json.loads(done.stdout)["configuration"]
    assert (read["image"], read["postAttachCommand"]) == ("python:3.12", ".venv/bin/course lab")
    assert read["containerEnv"] == {"JUPYTER_CONFIG_PATH": "/workspaces/course/.devcontainer"}


@only_posix
@pytest.mark.parametrize("program", ["lab", "notebook"])
def test_what_binder_builds_opens_the_first_lesson(built: Path, repository: Path, program: str) -> None:
    """A hub starts one program or the other, below an address of its own."""
    words = ("--allow-root", "--no-browser", "--ServerApp.base_url=/user/x/", "--ServerApp.token=t")
    own = {"PATH": f"{built}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": "", "COURSE_CACHE": str(cache())}
    with started(str(built / "jupyter"), program, *words, folder=repository, **own) as (_, address):
        base = address.partition("/user/x/")[0]
        page = httpx.get(f"{base}/user/x/?token=t", follow_redirects=True)
    assert page.status_code == 200
    assert page.url.path == "/user/x/lab/tree/my_course/00_start_here.ipynb"


@pytest.fixture(scope="module")
def built(folder: Path, repository: Path) -> Path:
    """The programs of an environment, in place of conda's, in which `.binder/postBuild` was run."""
    programs = environment(folder / "binder", "pip")
    run("bash", ".binder/postBuild", folder=repository, PATH=f"{programs}{os.pathsep}{os.environ['PATH']}")
    return programs
