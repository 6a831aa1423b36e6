"""On a JupyterHub, the address of a lesson is told from what the hub says of itself."""

from pathlib import Path

import pytest

from course_lib.school.learner import hubs

VARIABLES = ("USER", "SERVICE_PREFIX", "PUBLIC_URL", "HOST", "BASE_URL", "ROOT_DIR")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of anna, on a hub that tells no more than her name and where her server is."""
    for name in (*(f"JUPYTERHUB_{name}" for name in VARIABLES), "JUPYTER_SERVER_ROOT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("JUPYTERHUB_USER", "anna")
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/anna/")
    return tmp_path


def told(home: Path, notebook: str = "my_course/00_start_here.ipynb") -> str:
    return "\n".join(hubs.where_to_click(home / notebook))


def test_a_laptop_is_no_hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hubs.is_here()
    monkeypatch.delenv("JUPYTERHUB_USER")
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "")
    assert not hubs.is_here()


def test_the_path_stands_behind_an_address_that_only_its_user_knows(home: Path) -> None:
    assert "behind the address of your hub" in told(home)
    assert "\n    /user/anna/lab/tree/my_course/00_start_here.ipynb\n" in told(home)
    assert "In the list of files: my_course → 00_start_here.ipynb" in told(home)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JUPYTERHUB_PUBLIC_URL", "https://hub.school.org/jupyter/user/anna/"),
        ("JUPYTERHUB_HOST", "https://anna.school.org"),
    ],
)
def test_the_whole_address_where_the_hub_knows_it(
    home: Path, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    server = value if variable.endswith("URL") else f"{value}/user/anna/"
    assert f"\n    {server}lab/tree/my_course/00_start_here.ipynb\n" in told(home)
    assert "behind the address" not in told(home)


def test_without_a_prefix_it_is_the_usual_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX")
    monkeypatch.setenv("JUPYTERHUB_BASE_URL", "/jupyter/")
    monkeypatch.setenv("JUPYTERHUB_USER", "anna berg")
    assert "    /jupyter/user/anna%20berg/lab/tree/" in told(home)


def test_what_an_address_cannot_hold_is_written_so_that_it_can(home: Path) -> None:
    assert "/lab/tree/my%20own%20copy/00_start_here.ipynb" in told(home, "my own copy/00_start_here.ipynb")


@pytest.mark.parametrize("variable", ["JUPYTER_SERVER_ROOT", "JUPYTERHUB_ROOT_DIR"])
def test_the_path_begins_at_the_folder_that_jupyterlab_shows(
    home: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(home / "work"))
    assert "/user/anna/lab/tree/my_course/00_start_here.ipynb" in told(home / "work")
    monkeypatch.setenv(variable, str(home.parent))
    assert f"/user/anna/lab/tree/{home.name}/my_course/00_start_here.ipynb" in told(home)
    assert "If it is not there" not in told(home)


def test_a_copy_that_jupyterlab_does_not_show_gets_no_address(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_SERVER_ROOT", str(home / "shown"))
    assert "/lab/tree/" not in told(home)
    assert f"course lab --dir '{home / 'shown' / 'my_course'}'" in told(home)


def test_a_home_behind_a_link_is_the_same_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "real").mkdir()
    try:
        (home / "link").symlink_to(home / "real", target_is_directory=True)
    except OSError:
        pytest.skip("this user may make no links")
    monkeypatch.setenv("HOME", str(home / "link"))
    monkeypatch.setenv("USERPROFILE", str(home / "link"))
    assert "/user/anna/lab/tree/my_course/00_start_here.ipynb" in told(home / "real")


def test_where_only_the_home_is_known_it_says_so(home: Path) -> None:
    assert f"JupyterLab shows you another folder than {home}" in told(home)
