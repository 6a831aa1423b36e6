"""Who uses a server, and the small process that ends it when the last of them is gone, even if they were killed.

Each user leaves a file in the server's folder (`user-PID_STARTED`), and so does the watcher.
"""

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from filelock import Timeout

from course_lib.lab.postgres.cluster import Cluster
from course_lib.lab.postgres.programs import detached
from course_lib.lab.processes import identity, is_alive

BEGUN: "list[subprocess.Popen[bytes]]" = []
"""Kept: what nobody refers to any more, in a fork for example, warns that its process was forgotten."""


def sign(folder: Path, role: str, pid: int) -> Path:
    """The file in which a process says that it is one of the server's users, or its watcher."""
    return folder / f"{role}-{identity(pid)}"


def has(folder: Path, role: str) -> bool:
    """Whether a process that signed as `role` is alive."""
    return any(is_alive(path.name.partition("-")[2]) for path in folder.glob(f"{role}-*"))


def begin_watcher(folder: Path, *, private: bool) -> None:
    """Start a watcher unless one is at work. Of a `private` server it deletes the folder in the end."""
    if has(folder, "watcher"):
        return
    words = [sys.executable, "-P", __file__, str(folder), *(["private"] if private else [])]
    watcher = subprocess.Popen(words, cwd=folder.anchor, **detached())
    BEGUN.append(watcher)
    sign(folder, "watcher", watcher.pid).touch()
    threading.Thread(target=watcher.wait, daemon=True).start()  # so that it never stays as a zombie


def _watch(folder: Path, *, private: bool) -> None:
    """Wait until the server has had no living user for two seconds, then end it."""
    quiet = 0
    while folder.exists():
        time.sleep(0.5)
        quiet = 0 if has(folder, "user") else quiet + 1
        if quiet >= 4 and _ended_for_want_of_users(folder, private=private):
            return


def _ended_for_want_of_users(folder: Path, *, private: bool) -> bool:
    """False where somebody came, or where the lock of the folder is held by another: then it is tried again."""
    cluster = Cluster(folder)
    try:
        with cluster.locked():
            if has(folder, "user"):
                return False
            cluster.halt()
            for signature in (*folder.glob("user-*"), *folder.glob("watcher-*")):
                signature.unlink()
    except Timeout:
        return False
    if private:
        shutil.rmtree(folder, ignore_errors=True)
    return True


if __name__ == "__main__":
    _watch(Path(sys.argv[1]), private=sys.argv[2:] == ["private"])
