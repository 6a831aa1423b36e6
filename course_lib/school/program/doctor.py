"""Looks at this machine, one thing at a time, and says what to do about what is missing."""

import importlib.metadata
import json
import os
import platform
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from course_lib.school.kit_files import ROOT as ROOT  # where notebooks of an older kit look for it
from course_lib.school.learner import hubs
from course_lib.school.program.asking import copy_at

PORTS = range(8888, 8939)  # the ports that `course lab` tries, one after the other


@dataclass(frozen=True)
class Finding:
    """What one check found; `fix` is empty when all is well."""

    name: str
    ok: bool
    found: str
    fix: str = ""

    def __str__(self) -> str:
        line = f"{'✓' if self.ok else '✗'} {self.name:<20} {self.found}"
        return line if self.ok else f"{line}\n  {'':<20} → {self.fix}"


@dataclass(frozen=True)
class Check:
    """One look at the machine: `look` returns what it found, or raises an error that says what is wrong."""

    name: str
    look: Callable[[], str]
    fix: str

    def run(self) -> Finding:
        try:
            return Finding(self.name, True, self.look())
        except Exception as error:  # whatever it is: the learner hears of it, and the other checks run
            return Finding(self.name, False, f"{error}" or type(error).__name__, self.fix)


def python_version() -> str:
    from packaging.specifiers import SpecifierSet

    version, wanted = platform.python_version(), importlib.metadata.metadata("course-lib")["Requires-Python"]
    if not SpecifierSet(wanted).contains(version, prereleases=True):
        raise RuntimeError(f"Python {version}, but the kit needs {wanted}")
    return version


def greenlet_switch() -> str:
    """Really switches: the package can be there and still be built for another processor."""
    import greenlet

    return str(greenlet.greenlet(lambda: greenlet.__version__).switch())


def sqlite_version() -> str:
    if sqlite3.sqlite_version_info < (3, 35):
        raise RuntimeError(f"SQLite {sqlite3.sqlite_version}, but the kit needs 3.35")
    return sqlite3.sqlite_version


def sqlite_returning() -> str:
    with _two_tables() as connection:
        row = connection.execute("INSERT INTO parent DEFAULT VALUES RETURNING id").fetchone()
    return f"an INSERT gives back its id: {row[0]}"


def sqlite_foreign_keys() -> str:
    with _two_tables() as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        try:
            connection.execute("INSERT INTO child VALUES (1)")
        except sqlite3.IntegrityError:
            return "a child without a parent is refused"
    raise RuntimeError("a child without a parent was accepted")


def postgres_server() -> str:
    from course_lib.lab import postgres

    postgres.shared()
    return f"version {postgres.VERSION} starts and answers"


def notebook_kernel() -> str:
    """Asks Jupyter which program it would start, then asks that program where it lives."""
    from jupyter_client.manager import KernelManager

    program = KernelManager(kernel_name="python3").format_kernel_cmd()[0]
    question = [program, "-c", "import sys; print(sys.prefix)"]
    home = subprocess.run(question, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    if Path(home).resolve() != Path(sys.prefix).resolve():
        raise RuntimeError(f"notebooks would run in {home}, not in {sys.prefix}")
    return "notebooks run in this environment's Python"


def write_access() -> str:
    """In the learner's own copy, or where it will be made."""
    copy = copy_at(None)
    with tempfile.TemporaryFile(dir=copy if copy.is_dir() else copy.parent) as file:
        file.write(b"a learner's answer")
    return "your notebooks can be written"


def free_port() -> str:
    if hubs.is_here():
        return "none is needed: the hub shows your notebooks"
    free = next(filter(port_is_free, PORTS), None)
    if free is None:
        raise RuntimeError(f"all ports from {PORTS[0]} to {PORTS[-1]} are taken")
    return f"{free} is free" if free == PORTS[0] else f"{PORTS[0]} is taken; {free} is free and will be used"


ANEW = "delete .venv, then make it anew: make lab"
OTHER_PYTHON = "take another Python, which brings its own SQLite: make lab PYTHON=python3.13"
CHECKS = (
    Check("Python", python_version, "install one of those, then: make lab PYTHON=python3.13"),
    Check("greenlet", greenlet_switch, ANEW),
    Check("SQLite", sqlite_version, OTHER_PYTHON),
    Check("SQLite RETURNING", sqlite_returning, OTHER_PYTHON),
    Check("SQLite foreign keys", sqlite_foreign_keys, OTHER_PYTHON),
    Check("PostgreSQL", postgres_server, "go on without: every lesson runs on SQLite too (see README.md)"),
    Check(
        "notebook kernel", notebook_kernel, "start with `course lab`; `jupyter kernelspec list` shows them"
    ),
    Check("write access", write_access, "make a copy in a folder of your own: course start DIR"),
    Check("port", free_port, "end one of those programs, or choose a port: course lab --port 9000"),
)


def examine(checks: Iterable[Check] = CHECKS) -> Iterator[Finding]:
    """Run the checks one by one, so that each line can be shown while the next one runs."""
    return (check.run() for check in checks)


def report(*, as_json: bool = False) -> int:
    """Print the findings, and return 1 if one of them needs a fix."""
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            print(finding, flush=True)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    return 0 if all(finding.ok for finding in findings) else 1


def port_is_free(number: int) -> bool:
    with socket.socket() as listener:
        if os.name == "posix":  # on Windows this option would take a port away from its owner
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


@contextmanager
def _two_tables() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE child (parent_id INTEGER REFERENCES parent)")
        yield connection
