"""A JupyterHub with its proxy on this machine, two users of it, and the kit installed once for both."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from kit_copies import NOT_COPIED, lay_packages_into

from course_lib.school.kit_files import ROOT

PATIENCE = 600.0  # seconds; what is waited for takes less than sixty
PASSWORD = secrets.token_urlsafe(16)
NAMES = ("anna", "ben")
NO_EXAM_OF_PATHS = "rfc3987-syntax"
"""What the override of pyproject.toml leaves out of the lock, and pip brings back with JupyterHub: see there."""


class CannotTry(Exception):
    """Something that the hub needs is not here; the message says what to install."""


@dataclass(frozen=True)
class User:
    """One of the hub; `account` is the same name where the system knows it, else ''."""

    name: str
    home: Path
    account: str

    def processes(self) -> list[psutil.Process]:
        """All that runs in this home: JupyterLab, kernels, PostgreSQL and its watcher."""
        return [process for process in psutil.process_iter() if _home_of(process) == str(self.home)]

    def postgres_folders(self) -> set[str]:
        """Where the user's PostgreSQL servers keep their rows."""
        lines = [_words(process) for process in self.processes()]
        return {words[words.index("-D") + 1] for words in lines if "-D" in words}


@dataclass(frozen=True)
class Hub:
    """A running one."""

    address: str
    proxy: Path
    process: psutil.Process

    def log_in(self, user: User) -> httpx.Client:
        """Log in as the page does, start the user's server, and give a client that talks to it."""
        with httpx.Client(base_url=self.address, timeout=PATIENCE, follow_redirects=True) as page:
            page.get("/hub/login").raise_for_status()
            form = {"username": user.name, "password": PASSWORD, "_xsrf": page.cookies["_xsrf"]}
            page.post("/hub/login?next=/hub/home", data=form).raise_for_status()
            page.get("/hub/home").raise_for_status()
            xsrf = {"X-XSRFToken": _newest(page, "_xsrf"), "Referer": f"{self.address}/hub/home"}
            made = page.post(f"/hub/api/users/{user.name}/tokens", headers=xsrf, json={"note": "lesson"})
            token = {"Authorization": f"token {made.raise_for_status().json()['token']}"}
        with httpx.Client(base_url=self.address, headers=token, timeout=PATIENCE) as api:
            api.post(f"/hub/api/users/{user.name}/server").raise_for_status()
            wait_for(lambda: _is_ready(api, user.name))
        return httpx.Client(base_url=f"{self.address}/user/{user.name}", headers=token, timeout=PATIENCE)


def _is_ready(api: httpx.Client, name: str) -> bool:
    server = api.get(f"/hub/api/users/{name}").json()["servers"].get("")
    assert server, f"the server of {name} has ended; hub.log says why"
    return bool(server["ready"])


def wait_for(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def python_for_all() -> Path:
    """This Python, or one of the same version that every user of the system may start."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = Path(sys.executable).resolve()
    found = [own, *(Path(place) for place in [shutil.which(version, path=os.defpath)] if place)]
    return next(filter(_is_open_to_all, found), own)


def kit_for_all(folder: Path) -> Path:
    """The kit in a folder that everybody may read, with JupyterHub in its environment, as hub.md installs it."""
    kit = shutil.copytree(ROOT, folder / "course", ignore=NOT_COPIED)
    _run(str(python_for_all()), "-m", "venv", "--without-pip", str(kit / ".venv"))
    lay_packages_into(kit / ".venv")
    pip = (str(kit / ".venv/bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check")
    _run(*pip, "install", "--no-deps", "--no-build-isolation", "--editable", str(kit))
    wanted = tomllib.loads((kit / "pyproject.toml").read_text("utf-8"))["dependency-groups"]["hub"]
    _run(*pip, "install", "--constraint", str(kit / "constraints.txt"), *wanted)
    _run(*pip, "uninstall", "--yes", NO_EXAM_OF_PATHS)
    return kit


def proxy_in(folder: Path) -> Path:
    """The proxy that JupyterHub starts, fetched with npm."""
    if not shutil.which("npm") or not shutil.which("node"):
        raise CannotTry("npm is not here: install Node.js with npm, which brings the proxy of JupyterHub.")
    _run("npm", "install", "--no-fund", "--no-audit", "--prefix", str(folder), "configurable-http-proxy")
    return folder / "node_modules/.bin/configurable-http-proxy"


@contextmanager
def two_users(folder: Path) -> Iterator[list[User]]:
    """As root, two new users of the system, gone afterwards; else two of the hub alone, who are all you."""
    if os.geteuid() or not shutil.which("useradd") or not _is_open_to_all(python_for_all()):
        yield [User(name, folder / name, "") for name in NAMES]
        return
    ending = secrets.token_hex(3)
    users = [User(f"{name}{ending}", folder / f"{name}{ending}", f"{name}{ending}") for name in NAMES]
    try:
        for user in users:
            _run("useradd", "--create-home", "--home-dir", str(user.home), "--shell", "/bin/bash", user.name)
        yield users
    finally:
        for user in users:
            subprocess.run(["userdel", user.name], check=False, capture_output=True)


@contextmanager
def running(kit: Path, proxy: Path, users: list[User], folder: Path) -> Iterator[Hub]:
    """A hub with the settings of hub.md; afterwards none of its processes is left."""
    ports = _free_ports(3)
    config, log = folder / "config.py", folder / "hub.log"
    config.write_text(_settings(kit, proxy, users, ports), encoding="utf-8")
    environment = os.environ | {"PATH": f"{kit / '.venv/bin'}:{os.environ.get('PATH', os.defpath)}"}
    for name in ("PYTHONPATH", "COURSE_CACHE", "COURSE_COPY", "COURSE_DATABASE", "VIRTUAL_ENV"):
        environment.pop(name, None)
    words = [str(kit / ".venv/bin/python"), "-m", "jupyterhub", "--config", str(config)]
    with log.open("w") as file:
        process = psutil.Popen(
            words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    hub = Hub(f"http://127.0.0.1:{ports[0]}", proxy, process)
    try:
        wait_for(lambda: _answers(f"{hub.address}/hub/api") or process.poll() is not None)
        assert process.poll() is None, log.read_text()[-3000:]
        yield hub
    finally:
        _end(process, users)


def memory_of(processes: list[psutil.Process]) -> int:
    """Bytes: each page that several processes share is counted in parts, where the system can tell."""
    total = 0
    for process in processes:
        with suppress(psutil.Error):
            told = process.memory_full_info() if sys.platform == "linux" else process.memory_info()
            total += getattr(told, "pss", told.rss)
    return total


def _settings(kit: Path, proxy: Path, users: list[User], ports: list[int]) -> str:
    public, api, inner = (f"http://127.0.0.1:{port}" for port in ports)
    names = {user.name for user in users}
    simple = (
        "c.JupyterHub.spawner_class = 'simple'\n"
        f"c.Spawner.home_dir_template = {f'{users[0].home.parent}/{{username}}'!r}\n"
        f"c.Spawner.args.append('--ServerApp.allow_root={os.geteuid() == 0}')\n"
    )
    return (
        f"load_subconfig({str(kit / 'notebooks/teaching/hub_config.py')!r})\n"
        "c = get_config()\n"
        f"c.JupyterHub.bind_url = {public!r}\n"
        f"c.JupyterHub.public_url = {f'{public}/'!r}\n"
        f"c.JupyterHub.hub_bind_url = {inner!r}\n"
        f"c.ConfigurableHTTPProxy.api_url = {api!r}\n"
        f"c.ConfigurableHTTPProxy.command = [{str(proxy)!r}]\n"
        "c.JupyterHub.authenticator_class = 'dummy'\n"
        f"c.DummyAuthenticator.password = {PASSWORD!r}\n"
        f"c.Authenticator.allowed_users = {names!r}\n"
        "c.Spawner.start_timeout = 300\nc.Spawner.http_timeout = 300\n"
    ) + ("" if users[0].account else simple)


def _end(process: psutil.Process, users: list[User]) -> None:
    """End the hub in good order, then by their numbers whatever of it is left."""
    there = process.children(recursive=True)
    process.terminate()
    with suppress(psutil.TimeoutExpired):
        process.wait(60)
    there += [left for user in users for left in user.processes()]
    _, left = psutil.wait_procs(there, timeout=30)  # PostgreSQL ends two seconds after its last user
    for each in (*left, process):
        with suppress(psutil.Error):
            each.kill()
    psutil.wait_procs([*left, process], timeout=30)


def _run(*words: str) -> None:
    finished = subprocess.run(words, capture_output=True, text=True, check=False)
    if finished.returncode:
        told = (finished.stderr or finished.stdout).strip()[-2000:]
        raise CannotTry(f"`{' '.join(words)}` did not work; a hub needs the network to be installed.\n{told}")


def _is_open_to_all(program: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (program, *program.parents))


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _answers(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(address).status_code == 200
    return False


def _newest(page: httpx.Client, name: str) -> str:
    """The hub's cookie: one of the same name is set for each of its folders."""
    return [cookie.value or "" for cookie in page.cookies.jar if cookie.name == name][-1]


def _home_of(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return str(process.environ().get("HOME", ""))
    return ""


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []
