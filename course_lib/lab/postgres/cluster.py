"""A folder of PostgreSQL's rows, with its port and password: made, started, asked and halted.

PostgreSQL's own word for it is a database cluster. Whoever starts or halts one holds the lock of its folder.
"""

import os
import random
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import filelock
import psutil

from course_lib.lab.open_files import patiently
from course_lib.lab.postgres.os_account import server_account
from course_lib.lab.postgres.programs import last_line, run
from course_lib.lab.postgres.unavailable import PostgresUnavailable
from course_lib.lab.processes import lives

PATIENCE_WITH_THE_LOCK = 60
"""Seconds that one program may take to start or halt the server, while another waits."""
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
    # Small, since on a hub each of many learners has one: less memory, fewer processes, less of a log on the disk.
    "shared_buffers": "16MB",
    "synchronize_seqscans": "off",  # else a scan of a table above a quarter of that may begin in its middle
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "max_wal_size": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",  # one process per statement: its plan and its counts are the same each time
}
THROUGH_CMD = os.name == "nt"
INITDB = (
    "--username=postgres --auth=scram-sha-256 --encoding=UTF8 --no-sync "
    "--locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"  # sorts text alike on every system
)


@dataclass(frozen=True)
class Cluster:
    """The rows, port and password of one server, in `folder`; to name it starts nothing."""

    folder: Path

    @property
    def log(self) -> Path:
        """What the server has said since it last started."""
        return self.rows / "server.log"

    @property
    def pid(self) -> int | None:
        """The first process of the server, or None when it does not run."""
        with suppress(OSError, ValueError, IndexError, psutil.Error):
            pid = int(self.pid_file()[0])
            return pid if self._is_of_this_server(psutil.Process(pid)) else None
        return None

    def _is_of_this_server(self, process: psutil.Process) -> bool:
        """After a crash the number may be another program's. Windows runs the server under a token that forbids
        looking at it: then it is ours if somebody listens on its port.
        """
        try:
            return any(Path(word) == self.rows for word in process.cmdline())
        except psutil.AccessDenied:
            return not _is_free(int(self.pid_file()[3]))

    def is_running(self) -> bool:
        return self.pid is not None

    @property
    def rows(self) -> Path:
        return self.folder / "data"

    def locked(self) -> filelock.BaseFileLock:
        return filelock.FileLock(self.folder / "lock", timeout=PATIENCE_WITH_THE_LOCK)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def pid_file(self) -> list[str]:
        return (self.rows / "postmaster.pid").read_text().splitlines()

    def is_ready(self) -> bool:
        """Whether it lets people in: a server that lost one of its processes does not until it has recovered."""
        with suppress(OSError, IndexError):
            return self.pid_file()[7].strip() == "ready" and self._lets_in()
        return False

    def _lets_in(self) -> bool:
        asked = run(["pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.read('port')}"])
        return asked.returncode == 0

    def launch(self) -> None:
        self._refuse_a_name_that_changes_on_its_way()
        self.kill_all()
        if not self.rows.exists():
            self._initialise()
        # Kubernetes opens the homes that it mounts to their group, and PostgreSQL refuses such rows.
        self.rows.chmod(0o700)
        for leftover in (self.rows / "postmaster.pid", self.log):
            patiently(partial(leftover.unlink, missing_ok=True))
        for _ in range(3):  # another program may take the port before the server does
            port = self._choose_port()
            (self.folder / "port").write_text(str(port))
            # Said at every start: rows that an older version of the kit left behind get today's settings.
            settings = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
            if self._pg_ctl("start", "-l", str(self.log), "-o", f"-p {port} {settings}").returncode == 0:
                return
        line = last_line(self.log.read_text(errors="replace")) if self.log.exists() else "it wrote no log"
        hint = f"If this stays so, delete {self.folder} and start anew."
        raise PostgresUnavailable(f"PostgreSQL did not start: {line}. {hint}")

    def _refuse_a_name_that_changes_on_its_way(self) -> None:
        """On Windows pg_ctl starts the server through cmd.exe, which puts a variable's value where %NAME% stands."""
        if THROUGH_CMD and "%" in str(self.folder):
            advice = "Set COURSE_CACHE to a folder without it."
            raise PostgresUnavailable(
                f"PostgreSQL cannot start in {self.folder}: there is a % in its name. {advice}"
            )

    def _initialise(self) -> None:
        """Make the rows' folder under another name first: half of one is never taken for a whole one."""
        draft, password = self.folder / "data.draft", self.folder / "password"
        shutil.rmtree(draft, ignore_errors=True)
        password.unlink(missing_ok=True)
        draft.mkdir(mode=0o700)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        if account := server_account():
            for path in (draft, password):
                os.chown(path, account["user"], account["group"])
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        paths = ["--pgdata", str(draft), "--pwfile", str(password)]
        finished = run(["initdb", *INITDB.split(), *paths, *settings], account)
        if finished.returncode != 0:
            line = last_line(finished.stdout)
            raise PostgresUnavailable(f"PostgreSQL could not make its folder {self.rows}: {line}.")
        patiently(lambda: draft.rename(self.rows))

    def _choose_port(self) -> int:
        """The port of the last time, unless another program listens there now."""
        last = [int(self.read("port"))] if (self.folder / "port").exists() else []
        return next(port for port in (*last, *random.sample(PORTS, 100)) if _is_free(port))

    def _pg_ctl(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return run(["pg_ctl", *words, "-D", str(self.rows), "-w", "-t", "30"], server_account())

    def halt(self) -> None:
        if self.is_running():
            self._pg_ctl("stop", "-m", "fast")
        self.kill_all()

    def kill_all(self) -> None:
        """End every process of the server, also one that was busy when the first was killed: none starts beside it."""
        processes = []
        if (pid := self.pid) is not None:
            with suppress(psutil.Error):
                processes.append(psutil.Process(pid))
                processes += processes[0].children(recursive=True)
        processes += [process for process in psutil.process_iter() if self._works_in_rows(process)]
        for process in processes:
            with suppress(psutil.Error):
                process.kill()
        wait_for(lambda: not any(map(lives, processes)))

    def _works_in_rows(self, process: psutil.Process) -> bool:
        """Not to be told on Windows, where nobody may look at the server."""
        with suppress(psutil.Error):
            return process.name() == "postgres" and Path(process.cwd()) == self.rows
        return False

    def sql(self, *statements: str) -> str:
        """What psql answers to all of them, one after another: 9 ms, no event loop and no import of a driver."""
        address = {"PGHOST": "127.0.0.1", "PGPORT": self.read("port"), "PGPASSWORD": self.read("password")}
        commands = [word for statement in statements for word in ("-c", statement)]
        finished = run(
            ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", *commands], environment=address
        )
        if finished.returncode != 0:
            line = last_line(finished.stdout)
            raise PostgresUnavailable(f"PostgreSQL did not carry out {'; '.join(statements)!r}: {line}")
        return finished.stdout


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise PostgresUnavailable(f"PostgreSQL has neither started nor ended within {seconds:g} seconds.")
        time.sleep(0.01)


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
