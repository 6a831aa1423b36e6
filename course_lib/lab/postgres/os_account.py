"""Whom the server runs as, and in which folders: it refuses root, so root lends it another account."""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import platformdirs

from course_lib.lab.postgres.unavailable import PostgresUnavailable


def cache() -> Path:
    """The folder of this user's servers, or a stand-in where the account of the server cannot go, as below /root.

    Raises PostgresUnavailable where this user may not make that folder.
    """
    named = os.environ.get("COURSE_CACHE")
    usual = platformdirs.user_cache_dir("course_lib", appauthor=False)
    folder = _own_part(Path(named).resolve()) if named else Path(usual).resolve()
    _refuse_what_is_closed(folder)
    return folder if is_reachable(folder) else common() / sha256(bytes(folder)).hexdigest()[:8]


def _own_part(folder: Path) -> Path:
    """A folder of this user's own in one that is there for many: else they would share a server, or meet a closed door.

    Users of a JupyterHub may all be one user of the system; others are known by whom the folder belongs to.
    """
    if on_hub := os.environ.get("JUPYTERHUB_USER"):
        return folder / f"user-{quote(on_hub, safe='@')}"
    return folder / f"user-{_name_of(os.geteuid())}" if _is_anothers(folder) else folder


def _refuse_what_is_closed(folder: Path) -> None:
    """The first folder above that is there has to let this user in, and to take a new folder."""
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110
    if os.name == "posix" and not os.access(there, os.W_OK | os.X_OK):
        raise PostgresUnavailable(
            f"PostgreSQL cannot keep its rows in {folder}: {there} belongs to {_name_of(there.stat().st_uid)}, "
            f"and you may not write there. Set COURSE_CACHE to a folder of your own, or have that one opened for "
            f"all: chmod 1777 {there}"
        )


def _is_anothers(folder: Path) -> bool:
    return os.name == "posix" and os.path.exists(folder) and folder.stat().st_uid != os.geteuid()  # noqa: PTH110


def _name_of(user: int) -> str:
    """The name of a user of this system, or the number of one that it does not know, as in some containers."""
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


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
