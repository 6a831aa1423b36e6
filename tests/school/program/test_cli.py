"""The program `course` does what its help says, and leaves no process behind."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from jupyter_servers import run_cells, run_in_terminal
from other_users import program_of_nobody
from processes import assert_all_end, lab_with_a_kernel, only_posix, processes_of, started, wait_for, words_of

from course_lib.lab.postgres.os_account import cache
from course_lib.school.kit_files import ROOT, own_programs_first
from course_lib.school.program import cli, doctor
from course_lib.school.program import for_everybody as kit

SHOWS_A_SIGN = """
from course_lib.school.program import cli
cli.COMMANDS[lambda: print("✓ Jürgen") or 0] = {}
shows = [*cli.COMMANDS][-1]
shows.__name__ = "shows"
cli.main(["shows"])
"""
COURSE = (sys.executable, "-m", "course_lib.school.program.cli")


def setting(client: httpx.Client, plugin: str, name: str) -> Any:
    return client.get(f"/lab/api/settings/@jupyterlab/{plugin}").json()["schema"]["properties"][name][
        "default"
    ]


@only_posix
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_course_lab_opens_the_first_lesson_and_leaves_no_process(
    tmp_path: Path, ending: signal.Signals
) -> None:
    with started(*COURSE, "lab", "--dir", "copy", "--no-browser", folder=tmp_path) as (course, address):
        assert httpx.get(address, follow_redirects=True).status_code == 200
        assert kit.FIRST_LESSON in address
        with lab_with_a_kernel(address):
            there = processes_of(course)
            assert any("ipykernel_launcher" in process.cmdline() for process in there)
        os.killpg(course.pid, ending)
        assert_all_end(there)
        assert course.wait() == 0


@only_posix
def test_jupyterlab_asks_no_one_and_shows_whole_notebooks(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = ("lab", "--dir", "copy", "--no-browser", "--port", str(port))
        with started(*COURSE, *words, folder=tmp_path) as (_, address), lab_with_a_kernel(address) as client:
            assert f":{port}/" not in address
            assert setting(client, "apputils-extension:notification", "fetchNews") == "false"
            assert setting(client, "apputils-extension:notification", "checkForUpdates") is False
            assert setting(client, "extensionmanager-extension:plugin", "enabled") is False
            assert setting(client, "notebook-extension:tracker", "windowingMode") == "none"
            assert setting(client, "notebook-extension:tracker", "codeCellConfig")["lineWrap"] is True
            assert client.get("/api/contents/exercises").status_code == 200


@only_posix
def test_a_container_opens_the_browser_outside_by_the_program_that_it_is_told(tmp_path: Path) -> None:
    """That program is given the whole address, with its token: a file of the container would not be found outside."""
    opens = tmp_path / "opens"
    opens.write_text(f"#!/bin/sh\necho \"$1\" > '{tmp_path}/opened.txt'\n")
    opens.chmod(0o755)
    own = {"BROWSER": str(opens), "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    with started(*COURSE, "lab", "--dir", "copy", folder=tmp_path, **own) as (course, address):
        opened = wait_for(
            lambda: (tmp_path / "opened.txt").exists() and (tmp_path / "opened.txt").read_text()
        )
        os.killpg(course.pid, signal.SIGTERM)
        course.wait()
    if sys.platform == "linux":
        assert opened == f"{address}\n"


@only_posix
@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/sh"])
def test_course_is_found_in_cells_and_terminals_and_finds_the_copy_that_is_shown(
    tmp_path: Path, shell: str
) -> None:
    (tmp_path / ".bashrc").write_text("PATH=/usr/bin:/bin\nmine=kept\n")
    words = ("lab", "--dir", "my copy", "--no-browser")
    home = {"HOME": str(tmp_path), "SHELL": shell, "PATH": "/usr/bin:/bin", "COURSE_CACHE": str(cache())}
    with started(*COURSE, *words, folder=tmp_path, **home) as (course, address):
        with lab_with_a_kernel(address) as client:
            [outputs] = run_cells(client, kit.FIRST_LESSON, "!course progress")
            typed = "course progress; echo mine=$mine; cd /; course progress; echo e''nd"
            shown = run_in_terminal(client, typed, until="end\r")
        there = processes_of(course)
        os.killpg(course.pid, signal.SIGTERM)
        assert_all_end(there)
    of_the_copy = f"Your copy: {tmp_path / 'my copy'}"
    assert of_the_copy in "".join(output["text"] for output in outputs)
    assert shown.count(of_the_copy) == 2
    assert ("mine=kept" in shown) == (shell == "/bin/bash")


@contextmanager
def server_of_a_hub(user: str, folder: Path) -> Iterator[httpx.Client]:
    """JupyterLab as a hub starts it for a user whose home is the folder, and who knows no other one."""
    folder.mkdir()
    base, token = f"/user/{user}/", secrets.token_hex(16)
    words = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    words += [f"--ServerApp.base_url={base}", f"--IdentityProvider.token={token}"]
    hub = {"JUPYTERHUB_USER": user, "JUPYTERHUB_SERVICE_PREFIX": base, "JUPYTERHUB_PUBLIC_URL": ""}
    own = {"HOME": str(folder), "COURSE_CACHE": str(folder.parent / "cache"), "PATH": own_programs_first()}
    with started(*words, folder=folder, **hub, **own) as (server, address):
        site, headers = address.partition("/user/")[0], {"Authorization": f"token {token}"}
        with httpx.Client(base_url=f"{site}{base}", headers=headers, timeout=300) as client:
            yield client
        there = processes_of(server)
        os.killpg(server.pid, signal.SIGTERM)
        assert_all_end(there)


@only_posix
def test_on_a_hub_two_users_have_two_copies_and_two_servers_of_postgresql(tmp_path: Path) -> None:
    page, folders = f"lab/tree/my_course/{kit.FIRST_LESSON}", set()
    where = "from course_lib.lab import postgres; print(postgres.shared().folder)"
    with ExitStack() as both:
        users = {name: both.enter_context(server_of_a_hub(name, tmp_path / name)) for name in ("anna", "ben")}
        for name, client in users.items():
            shown, folder = (str(outputs) for outputs in run_cells(client, "new.ipynb", "!course lab", where))
            folders.add(folder)
            assert f"    /user/{name}/{page}\\r\\n" in shown
            assert "127.0.0.1" not in shown
            assert client.get(page).status_code == 200
            assert (tmp_path / name / "my_course" / kit.FIRST_LESSON).is_file()
    assert len(folders) == 2


@only_posix
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_course_serve_brings_its_own_schema(tmp_path: Path, database: str, free_port: int) -> None:
    named = "postgres" if database == "postgres" else f"sqlite+aiosqlite:///{tmp_path}/course.db"
    words = ("serve", "--port", str(free_port))
    with started(*COURSE, *words, folder=tmp_path, COURSE_DATABASE=named) as (course, address):
        site = wait_for(lambda: answer(address))
        assert site.json()["items"] == []
        assert httpx.get(f"{address}/docs").status_code == 200
        assert signed_up_and_logged_in(address)
        os.killpg(course.pid, signal.SIGINT)
        assert_all_end([course])


@pytest.fixture
def free_port() -> int:
    return next(filter(doctor.port_is_free, range(8200, 8300)))


def signed_up_and_logged_in(address: str) -> bool:
    """Whether a new reader finds herself; then she goes again, because the database is somebody's own."""
    name = f"eve-{secrets.token_hex(4)}"
    with httpx.Client(base_url=address, timeout=60) as client:
        known = {"email": f"{name}@example.org", "password": "correct horse"}
        place = f"/users/{client.post('/users', json=known | {'username': name}).json()['id']}"
        client.headers["Authorization"] = f"Bearer {client.post('/login', json=known).json()['token']}"
        found = client.get(place).json()["username"] == name
        return found and client.delete(place).status_code == 204


def answer(address: str) -> httpx.Response | None:
    try:
        return httpx.get(f"{address}/posts")
    except httpx.TransportError:
        return None


def test_a_command_begins_without_what_only_others_need() -> None:
    words = [sys.executable, "-c", "import sys, course_lib.school.program.cli; print(*sys.modules)"]
    imported = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    assert {"sqlalchemy", "IPython", "nbformat", "httpx", "psutil"}.isdisjoint(imported)
    assert "course_lib.school.learner.copies" in imported


def test_course_serve_names_a_taken_port(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["serve", "--port", str(port)]) == 1
    assert f"Port {port} is taken" in capsys.readouterr().err


def test_course_serve_names_a_wrong_database(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("COURSE_DATABASE", "paper")
    assert cli.main(["serve", "--port", str(free_port)]) == 1
    assert "'paper'" in capsys.readouterr().err


def test_an_unknown_word_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["lba"])
    assert "'lba'" in capsys.readouterr().err


def test_an_unknown_step_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["test", "lnit"])
    assert "'lnit' is none of lint, format" in capsys.readouterr().err


def test_no_word_shows_all_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main([])
    shown = capsys.readouterr().out
    assert all(f"    {command.__name__}" in shown for command in cli.COMMANDS)


def test_doctor_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    status = cli.main(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    assert status == (not all(finding["ok"] for finding in findings))


def test_each_step_counts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(kit, "STEPS", {"good": "this --version", "bad": "no_such_module"})
    assert cli.main(["test"]) == 1
    assert cli.main(["test", "bad"]) == 1
    marks = re.findall(r"^([✓✗]) (\w+) +\d+\.\d s$", capsys.readouterr().out, flags=re.MULTILINE)
    assert marks == [("✓", "good"), ("✗", "bad"), ("✗", "bad")]


def test_every_notebook_is_run_by_a_step() -> None:
    words = [file for word in kit.STEPS["lessons"].split() for file in kit._expand(word)]
    notebooks = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("notebooks/**/*.ipynb")}
    assert set(words) >= notebooks


STEP = """
import time
try:
    open("begun", "w").close()
    time.sleep(600)
finally:
    open("cleared", "w").close()
"""
COURSE_WITH_THE_STEP = """
import subprocess, sys
from course_lib.school.program import for_everybody as kit
kit.hear_interrupts()
kit._wait(subprocess.Popen([sys.executable, "-c", sys.argv[1]]))
"""


@only_posix
@pytest.mark.parametrize(
    "before", ["", "exec", "trap '' INT; exec"], ids=["a child", "a shell's", "in the background"]
)
def test_a_step_that_is_interrupted_may_clear_up(tmp_path: Path, before: str) -> None:
    words = [sys.executable, "-c", COURSE_WITH_THE_STEP, STEP]
    if before:
        words = ["sh", "-c", f'{before} "$@"', "sh", *words]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.DEVNULL) as course:
        wait_for((tmp_path / "begun").exists)
        course.terminate()
        assert course.wait(60) != 0
    assert (tmp_path / "cleared").exists()


@pytest.mark.parametrize("port", ["70000", "0", "-1", "x", "８０８０"])
def test_a_port_that_is_none_is_named(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["serve", f"--port={port}"])
    assert f"{port!r} is no port" in capsys.readouterr().err


def course_as(how: dict[str, Any], *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `course` in the kit's folder as another user."""
    command = [how["python"], *COURSE[1:], *words]
    options = how | {"env": how["env"] | environment}
    del options["python"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300, **options
    )


def test_another_user_of_a_shared_kit_works_at_home_and_writes_nothing_into_it() -> None:
    written = {path: path.stat().st_mtime_ns for path in ROOT.rglob("*.ipynb")}
    with program_of_nobody() as how:
        home = how["env"]["HOME"]
        for words in (["lab"], ["exercises"], ["update"], ["progress"], ["reset", "07"]):
            told = course_as(how, *words, JUPYTERHUB_USER="anna")
            assert told.returncode == 0, told.stderr
        assert (Path(home) / "my_course" / kit.FIRST_LESSON).is_file()
        wait_for(lambda: not any(home in " ".join(words_of(each)) for each in psutil.process_iter()))
    assert written == {path: path.stat().st_mtime_ns for path in ROOT.rglob("*.ipynb")}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("slides", "07"), "slides: Permission denied. Go to a folder of your own"),
        (("class", "init", "my_class"), "my_class: Permission denied. Go to a folder of your own"),
        (("test", "lint"), f"The kit in {ROOT} is there for many"),
    ],
    ids=lambda words: words[0],
)
def test_what_another_user_may_not_write_is_named(words: tuple[str, ...], told: str) -> None:
    with program_of_nobody() as how:
        finished = course_as(how, *words)
    assert finished.returncode == 1
    assert finished.stderr.startswith(f"✗ {told}")


@only_posix
def test_a_folder_that_is_gone_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert cli.main(["progress"]) == 1
    assert "The folder that you are in is gone." in capsys.readouterr().err


@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "✓"), ("cp437", "+"), ("ascii", "+")])
def test_a_console_without_the_sign_shows_one_that_it_has(tmp_path: Path, encoding: str, sign: str) -> None:
    """cp437 is what a console of Windows speaks where its words go through a pipe."""
    words = [sys.executable, "-c", SHOWS_A_SIGN]
    own = os.environ | {"PYTHONIOENCODING": encoding}
    shown = subprocess.run(words, env=own, capture_output=True, check=True, cwd=tmp_path).stdout
    assert shown.decode(encoding).split() == [sign, "J?rgen" if encoding == "ascii" else "Jürgen"]
