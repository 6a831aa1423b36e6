"""Another user of this system: code that root runs as somebody else, and folders that belong to somebody else."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from course_lib.lab.postgres.os_account import is_reachable

NOBODY, UNKNOWN = 65_534, 54_321
"""A user without rights that every Linux knows, and one that none knows."""


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


needs_root = pytest.mark.skipif(not is_root(), reason="only root can run a program as another user")


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """A folder that every user can reach, as they can none of pytest's."""
    with tempfile.TemporaryDirectory(prefix="course-for-all-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def told_as(user: int, code: str, *, imports: str, **environment: str) -> str:
    """What `code` prints as that user. `imports` come first, while root may still read where Python lies."""
    leave = f"import os; os.setgroups([]); os.setgid({user}); os.setuid({user})"
    words = [sys.executable, "-c", f"{imports}\n{leave}\n{code}"]
    clean = {"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(words, env=clean | environment, capture_output=True, text=True, check=True).stdout


@contextmanager
def program_of_nobody() -> Iterator[dict[str, Any]]:
    """How to start a whole program as another user who has a home, and a Python of this version; else a skip."""
    if not is_root():
        pytest.skip("only root can become another user")
    python = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/local/bin:/usr/bin")
    packages, project = Path(psutil.__file__).parents[1], Path(__file__).parents[1]
    if not python or not is_reachable(packages) or not is_reachable(project):
        pytest.skip("another user can run no Python of this version, or cannot read the project")
    with folder_for_all() as home:
        os.chown(home, NOBODY, -1)
        environment = {
            "HOME": str(home),
            "PATH": os.defpath,
            "PYTHONPATH": f"{project}{os.pathsep}{packages}",
        }
        yield {"python": python, "env": environment, "user": NOBODY, "extra_groups": []}
