"""Whom the server runs as, and in which folders: it refuses root, so root lends it another account."""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import platformdirs

from course_lib.lab.postgres.unavailable import PostgresUnavailable


def cache() -> Path:
    """The folder of the servers, or a stand-in where the account of the server cannot go, such as below /root."""
    wanted = os.environ.get("COURSE_CACHE") or platformdirs.user_cache_dir("course_lib", appauthor=False)
    folder = Path(wanted).resolve()
    return folder if is_reachable(folder) else common() / sha256(bytes(folder)).hexdigest()[:8]


def common() -> Path:
    """A folder which all can reach, and only root can make: nobody can have put a trap there."""
    return Path(platformdirs.site_cache_dir("course_lib", appauthor=False))


def server_account() -> dict[str, Any] | None:
    """Whom the server runs as if we are root, as whom PostgreSQL refuses to run; None for everyone else."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise PostgresUnavailable("PostgreSQL refuses to run as root: add a user named postgres to this machine.")


def is_reachable(folder: Path) -> bool:
    """Whether the account of the server may pass through the folder and all above it."""
    present = [path for path in (folder, *folder.parents) if path.exists()]
    return server_account() is None or all(path.stat().st_mode & 0o001 for path in present)


def make(folder: Path) -> None:
    for path in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        path.mkdir(exist_ok=True)
        path.chmod(0o711 if server_account() else 0o700)  # others may at most pass through
