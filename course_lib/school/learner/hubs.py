"""JupyterHub: whether we are on one, and the address at which it opens a notebook.

What is known comes from the variables that a hub gives each server that it starts, with all that runs in it.
"""

import os
from pathlib import Path
from urllib.parse import quote


def is_here() -> bool:
    """Whether this program runs in a server that a JupyterHub started."""
    return any(os.environ.get(name) for name in ("JUPYTERHUB_USER", "JUPYTERHUB_SERVICE_PREFIX"))


def where_to_click(notebook: Path) -> list[str]:
    """How to open the notebook in the JupyterLab that runs already, in lines to print."""
    told = _top_as_told()
    top, place = (Path(os.path.realpath(path)) for path in (told or Path("~").expanduser(), notebook))
    if not place.is_relative_to(top):
        inside = top / place.parent.name
        return [
            f"JupyterLab shows you the folder {top}, and {place.parent} lies outside of it.",
            f"Make a copy that it shows: course lab --dir '{inside}'",
        ]
    path = place.relative_to(top)
    lines = [
        *_address(f"lab/tree/{quote(path.as_posix())}"),
        f"In the list of files: {' → '.join(path.parts)}",
    ]
    if told is None:
        lines.append(f"If it is not there, JupyterLab shows you another folder than {top}:")
        lines.append("make a copy in that one, with `course lab --dir DIR`.")
    return lines


def _address(page: str) -> list[str]:
    """The whole address if the hub knows its own, as JupyterHub 5 can; else the part behind the hub's."""
    public = os.environ.get("JUPYTERHUB_PUBLIC_URL") or os.environ.get("JUPYTERHUB_HOST", "") + _prefix()
    behind = "" if "://" in public else ", behind the address of your hub"
    return [f"Your first lesson{behind}:", "", f"    {public.rstrip('/')}/{page}", ""]


def _prefix() -> str:
    usual = (
        f"{os.environ.get('JUPYTERHUB_BASE_URL', '/')}user/{quote(os.environ.get('JUPYTERHUB_USER', ''))}/"
    )
    return os.environ.get("JUPYTERHUB_SERVICE_PREFIX") or usual


def _top_as_told() -> Path | None:
    """The folder that JupyterLab shows, as it tells its terminals, or as the hub was set. Else it is the home."""
    told = os.environ.get("JUPYTER_SERVER_ROOT") or os.environ.get("JUPYTERHUB_ROOT_DIR")
    return Path(told).expanduser() if told else None
