"""Commands for everybody: open the lessons, look at the machine, serve the web application, check the kit."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from course_lib.school.kit_files import IS_REPOSITORY, PROGRAMS, ROOT, own_programs_first
from course_lib.school.learner import hubs, places
from course_lib.school.program.asking import COPY_SHOWN, copy_at, prepare, refuse
from course_lib.school.program.doctor import PORTS, examine, port_is_free, report

FIRST_LESSON = "00_start_here.ipynb"
UNSEEN = ("notebooks", "tests", "__pycache__", "*.egg-info")
"""In JupyterLab: a learner works on the copy, never on the notebooks that it was made from."""
NOT_NEEDED = (
    "nbgrader.server_extensions.formgrader",
    "nbgrader.server_extensions.validate_assignment",
    "nbgrader.server_extensions.assignment_list",
    "nbgrader.server_extensions.course_list",
    "notebook",
    "notebook_shim",
)
"""What nbgrader brings for a teacher's JupyterLab; without it this one starts sooner."""
TERMINAL = Path(__file__).with_name("terminal.bashrc")
NBVAL = (
    "pytest -n 3 --dist loadfile --no-loadscope-reorder"
    " --nbval --nbval-sanitize-with tests/sanitize.cfg --nbval-cell-timeout 120"
)
# The longest first: begun last, they would keep all others waiting.
NOTEBOOKS = (
    "notebooks/solutions/14*.ipynb notebooks/solutions/17*.ipynb notebooks/solutions/11*.ipynb"
    " notebooks/solutions/*.ipynb notebooks/*.ipynb notebooks/exercises/*.ipynb"
)
STEPS = {
    "lint": "ruff check",
    "format": "ruff format --check",
    "types": "mypy",
    "lessons": f"{NBVAL} {NOTEBOOKS}",
    # Three on two cores: many of them wait for programs that they start.
    "tests": "pytest -n 3 --dist loadfile --no-loadscope-reorder",
}
ON_REQUEST = {
    "browser": "pytest -m browser tests/browser",
    "site": "pytest -m site tests/site",
    "hub": "pytest -m hub tests/hub",
    "guards": "pytest -n 2 -m guards tests/guards",
    "mutants": "pytest -n 2 -m mutants tests/mutants tests/school/judges",
    "places": "pytest -m places tests/places",
    "release": "pytest -m release tests/release",
    "ways": "pytest -n 2 -m ways tests/test_notebooks.py tests/school/judges/test_every_answer.py",
}
"""Run only where they are named: a browser, Sphinx, a JupyterHub and other people's readers of our files are no part of
the kit's environment; mutants are many."""


def lab(folder: Path | None, port: int, no_browser: bool) -> int:
    """open the first lesson in JupyterLab, in your own copy of the course; Ctrl-C ends it (on a hub: where to click)"""
    _prefer_this_environment()
    for finding in examine():
        if not finding.ok:
            print(finding, flush=True)
    copy = copy_at(folder)
    print(*prepare(copy), sep="\n", flush=True)
    if hubs.is_here():
        print("", *hubs.where_to_click(copy / FIRST_LESSON), sep="\n")
        return 0
    return _open(copy, port, browser=not no_browser and _has_display())


def _open(copy: Path, port: int, *, browser: bool) -> int:
    """Run JupyterLab on the copy until it is ended."""
    _offer_own_programs(copy)
    from jupyterlab.labapp import LabApp

    token = secrets.token_hex(16)
    server = LabApp.initialize_server(_jupyter_options(copy, port, token, browser=browser))
    _end_on_every_signal()
    address = f"http://127.0.0.1:{server.port}{_first_page(copy)}?token={token}"
    server.io_loop.add_callback(_announce, "Your first lesson", address)
    server.start()
    return 0


def test(steps: Sequence[str]) -> int:
    """check the kit: code, types, tests, lessons; or only the STEPs named (browser, site, hub and mutants only so)"""
    if not places.may_write(ROOT):
        return refuse(f"The kit in {ROOT} is there for many: only who may write there can check it.")
    _prefer_this_environment()
    os.environ.setdefault(
        "COURSE_ROWS", "100000"
    )  # lesson 08 pages through a million otherwise, with the same outputs
    hear_interrupts()
    rows = [_run_step(name) for name in steps or STEPS]
    print("\n" + "\n".join(f"{'✓' if ok else '✗'} {name:<8} {seconds:6.1f} s" for name, ok, seconds in rows))
    return 0 if all(ok for _, ok, _ in rows) else 1


def every_step() -> dict[str, str]:
    return {**STEPS, **ON_REQUEST}


def doctor(as_json: bool) -> int:
    """look at this machine, and say what to do about what is missing"""
    return report(as_json=as_json)


def serve(port: int) -> int:
    """serve the web application on COURSE_DATABASE; Ctrl-C ends it"""
    import uvicorn
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    from course_lib.app import create_app
    from course_lib.db import create_engine
    from course_lib.errors import CourseError
    from course_lib.lab.databases import database_url
    from course_lib.lab.postgres import PostgresUnavailable

    if not port_is_free(port):
        return refuse(f"Port {port} is taken. Choose another: course serve --port {port + 1}")
    if not IS_REPOSITORY:  # there, the rows lie beside the kit; a wheel's place is not for them
        os.environ.setdefault(
            "COURSE_DATABASE", f"sqlite+aiosqlite:///{Path('course.db').absolute().as_posix()}"
        )
    try:
        url = database_url()
        command.upgrade(Config(toml_file=ROOT / "pyproject.toml", attributes={"url": url}), "head")
    except (CourseError, PostgresUnavailable, CommandError) as error:
        return refuse(str(error))
    _announce(f"The web application on {url!r}; /docs describes it", f"http://127.0.0.1:{port}")
    uvicorn.run(create_app(create_engine(url)), host="127.0.0.1", port=port, log_level="warning")
    return 0


def _jupyter_options(copy: Path, port: int, token: str, *, browser: bool) -> list[str]:
    return [
        f"--ServerApp.root_dir={_top(copy)}",
        f"--LabApp.default_url={_first_page(copy)}",
        f"--ContentsManager.hide_globs={list(UNSEEN)}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        f"--ServerApp.port_retries={len(PORTS) - 1}",
        f"--ServerApp.open_browser={browser}",
        f"--ServerApp.use_redirect_file={_has_screen()}",  # a browser outside of a container cannot open it
        f"--ServerApp.allow_root={_is_root()}",
        "--Application.log_level=WARN",
        "--LabApp.extension_manager=readonly",  # the other one asks the network
        *(f"--ServerApp.jpserver_extensions={name}=False" for name in NOT_NEEDED),
        f"--IdentityProvider.token={token}",
        "--KernelManager.transport_encryption=auto",  # others on this machine cannot listen in
        *([f"--ServerApp.terminado_settings={{'shell_command': {_shell()}}}"] if os.name == "posix" else ()),
    ]


def _top(copy: Path) -> Path:
    """What JupyterLab shows: beside a copy in the kit's folder the library too, to be read."""
    return ROOT if copy.is_relative_to(ROOT) else copy


def _first_page(copy: Path) -> str:
    return f"/lab/tree/{(copy / FIRST_LESSON).relative_to(_top(copy)).as_posix()}"


def _prefer_this_environment() -> None:
    """Notebooks run on this environment's Python, whatever kernel lies in the user's folder."""
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"


def _offer_own_programs(copy: Path) -> None:
    """In notebooks and terminals of this JupyterLab `course` is found, and finds the copy that is shown."""
    own = {"PATH": own_programs_first(), "COURSE_PROGRAMS": str(PROGRAMS), COPY_SHOWN: str(copy)}
    os.environ.update(own)


def _shell() -> list[str]:
    """The user's shell, which keeps the search path that it finds: a login shell would set its own.

    Of bash the user's settings may set it anew, too; it reads ours behind them.
    """
    shell = os.environ.get("SHELL") or shutil.which("bash") or "/bin/sh"
    return [shell, "--rcfile", str(TERMINAL)] if Path(shell).name == "bash" else [shell]


def _announce(what: str, address: str) -> None:
    print(f"\n{what}:\n\n    {address}\n\nCtrl-C ends it.\n", flush=True)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _has_display() -> bool:
    return _has_screen() or bool(os.environ.get("BROWSER"))  # in a container, it names what opens one outside


def _has_screen() -> bool:
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _end_on_every_signal() -> None:
    """Ctrl-C and a closed terminal shut JupyterLab down in good order, as SIGTERM already does, without a question."""
    if os.name == "posix":  # on Windows, Ctrl-C does so by itself
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.getsignal(signal.SIGTERM))


def hear_interrupts() -> None:
    """A program that a script starts in the background hears no Ctrl-C, and neither would its steps, which could then
    not be ended in good order.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _run_step(name: str) -> tuple[str, bool, float]:
    step = every_step()[name]
    print(f"\n── {name}: {step}\n", flush=True)
    began = time.perf_counter()
    words = [file for word in step.split() for file in _expand(word)]
    with subprocess.Popen([sys.executable, "-m", *words], cwd=ROOT) as process:
        status = _wait(process)
    return name, status == 0, time.perf_counter() - began


def _expand(word: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(word)) if "*" in word else [word]


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """The exit status. A signal ends the step as Ctrl-C would, so that it can clear up, and then this program."""
    received = []

    def end(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if number != signal.SIGINT:  # Ctrl-C reaches the step by itself
            process.send_signal(
                signal.SIGINT if os.name == "posix" else signal.SIGTERM
            )  # Windows sends no other

    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if os.name == "posix" else [])]
    before = {number: signal.signal(number, end) for number in numbers}
    status = process.wait()
    for number, handler in before.items():
        signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt
    return status
