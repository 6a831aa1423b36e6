"""Where your own copy lies: beside a repository that is yours alone, else at home."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from course_lib.school.kit_files import IS_REPOSITORY, ROOT
from course_lib.school.learner import hubs
from course_lib.school.learner.files import WorkspaceError

NAME = "my_course"


def own_copy(kit: Path = ROOT) -> Path:
    """Where your copy is, or will be made, when you name no other place. Raises WorkspaceError."""
    is_beside = IS_REPOSITORY and not is_shared(kit)  # beside what a wheel installed, pip would throw it away
    return (kit if is_beside else _home()) / NAME


def is_shared(kit: Path = ROOT) -> bool:
    """Whether the kit is there for many: on a hub, in a folder of somebody else, or where you may write nothing."""
    return hubs.is_here() or not (_is_mine(kit) or _is_root()) or not may_write(kit)


def left_beside(kit: Path = ROOT) -> Path | None:
    """A copy of yours beside a kit that was your own before, and is there for many now."""
    copy = kit / NAME
    return copy if is_shared(kit) and os.path.isdir(copy) and _is_mine(copy) else None  # noqa: PTH112


def may_write(folder: Path) -> bool:
    """Whether you may make a file there. Windows tells that only to who tries."""
    if os.name == "posix":
        return os.access(folder, os.W_OK | os.X_OK)
    trial = folder / f".course-{secrets.token_hex(4)}"
    with suppress(OSError):
        trial.touch(exist_ok=False)
        trial.unlink()
        return True
    return False


def _is_mine(folder: Path) -> bool:
    return not hasattr(os, "geteuid") or folder.stat().st_uid == os.geteuid()


def _is_root() -> bool:
    """To whom no kit is another's: in a container a laptop's folder keeps the number of its owner."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # an account of which the system knows nothing but its number
        raise WorkspaceError(
            "The system knows no home of yours. Name a folder for your copy: `course start DIR`."
        ) from None
